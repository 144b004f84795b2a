"""Two metrics of the chosen neurons, as points or, of many neurons, as cells of a grid with exact counts."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from gluscope_core.columns import NeuronColumn
from gluscope_core.errors import BadSettings
from gluscope_core.io_classes import IO_CLASSES, class_codes
from gluscope_core.layered import average_ranks
from gluscope_core.metrics import Metric
from gluscope_core.schema import COSINES, LAYER, NEURON

MOST_POINTS = 10_000
_LAYERS = re.compile(r"\s{0,9}([0-9]{1,6})\s{0,9}(?:-\s{0,9}([0-9]{1,6})\s{0,9})?")
_LONGEST_LIST = 2_000
_COLUMNS, _ROWS = 96, 64
_FEW = 64
"""Different values, up to which each has its own column or row of cells."""


class Plain(StrEnum):
    """What points can be coloured by beside metrics."""

    NONE = "no colour"
    IO_CLASS = "IO class"
    ROLE = "role"


Colouring = Metric | Plain
NO_ROLE = "no role"


def columns_of(x: Metric, y: Metric, colouring: Colouring) -> tuple[str, ...]:
    """What has to be read."""
    needed = [LAYER, NEURON, *x.columns, *x.error_columns, *y.columns, *y.error_columns]
    if isinstance(colouring, Metric):
        needed += colouring.columns
    elif colouring is Plain.IO_CLASS:
        needed += COSINES
    elif colouring is Plain.ROLE:
        needed.append(NeuronColumn.ROLE)
    return tuple(dict.fromkeys(map(str, needed)))


@dataclass(frozen=True)
class Pair:
    """Neurons that have both metrics, sorted by layer, with `x`, `y`, their errors where known, and `colour`."""

    neurons: pd.DataFrame
    left_out: tuple[str, ...]
    """How many neurons lack what, as phrases."""

    def of_layers(self, layers: Sequence[int]) -> "Pair":
        return Pair(self.neurons.loc[np.isin(self.neurons[LAYER].to_numpy(), layers)], self.left_out)


def pair(frame: pd.DataFrame, x: Metric, y: Metric, colouring: Colouring, threshold: float) -> Pair:
    neurons = frame.loc[:, [LAYER, NEURON]]
    missing = np.zeros(len(frame), dtype=bool)
    left_out = []
    for axis, metric in (("x", x), ("y", y)):
        values = metric.values(frame)
        lacking = ~np.isfinite(values)
        if lacking.any() and not (axis == "y" and metric is x):
            left_out.append(f"{lacking.sum():,} without {metric.name}")
        missing |= lacking
        neurons[axis] = values
        errors = metric.errors(frame)
        if errors is not None:
            neurons[f"{axis}_error"] = errors
    if colouring is not Plain.NONE:
        neurons["colour"] = _colours(frame, colouring, threshold)
    return Pair(neurons.loc[~missing].reset_index(drop=True), tuple(left_out))


def _colours(frame: pd.DataFrame, colouring: Colouring, threshold: float) -> np.ndarray | pd.Categorical:
    if isinstance(colouring, Metric):
        return colouring.values(frame)
    if colouring is Plain.ROLE:
        return pd.Categorical(frame[NeuronColumn.ROLE].astype(object).fillna(NO_ROLE))
    cosines = (frame[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in COSINES)
    return pd.Categorical.from_codes(class_codes(*cosines, threshold=threshold), [kind.value for kind in IO_CLASSES])


def placed(neurons: pd.DataFrame, *, by_rank: bool) -> pd.DataFrame:
    """With `plot_x` and `plot_y`: the values, or their percentiles, which no far-off value can squeeze together."""
    if not by_rank:
        return neurons.assign(plot_x=neurons["x"], plot_y=neurons["y"])
    ranks = {axis: average_ranks(neurons[axis].to_numpy()) for axis in ("x", "y")}
    percent = {f"plot_{axis}": 100 * each / max(len(neurons), 1) for axis, each in ranks.items()}
    return neurons.assign(**percent)


@dataclass(frozen=True)
class Grid:
    """Cells that hold neurons, and the cell of each neuron."""

    cells: pd.DataFrame
    """`cell`, `x_from`, `x_to`, `y_from`, `y_to`, `count`, and the `colour` of its neurons: the mean of a number, the
    most frequent kind (with the `share` of neurons that are of it)."""
    cell_of: np.ndarray


def grid(neurons: pd.DataFrame) -> Grid:
    """Of neurons that are placed."""
    x_edges = _edges(neurons["plot_x"].to_numpy(), _COLUMNS)
    y_edges = _edges(neurons["plot_y"].to_numpy(), _ROWS)
    column, row = _bin(neurons["plot_x"].to_numpy(), x_edges), _bin(neurons["plot_y"].to_numpy(), y_edges)
    cell_of = column * (len(y_edges) - 1) + row
    counts = np.bincount(cell_of)
    occupied = np.flatnonzero(counts)
    column, row = np.divmod(occupied, len(y_edges) - 1)
    bounds = {"x_from": x_edges[column], "x_to": x_edges[column + 1], "y_from": y_edges[row], "y_to": y_edges[row + 1]}
    cells = pd.DataFrame({"cell": occupied, **bounds, "count": counts[occupied]})
    return Grid(cells.join(_cell_colours(neurons, cell_of), on="cell"), cell_of)


def _edges(values: np.ndarray, size: int) -> np.ndarray:
    distinct = np.unique(values)
    if len(distinct) > _FEW:
        return np.linspace(distinct[0], distinct[-1], size + 1)
    if len(distinct) == 1:
        return distinct[0] + np.array([-0.5, 0.5])
    middles = (distinct[1:] + distinct[:-1]) / 2
    return np.concatenate([[2 * distinct[0] - middles[0]], middles, [2 * distinct[-1] - middles[-1]]])


def _bin(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)


def _cell_colours(neurons: pd.DataFrame, cell_of: np.ndarray) -> pd.DataFrame:
    if "colour" not in neurons:
        return pd.DataFrame(index=np.unique(cell_of))
    colours = neurons["colour"]
    if pd.api.types.is_numeric_dtype(colours):
        return pd.DataFrame({"colour": colours.groupby(cell_of).mean()})
    kinds = colours.astype("category").cat
    codes, size = kinds.codes.to_numpy(), len(kinds.categories)
    known = codes >= 0
    cells, place = np.unique(cell_of[known], return_inverse=True)
    counts = np.bincount(place * size + codes[known], minlength=len(cells) * size).reshape(len(cells), size)
    most = kinds.categories.to_numpy()[counts.argmax(axis=1)]
    return pd.DataFrame({"colour": most, "share": counts.max(axis=1) / counts.sum(axis=1)}, index=cells)


def selected(neurons: pd.DataFrame, cells: Grid | None, selection: Mapping[str, Any]) -> pd.DataFrame:
    """The neurons (placed) within a brush, or else in the cells that were picked; none where nothing is selected."""
    brush = selection.get("brush") or {}
    inside = np.full(len(neurons), bool(brush))
    for name, (low, high) in brush.items():
        inside &= neurons["plot_x" if "x" in name else "plot_y"].between(low, high).to_numpy()
    picked = selection.get("pick") or []
    if cells is not None and picked and not brush:
        inside = np.isin(cells.cell_of, [int(each["cell"]) for each in picked])
    return neurons.loc[inside]


def parse_layers(text: str, existing: Sequence[int]) -> list[int]:
    """`0-3, 14`; all for an empty text. A layer that the dataset lacks is an error, and so is any other spelling."""
    if not text.strip():
        return list(existing)
    chosen: set[int] = set()
    for part in text[:_LONGEST_LIST].replace("–", "-").split(","):
        match = _LAYERS.fullmatch(part)
        if match is None or len(text) > _LONGEST_LIST:
            raise BadSettings(f"{text[:40]!r} names no layers: write them as 0-3, 14")
        first, last = int(match[1]), int(match[2] or match[1])
        chosen |= {layer for layer in existing if first <= layer <= last}
        if first not in existing or last not in existing or first > last:
            have = f"{existing[0]} to {existing[-1]}" if len(existing) == existing[-1] - existing[0] + 1 else existing
            raise BadSettings(f"There are no layers {part.strip()} here: name some of {have}")
    return sorted(chosen)

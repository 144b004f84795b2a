"""Worked examples: claims tried on a dataset, each with figures computed from it, a verdict by rule, and caveats."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import pandas as pd

from gluscope_core.layered import Layered
from gluscope_core.manifest import Manifest
from gluscope_core.metrics import Source, missing_stages
from gluscope_core.neuron_view import how_to_get_weights
from gluscope_core.schema import LAYER
from gluscope_core.vega import LayerAxis, Spec


class Verdict(StrEnum):
    HOLDS = "holds here"
    PARTLY = "holds in part"
    FAILS = "does not hold here"

    @classmethod
    def of(cls, *held: bool) -> "Verdict":
        return cls.HOLDS if all(held) else cls.PARTLY if any(held) else cls.FAILS


@dataclass(frozen=True)
class Evidence:
    """What a finding may use of a dataset."""

    manifest: Manifest
    neurons: pd.DataFrame
    """Sorted by layer."""
    striking: pd.DataFrame | None
    samples: pd.DataFrame | None

    @property
    def axis(self) -> LayerAxis:
        return LayerAxis(relative=False, layers=self.manifest.model.layers)

    @property
    def layer(self) -> np.ndarray:
        return self.neurons[LAYER].to_numpy()

    def values(self, column: str) -> np.ndarray:
        return self.neurons[column].to_numpy(dtype=np.float64, na_value=np.nan)


@dataclass(frozen=True)
class Link:
    """A view, or a neuron, with its state."""

    label: str
    page: str
    state: dict[str, str]


@dataclass(frozen=True)
class Outcome:
    verdict: Verdict
    text: str
    """Markdown: what the dataset says."""
    caveat: str
    chart: Spec | None = None
    data: pd.DataFrame | None = None
    """Of the chart, where it does not hold its own."""
    square: bool = False
    """Both axes of the chart are cosines."""
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Finding:
    key: str
    title: str
    claim: str
    """As the paper has it; for a finding of our own, the question."""
    origin: str
    source: Source
    columns: tuple[str, ...]
    try_on: Callable[[Evidence], Outcome | None]
    """None where the dataset has the columns but nobody in them to speak of."""
    tables: tuple[str, ...] = field(default=())
    """That it needs beside the neurons."""


OWN = "our own question"
IO_PAPER = "the paper on input-output functionality"
GLUSCOPE_PAPER = "the GLUScope paper"
INPUT_OUTPUT_PAGE, EXPLORE_PAGE, NEURON_PAGE = "pages/input_output.py", "pages/explore.py", "pages/neuron.py"


def why_not(finding: Finding, manifest: Manifest) -> str | None:
    """What the dataset lacks for a finding, and what computes it."""
    commands = {
        "run": "it has weights only; `python -m compute run` with texts computes activations",
        "weights": f"its weights have not been analysed; {how_to_get_weights(manifest).removesuffix('.')}",
    }
    reasons = [commands[stage] for stage in missing_stages(finding.source, manifest)]
    lacking = [table for table in finding.tables if not manifest.files_of(table)]
    if not reasons and lacking:
        reasons = [f"it has no table {' and no table '.join(lacking)}"]
    return f"Not tried on this dataset: {'; '.join(reasons)}." if reasons else None


@dataclass(frozen=True)
class Together:
    """Pearson's r of two figures."""

    pooled: float
    within: float
    by_layer: dict[int, float]

    @property
    def lowest(self) -> int:
        """The layer of the least one."""
        return min(self.by_layer, key=self.by_layer.__getitem__)

    @property
    def highest(self) -> int:
        return max(self.by_layer, key=self.by_layer.__getitem__)


def together(layer: np.ndarray, x: np.ndarray, y: np.ndarray) -> Together:
    """Of neurons sorted by layer that have both; NaN where one of the two is constant."""
    known = np.isfinite(x) & np.isfinite(y)
    layer, x, y = layer[known], x[known], y[known]
    values = Layered.of(layer, x, y)
    sums = values.sums()
    with np.errstate(divide="ignore", invalid="ignore"):
        by_layer = sums.xy / np.sqrt(sums.xx * sums.yy)
        within = sums.xy.sum() / np.sqrt(sums.xx.sum() * sums.yy.sum())
        pooled = np.corrcoef(x, y)[0, 1]
    return Together(float(pooled), float(within), dict(zip(values.names.tolist(), by_layer.tolist(), strict=True)))


def ranked(layer: np.ndarray, *values: np.ndarray) -> list[np.ndarray]:
    """Ranks within each layer, as shares of it."""
    return [Layered.of(layer, each, each).ranks(each) for each in values]


def partial(xy: float, xz: float, yz: float) -> float:
    """The correlation of x and y when what both share with z is taken away."""
    return (xy - xz * yz) / float(np.sqrt((1 - xz**2) * (1 - yz**2)))

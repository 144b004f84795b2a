"""Reading the original's `summary*.pt`, a dictionary of tensors, layer by layer, in its own column names."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from compute.durable import sha256_of
from gluscope_core.errors import ImportRefused
from gluscope_core.schema import LAYER, NEURON
from gluscope_core.vocabulary import (
    CASES,
    TOP_LISTS,
    ExampleList,
    Field,
    SignConvention,
    Stat,
    case_quantities,
    freq_column,
    stat_column,
)

SUMMARY_PATTERN = "summary*.pt"
_MEAN_KEYS = ("sum", "mean")
"""What the original calls sum it has divided by the number of tokens when it writes it."""
_FIELDS = {Field.VALUES: "values", Field.INDICES: "indices"}
_NEURON_AXES = 2


@dataclass(frozen=True)
class Summary:
    """All figures; tensors are read from the file as they are asked for."""

    path: Path
    layers: int
    d_mlp: int
    scalars: Mapping[str, Tensor]
    """By the column that they become; layer × neuron."""
    lists: Mapping[ExampleList, Mapping[Field, Tensor]]
    """k × layer × neuron."""

    @property
    def fingerprint(self) -> str:
        return sha256_of(self.path)

    @property
    def convention(self) -> SignConvention:
        """As the original names its files."""
        return SignConvention.ALIGNED if self.path.stem.endswith("_refactored") else SignConvention.UNKNOWN

    @property
    def top_k(self) -> int:
        return max((len(each[Field.VALUES]) for each in self.lists.values()), default=0)

    @property
    def least(self) -> float:
        """Of all listed values of act."""
        acts = [each[Field.VALUES] for which, each in self.lists.items() if which.valued == "swish"]
        return min((float(values.min()) for values in acts), default=0.0)

    def rows(self, layer: int) -> pa.Table:
        """One layer, as the original would write it to parquet."""
        columns: dict[str, Any] = {LAYER: np.full(self.d_mlp, layer), NEURON: np.arange(self.d_mlp)}
        columns |= {name: values[layer].to(torch.float32).numpy() for name, values in self.scalars.items()}
        for each, content in self.lists.items():
            for field, values in content.items():
                flat = values[:, layer].T.contiguous().numpy().ravel()
                columns[each.column(field)] = pa.FixedSizeListArray.from_arrays(pa.array(flat), len(values))
        return pa.table(columns)


def read_summary(path: Path) -> Summary:
    content = _load(path)
    if not isinstance(content, dict):
        raise ImportRefused(f"{path} is a {type(content).__name__}, no summary: give what b_activations.py wrote")
    scalars = {freq_column(case): content.get((case.column, "freq")) for case in CASES}
    if not all(isinstance(each, Tensor) for each in scalars.values()):
        raise ImportRefused(f"{path} lacks the frequencies of some case: give what b_activations.py wrote")
    for case, quantity in case_quantities():
        keys = [(case.column, quantity.value, name) for name in _MEAN_KEYS]
        scalars[stat_column(case, quantity, Stat.MEAN)] = next((content[key] for key in keys if key in content), None)
    there = {name: each for name, each in scalars.items() if each is not None}
    lists = {each: found for each in TOP_LISTS if (found := _list_of(content, each, path)) is not None}
    shape = there[freq_column(CASES[0])].shape
    _refuse_other_shapes(path, shape, there, lists)
    layers, d_mlp = shape
    return Summary(path, layers, d_mlp, there, lists)


def _load(path: Path) -> object:
    """Only tensors and containers of them: nothing in the file is run."""
    problem: Exception | None = None
    for mapped in (True, False):  # files of old versions cannot be mapped
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
        except Exception as error:  # noqa: BLE001  # torch raises no narrower class
            problem = error
    reason = (str(problem) or type(problem).__name__).strip().splitlines()[0]
    raise ImportRefused(f"{path} is no summary of tensors ({reason}): give what b_activations.py wrote")


def _list_of(content: Mapping, each: ExampleList, path: Path) -> dict[Field, Tensor] | None:
    found = content.get((each.case.column, each.valued.value, "max"))
    if found is None:
        return None
    if not isinstance(found, dict) or not all(isinstance(found.get(name), Tensor) for name in _FIELDS.values()):
        raise ImportRefused(
            f"{path}: {each.case.column} {each.valued} has no values and indices: give what b_activations.py wrote"
        )
    return {field: found[name] for field, name in _FIELDS.items()}


def _refuse_other_shapes(
    path: Path,
    shape: torch.Size,
    scalars: Mapping[str, object],
    lists: Mapping[ExampleList, Mapping[Field, Tensor]],
) -> None:
    wrong = [name for name, each in scalars.items() if not isinstance(each, Tensor) or each.shape != shape]
    for each, content in lists.items():
        values, indices = content[Field.VALUES], content[Field.INDICES]
        if values.shape != indices.shape or values.ndim != _NEURON_AXES + 1 or values.shape[1:] != shape:
            wrong.append(each.column(Field.VALUES))
    if len(shape) != _NEURON_AXES or not shape.numel() or wrong:
        named = f"{wrong[0]} and {len(wrong) - 1} others" if wrong else "its frequencies"
        raise ImportRefused(
            f"{path} is damaged: {named} are not of {tuple(shape)}, layer × neuron: give what b_activations.py wrote"
        )

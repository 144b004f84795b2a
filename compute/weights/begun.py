"""What an unfinished analysis of weights keeps: which one it is, and what its pass over the layers found."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from compute.durable import flush, read_record, sha256_of, write_record
from compute.saved import write_tensors
from compute.settings import refuse_other_work
from compute.weights.directions import Directions, LayerFigures
from gluscope_core.errors import DatasetDamaged
from gluscope_core.manifest import EnvironmentRecord, MismatchRecord, ModelRecord
from gluscope_core.vocabulary import Vector

_COLUMN, _NORM, _HEAD, _REGIONS = "column ", "norm ", "head ", "regions"
_FIGURES = "figures.safetensors"


@dataclass(frozen=True)
class Begun:
    """What decides every byte of an analysis."""

    model: ModelRecord
    choice: dict[str, Any]
    tokens: str
    """SHA-256 over the ids that the vocabulary uses."""
    environment: EnvironmentRecord

    def claim(self, home: Path) -> "Begun":
        """Begins in a folder, or finds that just this was begun there; with the threads that it goes on with."""
        home.mkdir(parents=True, exist_ok=True)
        found = read_record(home / "begun.json", Begun, _remedy(home))
        if found is None:
            write_record(home / "begun.json", self)
            return self
        refuse_other_work(found, self, home, "an analysis of weights")
        return found


@dataclass(frozen=True)
class _LayersDone:
    """Makes what the pass over the layers left valid."""

    sha256: dict[str, str]


@dataclass(frozen=True)
class Pass:
    """What one look at each layer gives."""

    directions: Directions
    heads: Mapping[int, Tensor]
    figures: list[LayerFigures]


def keep_pass(home: Path, done: Pass) -> None:
    tensors = {f"{_NORM}{vector}": torch.from_numpy(norm) for vector, norm in done.directions.norm.items()}
    tensors |= {f"{_HEAD}{layer}": head for layer, head in done.heads.items()}
    for name in done.figures[0].columns:
        tensors[_COLUMN + name] = torch.from_numpy(np.concatenate([each.columns[name] for each in done.figures]))
    regions = [(each.mismatched.gate_in, each.mismatched.gate_out, each.mismatched.in_out) for each in done.figures]
    tensors[_REGIONS] = torch.tensor(regions, dtype=torch.float64)
    write_tensors(home / _FIGURES, tensors)
    done.directions.flush()
    for vector in Vector:
        flush(home / f"{vector}.npy")
    names = [_FIGURES, *(f"{vector}.npy" for vector in Vector)]
    write_record(home / "layers.json", _LayersDone({name: sha256_of(home / name) for name in names}))


def kept_pass(home: Path, layers: int, per_layer: int) -> Pass | None:
    """None where the pass was not finished: its layers follow from each other, and reading them is most of it."""
    found = read_record(home / "layers.json", _LayersDone, _remedy(home))
    if found is None:
        return None
    for name, sha256 in found.sha256.items():
        if not (home / name).is_file() or sha256_of(home / name) != sha256:
            raise DatasetDamaged(f"{home / name} is damaged: {_remedy(home)}")
    tensors = load_file(home / _FIGURES)
    norm = {vector: tensors[f"{_NORM}{vector}"].numpy() for vector in Vector}
    heads = {int(name.removeprefix(_HEAD)): each for name, each in tensors.items() if name.startswith(_HEAD)}
    columns = {name.removeprefix(_COLUMN): each.numpy() for name, each in tensors.items() if name.startswith(_COLUMN)}
    directions = Directions.opened(home, norm, layers, per_layer)
    figures = [
        LayerFigures(
            {name: values[directions.rows(layer)] for name, values in columns.items()},
            MismatchRecord(layer, *(tuple(region) for region in tensors[_REGIONS][layer].tolist())),
        )
        for layer in range(layers)
    ]
    return Pass(directions, dict(sorted(heads.items())), figures)


def _remedy(home: Path) -> str:
    return f"remove {home} and repeat the command"

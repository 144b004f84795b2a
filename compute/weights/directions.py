"""The directions of all neurons' weights, on disk; norms and cosines; what cosines chance alone gives in a layer."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from compute.gated import GatedMLP
from gluscope_core.columns import NeuronColumn
from gluscope_core.records import MismatchRecord
from gluscope_core.schema import COSINES, NORMS
from gluscope_core.vocabulary import VECTORS, Coordinates, SignConvention, Vector

_SHIFTS = range(1, 9)
"""Pairs of different neurons: each with the ones that follow it at these distances."""
_REGION = (0.025, 0.975)
PAIRS = {
    NeuronColumn.COS_GATE_IN: (Vector.GATE, Vector.IN),
    NeuronColumn.COS_GATE_OUT: (Vector.GATE, Vector.OUT),
    NeuronColumn.COS_IN_OUT: (Vector.IN, Vector.OUT),
}


@dataclass(frozen=True)
class Directions:
    """Unit vectors of every neuron in the signs of the dataset, in files, since they may be larger than memory."""

    unit: dict[Vector, Float[np.ndarray, "neuron d_model"]]
    norm: dict[Vector, Float[np.ndarray, "neuron"]]
    layers: int
    per_layer: int

    @classmethod
    def within(cls, folder: Path, layers: int, per_layer: int, d_model: int) -> "Directions":
        """What is there already stays, apart from norms."""
        folder.mkdir(parents=True, exist_ok=True)
        neurons = layers * per_layer
        unit = {vector: _file_with_room(cls.path(folder, vector), (neurons, d_model)) for vector in VECTORS}
        return cls(unit, {vector: np.zeros(neurons) for vector in VECTORS}, layers, per_layer)

    @staticmethod
    def path(folder: Path, vector: Vector) -> Path:
        return folder / f"{vector}.float32"

    @property
    def neurons(self) -> int:
        return self.layers * self.per_layer

    def rows(self, layer: int) -> slice:
        return slice(layer * self.per_layer, (layer + 1) * self.per_layer)

    def of(self, vector: Vector, rows: slice, device: torch.device | str = "cpu") -> Float[Tensor, "some d_model"]:
        return torch.from_numpy(self.unit[vector][rows]).to(device)


def _file_with_room(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """All of it is taken of the disk at once: where that is full later, writing to memory ends the process."""
    mapped = np.memmap(path, np.float32, "r+" if path.exists() else "w+", shape=shape)
    with path.open("rb+") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return mapped


@dataclass(frozen=True)
class LayerFigures:
    """What the weights of one layer say by themselves; columns of the neurons table."""

    columns: dict[str, np.ndarray]
    mismatched: MismatchRecord


def take_layer(
    number: int, mlp: GatedMLP, convention: SignConvention, coordinates: Coordinates, directions: Directions
) -> LayerFigures:
    """Keeps a layer's directions, and says what its cosines are."""
    flipped = mlp.points_apart(coordinates)
    gate, linear, out = mlp.weights(coordinates, dtype=torch.float32)
    if convention is SignConvention.ALIGNED:
        sign = torch.where(flipped, -1.0, 1.0)[:, None]
        linear, out = linear * sign, out * sign
    rows, unit = directions.rows(number), {}
    columns: dict[str, np.ndarray] = {NeuronColumn.FLIPPED: flipped.numpy()}
    for vector, values, name in zip(VECTORS, (gate, linear, out), NORMS, strict=True):
        length = values.norm(dim=1)
        norm = torch.where(length.isfinite(), length, torch.nan)  # of weights that are not finite numbers
        unit[vector] = values / norm[:, None]
        columns[name] = norm.numpy()
        directions.norm[vector][rows] = norm.nan_to_num(0).numpy()
        directions.unit[vector][rows] = unit[vector].nan_to_num(0).numpy()
    for name in COSINES:
        one, other = (unit[vector] for vector in PAIRS[name])
        columns[name] = (one * other).sum(dim=1).numpy()
    return LayerFigures(columns, _mismatched(number, unit))


def _mismatched(layer: int, unit: dict[Vector, Float[Tensor, "neuron d_model"]]) -> MismatchRecord:
    regions = []
    for name in COSINES:
        one, other = (unit[vector] for vector in PAIRS[name])
        shifts = [shift for shift in _SHIFTS if shift < len(one)]
        pairs = [(one[shift:] * other[:-shift]).sum(dim=1) for shift in shifts]
        pairs += [(one[:shift] * other[-shift:]).sum(dim=1) for shift in shifts]
        known = torch.cat(pairs).numpy() if pairs else np.zeros(0, np.float32)
        known = known[~np.isnan(known)]
        low, high = np.quantile(known, _REGION) if len(known) else (np.nan, np.nan)
        regions.append((float(low), float(high)))
    return MismatchRecord(layer, *regions)

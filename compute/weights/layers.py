"""What one look at each layer of a model gives, kept layer by layer, so that whoever is cut off goes on."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from compute.durable import flush
from compute.weights.directions import Directions, LayerFigures
from gluscope_core.columns import NeuronColumn
from gluscope_core.errors import DatasetDamaged
from gluscope_core.records import MismatchRecord, ModelRecord
from gluscope_core.schema import COSINES, NORMS
from gluscope_core.vocabulary import VECTORS

NAME = "layers"
"""Of this part of the work."""
_DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Layers:
    """Of all layers, those that were looked at filled in. The directions lie in files of their own, and what they are
    is known by their SHA-256."""

    home: Path
    directions: Directions
    figures: dict[str, Tensor]
    """Columns of the neurons table."""
    regions: Float[Tensor, "layer pair 2"]
    """Of cosines of different neurons' weights."""
    seeking: Float[Tensor, "layer head d_model"]
    """What attention seeks in the first token."""
    has_heads: Bool[Tensor, "layer"]
    """Where anything can be said of that."""
    made: Float[Tensor, "1 1 d_model"]
    """Of the first token, by the last layer that was looked at."""
    sha256: UInt8[Tensor, "layer vector byte"]

    @classmethod
    def none(cls, home: Path, model: ModelRecord, heads: int) -> "Layers":
        neurons = model.layers * model.d_mlp
        numbers = {name: torch.zeros(neurons) for name in (*NORMS, *COSINES)}
        return cls(
            home,
            Directions.within(home, model.layers, model.d_mlp, model.d_model),
            {NeuronColumn.FLIPPED: torch.zeros(neurons, dtype=torch.bool), **numbers},
            torch.zeros(model.layers, len(COSINES), 2, dtype=torch.float64),
            torch.zeros(model.layers, heads, model.d_model),
            torch.zeros(model.layers, dtype=torch.bool),
            torch.zeros(1, 1, model.d_model),
            torch.zeros(model.layers, len(VECTORS), _DIGEST, dtype=torch.uint8),
        )

    def tensors(self) -> dict[str, Tensor]:
        """All that a look at a layer changes, but the directions; the same memory."""
        norms = {f"norm {vector}": torch.from_numpy(norm) for vector, norm in self.directions.norm.items()}
        others = ("regions", "seeking", "has_heads", "made", "sha256")
        return {**self.figures, **norms, **{name: getattr(self, name) for name in others}}

    def put(self, number: int, figures: LayerFigures) -> None:
        """Takes up a layer whose directions are in place."""
        rows, mismatched = self.directions.rows(number), figures.mismatched
        for name, values in figures.columns.items():
            self.figures[name][rows] = torch.from_numpy(values)
        regions = (mismatched.gate_in, mismatched.gate_out, mismatched.in_out)
        self.regions[number] = torch.tensor(regions, dtype=torch.float64)
        self.sha256[number] = self._digests(number)

    def put_heads(self, number: int, seeking: Float[Tensor, "head d_model"] | None) -> None:
        if seeking is not None:
            self.has_heads[number], self.seeking[number] = True, seeking

    def flush(self) -> None:
        for vector, unit in self.directions.unit.items():
            if isinstance(unit, np.memmap):
                unit.flush()
            flush(Directions.path(self.home, vector))

    def check(self, done: int) -> None:
        for number in range(done):
            for vector, same in zip(VECTORS, (self._digests(number) == self.sha256[number]).all(dim=1), strict=True):
                if not same:
                    path = Directions.path(self.home, vector)
                    raise DatasetDamaged(f"{path} is damaged: remove {self.home / NAME} and repeat the command")

    def _digests(self, number: int) -> UInt8[Tensor, "vector byte"]:
        rows = self.directions.rows(number)
        digests = (hashlib.sha256(self.directions.unit[vector][rows].data).digest() for vector in VECTORS)
        return torch.tensor([list(digest) for digest in digests], dtype=torch.uint8)

    @property
    def columns(self) -> dict[str, np.ndarray]:
        return {name: values.numpy() for name, values in self.figures.items()}

    @property
    def heads(self) -> dict[int, Float[Tensor, "head d_model"]]:
        """By layer."""
        return {number: self.seeking[number] for number in self.has_heads.nonzero().flatten().tolist()}

    @property
    def mismatched(self) -> tuple[MismatchRecord, ...]:
        layers = enumerate(self.regions.tolist())
        return tuple(MismatchRecord(layer, *(tuple(region) for region in regions)) for layer, regions in layers)

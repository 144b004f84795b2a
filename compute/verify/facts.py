"""What the checks share: how a violation is named, what figures are held against, lists as flat arrays."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from compute.chance import sample_positions
from gluscope_core.activations import activation
from gluscope_core.columns import TextColumn
from gluscope_core.errors import DatasetDamaged
from gluscope_core.manifest import Manifest
from gluscope_core.records import RunRecord, TextsRecord
from gluscope_core.schema import LAYER, NEURON
from gluscope_core.vocabulary import Case, Quantity

_NAMED_PER_COLUMN = 3


@dataclass(frozen=True)
class Violation:
    file: str
    neuron: str
    column: str
    problem: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.neuron, self.column, self.problem) if part)


@dataclass(frozen=True)
class Places:
    """The texts that lists and windows are held against."""

    manifest: Manifest
    texts: TextsRecord
    ids: np.ndarray
    bounds: np.ndarray
    window: int
    skip_first: int

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.bounds)


@dataclass(frozen=True)
class Facts(Places):
    """What all figures are held against."""

    run: RunRecord

    @classmethod
    def of(cls, manifest: Manifest, texts: pa.Table) -> "Facts":
        if manifest.texts is None or manifest.run is None:
            raise DatasetDamaged(
                f"{manifest.model.id}: the manifest does not say how its texts were run: compute the dataset again"
            )
        run, lists = manifest.run, Lists.of(texts, TextColumn.INPUT_IDS)
        bounds = np.concatenate([[0], np.cumsum(lists.sizes)])
        return cls(manifest, manifest.texts, lists.values, bounds, run.window, run.skip_first, run)

    @cached_property
    def sampled(self) -> tuple[np.ndarray, np.ndarray]:
        """Texts and positions of the samples."""
        run = self.run
        return sample_positions(self.lengths, run.skip_first, run.samples, run.seed)


def sign_in(manifest: Manifest, case: Case, quantity: Quantity) -> int:
    """The sign that a quantity has within a case; 0 for act and post where act of a negative gate is 0, as with
    ReLU."""
    if quantity in (Quantity.GATE, Quantity.IN) or case.gate_sign > 0:
        return case.sign_of(quantity)
    negative = int(np.sign(activation(manifest.model.activation)(np.array(-1.0))))
    return -case.sign_of(quantity) * negative


class Check:
    """Yields violations for the rows of one file where a condition fails."""

    def __init__(self, file: str, table: pa.Table) -> None:
        self._file = file
        self._ids = [np.asarray(table.column(name)) for name in (LAYER, NEURON)]

    def __call__(
        self, holds: np.ndarray, column: str, problem: str, rows: np.ndarray | None = None
    ) -> Iterator[Violation]:
        failing = np.flatnonzero(~holds)
        where = np.unique(failing if rows is None else rows[failing])
        for row in where[:_NAMED_PER_COLUMN]:
            yield Violation(self._file, f"{self._ids[0][row]}.{self._ids[1][row]}", column, problem)
        if len(where) > _NAMED_PER_COLUMN:
            yield Violation(self._file, f"and {len(where) - _NAMED_PER_COLUMN} more neurons", column, problem)


@dataclass(frozen=True)
class Lists:
    """A list column flattened: values, and how many each row has."""

    values: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, table: pa.Table, column: str) -> "Lists":
        combined = table.column(column).combine_chunks()
        values = combined.flatten().to_numpy(zero_copy_only=False)
        return cls(values, combined.value_lengths().fill_null(0).to_numpy().astype(np.int64))

    @property
    def rows(self) -> np.ndarray:
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @property
    def ranks(self) -> np.ndarray:
        starts = np.cumsum(self.sizes) - self.sizes
        return np.arange(len(self.values)) - np.repeat(starts, self.sizes)


def keys(table: pa.Table) -> list[tuple[int, int]]:
    return list(zip(table.column(LAYER).to_pylist(), table.column(NEURON).to_pylist(), strict=True))


def same_neurons(table: pa.Table, statistics: pa.Table) -> bool:
    return all(table.column(name).equals(statistics.column(name)) for name in (LAYER, NEURON))

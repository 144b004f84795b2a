"""The entries of some neurons' lists as columns, whether or not their positions are known."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gluscope_core.ids import NeuronId
from gluscope_core.vocabulary import LISTS, QUANTITIES

UNKNOWN = -1
"""The position of an entry of which only the text is known."""
_LIST_NUMBERS: dict[tuple[str, str | None], int] = {
    (each.case.column, each.quantity): number for number, each in enumerate(LISTS)
}


@dataclass(frozen=True)
class Listed:
    """Entries end to end, neuron by neuron, in the order of the schema."""

    ids: tuple[NeuronId, ...]
    sizes: np.ndarray
    """How many entries each list of each neuron has."""
    values: np.ndarray
    texts: np.ndarray
    positions: np.ndarray

    @classmethod
    def of(cls, frames: Mapping[NeuronId, pd.DataFrame]) -> "Listed":
        """From what `Dataset.examples` gives. A value of 0, or no text, is how some say that there is no entry."""
        sizes, parts = [], []
        for frame in frames.values():
            numbers = _list_numbers(frame)
            there = frame["text"].notna().to_numpy() & (frame["value"].to_numpy() != 0)
            order = np.argsort(numbers, kind="stable")
            parts.append(frame.iloc[order[there[order]]])
            sizes.append(np.bincount(numbers[there], minlength=len(LISTS)))
        entries = pd.concat(parts, ignore_index=True)
        return cls(
            tuple(frames),
            np.stack(sizes),
            entries["value"].to_numpy(np.float32),
            entries["text"].to_numpy(np.int64),
            entries["position"].astype("float64").fillna(UNKNOWN).to_numpy(np.int64),
        )

    @property
    def owners(self) -> np.ndarray:
        """Number of each entry's neuron."""
        return np.repeat(np.arange(len(self.ids)), self.sizes.sum(axis=1))

    @property
    def lists(self) -> np.ndarray:
        """Number of each entry's list."""
        return np.repeat(np.tile(np.arange(len(LISTS)), len(self.ids)), self.sizes.ravel())

    @property
    def layers(self) -> np.ndarray:
        """Of each entry."""
        return np.array([each.layer for each in self.ids])[self.owners]

    def scales(self) -> np.ndarray:
        """For each entry the largest magnitude that its neuron's lists have of its quantity."""
        quantities = np.array([QUANTITIES.index(each.valued) for each in LISTS])[self.lists]
        largest = np.zeros((len(self.ids), len(QUANTITIES)))
        np.maximum.at(largest, (self.owners, quantities), np.abs(self.values))
        return largest[self.owners, quantities]

    def at(self, positions: np.ndarray) -> "Listed":
        return replace(self, positions=positions)


def _list_numbers(frame: pd.DataFrame) -> np.ndarray:
    quantities = [name if isinstance(name, str) else None for name in frame["quantity"]]
    return np.array([_LIST_NUMBERS[key] for key in zip(frame["case"], quantities, strict=True)], np.int64)

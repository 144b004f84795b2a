"""Everything known so far about one layer: what batches add to, shards and resumes join, and checkpoints keep."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from compute.reduce import Activations, Moments, Reduction, TextSums, add_texts, ranks
from compute.toplists import TopLists
from gluscope_core.vocabulary import RANDOM_LISTS, TOP_LISTS


@dataclass(frozen=True)
class Samples:
    """gate and in at chosen positions: numbered once for the whole run, filled by the batches that hold them."""

    filled: Bool[Tensor, "sample"]
    gate: Float[Tensor, "sample neuron"]
    linear: Float[Tensor, "sample neuron"]

    @classmethod
    def none(cls, samples: int, neurons: int, device: torch.device | str = "cpu") -> "Samples":
        empty = torch.zeros(samples, neurons, device=device)
        return cls(torch.zeros(samples, dtype=torch.bool, device=device), empty, empty.clone())

    def merge(self, other: "Samples") -> "Samples":
        def either(mine: Tensor, theirs: Tensor) -> Tensor:
            return torch.where(self.filled[:, None], mine, theirs)

        return Samples(self.filled | other.filled, either(self.gate, other.gate), either(self.linear, other.linear))

    def take(
        self, seen: Activations, slot: Int[Tensor, "some"], text: Int[Tensor, "some"], position: Int[Tensor, "some"]
    ) -> None:
        """Fills, in place, the slots whose positions lie in this batch."""
        self.filled[slot] = True
        self.gate[slot] = seen.gate[text, position].float()
        self.linear[slot] = seen.linear[text, position].float()


@dataclass(frozen=True)
class SampleSlots:
    """Which samples lie in a batch: slot in the state, row of the batch, position in the text."""

    slot: Int[Tensor, "some"]
    text: Int[Tensor, "some"]
    position: Int[Tensor, "some"]


@dataclass(frozen=True)
class Signs:
    """Which neurons have w_gate and w_in that point apart; a fact of the weights, the same in every part of a run."""

    flipped: Bool[Tensor, "neuron"]


@dataclass(frozen=True)
class LayerState:
    signs: Signs
    moments: Moments
    top: TopLists
    random: TopLists
    samples: Samples
    first: Samples
    """One sample: the first position of the first text that has one."""

    @classmethod
    def none(
        cls, flipped: Bool[Tensor, "neuron"], top_k: int, random_k: int, window: int, samples: int
    ) -> "LayerState":
        neurons, device = len(flipped), flipped.device
        return cls(
            Signs(flipped),
            Moments.none(neurons, device),
            TopLists.none(len(TOP_LISTS), neurons, top_k, window, device),
            TopLists.none(len(RANDOM_LISTS), neurons, random_k, window, device),
            Samples.none(samples, neurons, device),
            Samples.none(1, neurons, device),
        )

    @property
    def neurons(self) -> int:
        return self.moments.zero.shape[0]

    def merge(self, other: "LayerState") -> "LayerState":
        """What both saw; in any order and grouping the same, but for the last bits of sums."""
        return LayerState(
            self.signs,
            self.moments + other.moments,
            self.top.merge(other.top),
            self.random.merge(other.random),
            self.samples.merge(other.samples),
            self.first.merge(other.first),
        )

    def observe(
        self, seen: Activations, reduction: Reduction, samples: SampleSlots, first: SampleSlots
    ) -> "LayerState":
        """With one more batch. Lists and samples change in place: they are most of the memory."""
        sums = TextSums(*reduction(seen.gate, seen.linear, seen.act, seen.counted, seen.priority))
        bids = ranks(sums)
        self.top.offer(bids[: len(TOP_LISTS)], seen, TOP_LISTS)
        self.random.offer(bids[len(TOP_LISTS) :], seen, RANDOM_LISTS)
        self.samples.take(seen, samples.slot, samples.text, samples.position)
        self.first.take(seen, first.slot, first.text, first.position)
        return replace(self, moments=self.moments + add_texts(sums, seen.counted))

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name, for a file."""
        return {
            f"{part.name}.{field.name}": getattr(getattr(self, part.name), field.name)
            for part in fields(self)
            for field in fields(getattr(self, part.name))
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> "LayerState":
        kinds = {
            "signs": Signs,
            "moments": Moments,
            "top": TopLists,
            "random": TopLists,
            "samples": Samples,
            "first": Samples,
        }
        return cls(
            **{
                name: kind(**{field.name: tensors[f"{name}.{field.name}"] for field in fields(kind)})
                for name, kind in kinds.items()
            }
        )

"""Everything known so far about one layer: what batches add to, shards and resumes join, and checkpoints keep."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from compute.kernels import Kernels
from compute.reduce import Activations, Moments, Reduced, add_up
from compute.toplists import TopLists, hosted
from gluscope_core.vocabulary import RANDOM_LISTS, TOP_LISTS


@dataclass(frozen=True)
class Samples:
    """gate and in at chosen positions: numbered once for the whole run, filled by the batches that hold them."""

    filled: Bool[Tensor, "sample"]
    gate: Float[Tensor, "neuron sample"]
    linear: Float[Tensor, "neuron sample"]

    @classmethod
    def none(cls, samples: int, neurons: int, device: torch.device | str = "cpu") -> "Samples":
        empty = torch.zeros(neurons, samples, device=device)
        return cls(torch.zeros(samples, dtype=torch.bool, device=device), empty, empty.clone())

    def to(self, device: torch.device) -> "Samples":
        return Samples(*(hosted(tensor, device) for tensor in (self.filled, self.gate, self.linear)))

    def merge(self, other: "Samples") -> "Samples":
        def either(mine: Tensor, theirs: Tensor) -> Tensor:
            return torch.where(self.filled, mine, theirs)

        return Samples(self.filled | other.filled, either(self.gate, other.gate), either(self.linear, other.linear))

    def take(self, seen: Activations, slots: "SampleSlots") -> None:
        """Fills, in place, the slots whose tokens lie in this batch."""
        home = self.filled.device
        slot = slots.slot.to(home)
        self.filled[slot] = True
        self.gate.index_copy_(1, slot, seen.gate.flatten(1).index_select(1, slots.token).to(home))
        self.linear.index_copy_(1, slot, seen.linear.flatten(1).index_select(1, slots.token).to(home))


@dataclass(frozen=True)
class SampleSlots:
    """Which samples lie in a batch: slot in the state, token of the batch (padding included, text by text)."""

    slot: Int[Tensor, "some"]
    token: Int[Tensor, "some"]

    def to(self, device: torch.device) -> "SampleSlots":
        return SampleSlots(self.slot.to(device), self.token.to(device))


@dataclass(frozen=True)
class Signs:
    """Which neurons have w_gate and w_in that point apart; a fact of the weights, the same in every part of a run."""

    flipped: Bool[Tensor, "neuron"]


@dataclass(frozen=True)
class Home:
    """Where a layer's state lives."""

    device: torch.device
    """That of its MLP, for sums and for what decides which texts enter the lists."""
    bulk: torch.device
    """For what is only ever written: most of the memory."""


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
        cls, flipped: Bool[Tensor, "neuron"], *, top_k: int, random_k: int, window: int, samples: int
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
    def nbytes(self) -> int:
        return sum(tensor.nbytes for tensor in self.tensors().values())

    @property
    def neurons(self) -> int:
        return self.moments.zero.shape[0]

    def to(self, home: "Home") -> "LayerState":
        return LayerState(
            Signs(self.signs.flipped.to(home.device)),
            Moments(**{field.name: getattr(self.moments, field.name).to(home.device) for field in fields(Moments)}),
            self.top.to(home.device, home.bulk),
            self.random.to(home.device, home.bulk),
            self.samples.to(home.bulk),
            self.first.to(home.bulk),
        )

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
        self, reduced: Reduced, seen: Activations, kernels: Kernels, samples: SampleSlots, first: SampleSlots
    ) -> "LayerState":
        """With one more batch. Lists and samples change in place: they are most of the memory."""
        self.top.offer(reduced.bids[: len(TOP_LISTS)], seen, TOP_LISTS, kernels)
        self.random.offer(reduced.bids[len(TOP_LISTS) :], seen, RANDOM_LISTS, kernels)
        self.samples.take(seen, samples)
        self.first.take(seen, first)
        return replace(self, moments=self.moments + add_up(reduced, seen.priority))

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

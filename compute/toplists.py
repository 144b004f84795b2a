"""The strongest texts of every list of a layer's neurons, with their windows of activations."""

from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor

from compute.capture import Entries, capture
from compute.kernels import Kernels, texts_of, unique_keys
from compute.reduce import Activations
from gluscope_core.vocabulary import ExampleList

_KEYS_AT_ONCE = 1 << 24


@dataclass(frozen=True)
class TopLists:
    """For each list and neuron up to k texts, in no order. Joining two gives the best of both, in whatever order and
    grouping: keys are unique, since a text is in one batch only. Empty places have key 0."""

    key: Int[Tensor, "list neuron k"]
    """As `unique_keys` makes them."""
    value: Float[Tensor, "list neuron k"]
    position: Int[Tensor, "list neuron k"]
    gate: Float[Tensor, "list neuron k window"]
    linear: Float[Tensor, "list neuron k window"]

    @classmethod
    def none(cls, lists: int, neurons: int, k: int, window: int, device: torch.device | str = "cpu") -> "TopLists":
        def zeros(*tail: int, dtype: torch.dtype) -> Tensor:
            return torch.zeros((lists, neurons, *tail), dtype=dtype, device=device)

        return cls(
            key=zeros(k, dtype=torch.int64),
            value=zeros(k, dtype=torch.float32),
            position=zeros(k, dtype=torch.int32),
            gate=zeros(k, window, dtype=torch.float16),
            linear=zeros(k, window, dtype=torch.float16),
        )

    @property
    def k(self) -> int:
        return self.key.shape[-1]

    @property
    def texts(self) -> Int[Tensor, "list neuron k"]:
        """Number of each entry's text; meaningless where the place is empty."""
        return texts_of(self.key)

    def to(self, device: torch.device, bulk: torch.device) -> "TopLists":
        """Keys on one device, everything else on another."""
        content = {field.name: hosted(getattr(self, field.name), bulk) for field in fields(self)}
        return TopLists(**{**content, "key": self.key.to(device)})

    def merge(self, other: "TopLists") -> "TopLists":
        """The entries with the highest keys, best first."""
        both = {name: torch.cat([getattr(self, name), getattr(other, name)], dim=2) for name in vars(self)}
        best = both["key"].topk(self.k, dim=2).indices

        def picked(tensor: Tensor) -> Tensor:
            if tensor.ndim == best.ndim:
                return tensor.gather(2, best)
            return tensor.gather(2, best[..., None].expand(*best.shape, tensor.shape[-1]))

        return TopLists(**{name: picked(tensor) for name, tensor in both.items()})

    def offer(
        self,
        bids: Float[Tensor, "list neuron text"],
        seen: Activations,
        lists: tuple[ExampleList, ...],
        kernels: Kernels,
    ) -> None:
        """Takes up, in place, the texts of a batch that beat an entry of a list: the same as merging with the batch's
        own lists, but only what enters is looked at again, and only what leaves is written over."""
        if self.k == 0:
            return
        neurons = self.key.shape[1]
        weakest = self.key.min(dim=-1).values  # amin takes five times as long on a CPU
        rows = kernels.entering(bids, seen.texts, weakest).flatten().nonzero().squeeze(1)
        if not len(rows):
            return
        at_once = max(1, _KEYS_AT_ONCE // (self.k + len(seen.texts)))
        by_row = bids.flatten(0, 1)
        contests = [self._contest(some, unique_keys(by_row[some], seen.texts)) for some in rows.split(at_once)]
        row, place, text, key = (torch.cat(parts) for parts in zip(*contests, strict=True))
        new = capture(seen, lists, bids, Entries(row // neurons, row % neurons, text), kernels)
        slot = row * self.k + place
        self.key.flatten()[slot] = key
        for field in fields(new):
            target = getattr(self, field.name).flatten(0, 2)
            target[slot.to(target.device)] = getattr(new, field.name).to(target.device)

    def _contest(
        self, rows: Int[Tensor, "row"], keys: Int[Tensor, "row text"]
    ) -> tuple[Int[Tensor, "entry"], Int[Tensor, "entry"], Int[Tensor, "entry"], Int[Tensor, "entry"]]:
        """Which texts enter which rows, which places they take, and their keys."""
        contest = torch.cat([self.key.flatten(0, 1)[rows], torch.where(keys > 0, keys, -1)], dim=1)
        stays = torch.zeros_like(contest, dtype=torch.bool)
        stays.scatter_(1, contest.topk(self.k, dim=1).indices, value=True)
        # In each row as many texts enter as entries leave, so the two lists of places match one to one.
        row, place = (~stays[:, : self.k]).nonzero(as_tuple=True)
        text = stays[:, self.k :].nonzero(as_tuple=True)[1]
        return rows[row], place, text, keys[row, text]


def hosted(tensor: Tensor, device: torch.device) -> Tensor:
    """On a device; memory of the host that a GPU's values go to is pinned, so that they get there fast."""
    moved = tensor.to(device)
    return moved.pin_memory() if tensor.is_cuda and not moved.is_cuda else moved

"""The strongest texts of every list of a layer's neurons, with their windows of activations."""

from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor

from compute.capture import capture
from compute.reduce import Activations
from gluscope_core.vocabulary import ExampleList

_TEXT_BITS = 32
_ROWS_AT_ONCE = 1 << 15


@dataclass(frozen=True)
class TopLists:
    """For each list and neuron up to k texts, in no order. Joining two gives the best of both, in whatever order and
    grouping: keys are unique, since a text is in one batch only. Empty places have key 0."""

    key: Int[Tensor, "list neuron k"]
    """Bid in the upper bits, the text's number counted down in the lower: a tie goes to the lower text."""
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
        return (2**_TEXT_BITS - 1) - (self.key & (2**_TEXT_BITS - 1))

    def best_first(self) -> "TopLists":
        return _pick({field.name: getattr(self, field.name) for field in fields(self)}, self.k)

    def merge(self, other: "TopLists") -> "TopLists":
        both = {name: torch.cat([getattr(self, name), getattr(other, name)], dim=2) for name in vars(self)}
        return _pick(both, self.k)

    def offer(self, bids: Int[Tensor, "list text neuron"], seen: Activations, lists: tuple[ExampleList, ...]) -> None:
        """Takes up, in place, the texts of a batch that beat an entry of a list: the same as merging with the batch's
        own lists, but only what enters is looked at again, and only what leaves is written over."""
        if self.k == 0:
            return
        keys = unique_keys(bids, seen.texts)
        weakest = self.key.min(dim=-1).values  # amin takes five times as long on a CPU
        rows = (keys > weakest[:, None]).any(dim=1).flatten().nonzero().squeeze(1)
        by_row = keys.transpose(1, 2).flatten(0, 1)
        for some in rows.split(_ROWS_AT_ONCE):
            self._insert(some, by_row[some], seen, lists)

    def _insert(
        self,
        rows: Int[Tensor, "row"],
        keys: Int[Tensor, "row text"],
        seen: Activations,
        lists: tuple[ExampleList, ...],
    ) -> None:
        flat = {name: tensor.flatten(0, 1) for name, tensor in vars(self).items()}
        contest = torch.cat([flat["key"][rows], torch.where(keys > 0, keys, -1)], dim=1)
        stays = torch.zeros_like(contest, dtype=torch.bool)
        stays.scatter_(1, contest.topk(self.k, dim=1).indices, value=True)
        # In each row as many texts enter as entries leave, so the two lists of places match one to one.
        row, place = (~stays[:, : self.k]).nonzero(as_tuple=True)
        text = stays[:, self.k :].nonzero(as_tuple=True)[1]
        row_of_all = rows[row]
        which, neuron = row_of_all // self.key.shape[1], row_of_all % self.key.shape[1]
        new = capture(seen, lists, which, text, neuron, window=self.gate.shape[-1])
        flat["key"][row_of_all, place] = keys[row, text]
        for field in fields(new):
            flat[field.name][row_of_all, place] = getattr(new, field.name)


def unique_keys(bids: Int[Tensor, "list text neuron"], texts: Int[Tensor, "text"]) -> Int[Tensor, "list text neuron"]:
    keys = (bids.long() << _TEXT_BITS) | (2**_TEXT_BITS - 1 - texts)[:, None]
    return torch.where(bids > 0, keys, 0)


def _pick(joined: dict[str, Tensor], k: int) -> TopLists:
    """The k entries with the highest keys, best first."""
    best = joined["key"].topk(k, dim=2).indices

    def picked(tensor: Tensor) -> Tensor:
        if tensor.ndim == best.ndim:
            return tensor.gather(2, best)
        return tensor.gather(2, best[..., None].expand(*best.shape, tensor.shape[-1]))

    return TopLists(**{name: picked(tensor) for name, tensor in joined.items()})

"""The strongest texts of every list of a layer's neurons, with their windows of activations."""

from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor

from compute.capture import Captured, capture
from compute.reduce import Activations
from gluscope_core.vocabulary import ExampleList

_TEXT_BITS = 32
_ROWS_AT_ONCE = 1 << 15


@dataclass(frozen=True)
class TopLists:
    """For each list and neuron up to k texts, best first. Joining two gives the best of both, in whatever order:
    keys are unique, since a text is in one batch only. Empty places have key 0."""

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

    def merge(self, other: "TopLists") -> "TopLists":
        joined = {
            field.name: torch.cat([getattr(self, field.name), getattr(other, field.name)], dim=2)
            for field in fields(self)
        }
        best = joined["key"].topk(self.k, dim=2).indices
        return TopLists(**{name: _pick(tensor, best) for name, tensor in joined.items()})

    def offer(
        self, bids: Int[Tensor, "list text neuron"], seen: Activations, lists: tuple[ExampleList, ...]
    ) -> None:
        """Takes up, in place, the texts of a batch that beat the last entry of a list: the same as merging with the
        batch's own lists, but only what enters is looked at again."""
        if self.k == 0:
            return
        keys = unique_keys(bids, seen.texts)
        rows = (keys > self.key[:, None, :, -1]).any(dim=1).flatten().nonzero().squeeze(1)
        by_row = keys.transpose(1, 2).flatten(0, 1)
        for some in rows.split(_ROWS_AT_ONCE):
            self._insert(some, by_row[some], seen, lists)

    def _insert(
        self, rows: Int[Tensor, "row"], keys: Int[Tensor, "row text"], seen: Activations, lists: tuple[ExampleList, ...]
    ) -> None:
        flat = {field.name: getattr(self, field.name).flatten(0, 1) for field in fields(self)}
        best, origin = torch.cat([flat["key"][rows], keys], dim=1).topk(self.k, dim=1)
        kept = {name: _pick(tensor[rows], origin.clamp(max=self.k - 1)) for name, tensor in flat.items()}
        row, place = ((origin >= self.k) & (best > 0)).nonzero(as_tuple=True)
        which, neuron = rows[row] // self.key.shape[1], rows[row] % self.key.shape[1]
        new: Captured = capture(seen, lists, which, origin[row, place] - self.k, neuron, self.gate.shape[-1])
        for field in fields(new):
            kept[field.name][row, place] = getattr(new, field.name)
        kept["key"] = best
        for name, tensor in kept.items():
            flat[name][rows] = tensor


def unique_keys(
    bids: Int[Tensor, "list text neuron"], texts: Int[Tensor, "text"]
) -> Int[Tensor, "list text neuron"]:
    keys = (bids.long() << _TEXT_BITS) | (2**_TEXT_BITS - 1 - texts)[:, None]
    return torch.where(bids > 0, keys, 0)


def _pick(tensor: Tensor, index: Tensor) -> Tensor:
    """Entries of the last list axis by number, for tensors with or without a window axis."""
    if tensor.ndim == index.ndim:
        return tensor.gather(-1, index)
    return tensor.gather(-2, index[..., None].expand(*index.shape, tensor.shape[-1]))

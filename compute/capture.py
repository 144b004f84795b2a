"""Looking at an entry while its text's activations are there: its position, value and window."""

from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from compute.kernels import Kernels
from compute.reduce import Activations
from gluscope_core.vocabulary import QUANTITIES, TOP_LISTS, ExampleList

_MANY = 0.3
"""Share of all bids from which on it is faster to look for every bid's position than for those that are wanted."""
_VALUES_AT_ONCE = 1 << 24


@dataclass(frozen=True)
class Entries:
    """What enters the lists: by list, neuron and text (row of the batch)."""

    which: Int[Tensor, "entry"]
    neuron: Int[Tensor, "entry"]
    text: Int[Tensor, "entry"]


@dataclass(frozen=True)
class Captured:
    """What is kept of the entries that enter the lists. Window places outside the text hold 0."""

    value: Float[Tensor, "entry"]
    position: Int[Tensor, "entry"]
    gate: Float[Tensor, "entry window"]
    linear: Float[Tensor, "entry window"]


def capture(
    seen: Activations,
    lists: tuple[ExampleList, ...],
    bids: Float[Tensor, "list neuron text"],
    entries: Entries,
    kernels: Kernels,
) -> Captured:
    which, neuron, text = entries.which, entries.neuron, entries.text
    values = (seen.gate, seen.linear, seen.act, seen.post, seen.priority)
    if len(which) > _MANY * bids.numel():
        locate = kernels.locate_top if lists == TOP_LISTS else kernels.locate_random
        position = locate(*values, bids)[which, neuron, text]
    else:
        at_once = max(1, _VALUES_AT_ONCE // seen.gate.shape[2])
        asked = (neuron, text, traits_of(lists, bids.device)[which], bids[which, neuron, text])
        parts = zip(*(each.split(at_once) for each in asked), strict=True)
        position = torch.cat([kernels.locate(*values, *part) for part in parts])
    held = torch.tensor([QUANTITIES.index(each.valued) for each in lists], device=which.device)[which]
    value = kernels.values_at(*values[:4], held, neuron, text, position)
    gate, linear = kernels.cut_windows(seen.gate, seen.linear, neuron, text, position, seen.lengths)
    return Captured(value, position, gate, linear)


@cache
def traits_of(lists: tuple[ExampleList, ...], device: torch.device) -> Float[Tensor, "list trait"]:
    """Signs of gate and in, and the number of the quantity that is sought (one more than there are: chance), of each
    list. As floats, since a CPU compares those side by side with the values."""
    sought = {quantity: number for number, quantity in enumerate((*QUANTITIES, None))}
    rows = [(each.case.gate_sign, each.case.in_sign, sought[each.quantity]) for each in lists]
    return torch.tensor(rows, dtype=torch.float32, device=device)

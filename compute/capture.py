"""Looking at an entry while its text's activations are there: its position, value and window."""

from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from compute.kernels import Kernels
from compute.reduce import Activations
from gluscope_core.vocabulary import QUANTITIES, ExampleList

_VALUES_AT_ONCE = 1 << 24


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
    which: Int[Tensor, "entry"],
    neuron: Int[Tensor, "entry"],
    text: Int[Tensor, "entry"],
    bid: Float[Tensor, "entry"],
    *,
    window: int,
    kernels: Kernels,
) -> Captured:
    """Entries by list, neuron and text (row of the batch), with what the text bid for the place."""
    traits = _traits(lists, bid.device)[which]
    at_once = max(1, _VALUES_AT_ONCE // seen.gate.shape[2])
    values, positions = [], []
    for some in torch.arange(len(bid), device=bid.device).split(at_once):
        value, position = kernels.locate(
            seen.gate, seen.linear, seen.act, seen.post, seen.priority, neuron[some], text[some], traits[some], bid[some]
        )
        values.append(value)
        positions.append(position)
    position = torch.cat(positions)
    gate, linear = kernels.cut_windows(seen.gate, seen.linear, neuron, text, position, seen.lengths, window)
    return Captured(torch.cat(values), position, gate, linear)


@cache
def _traits(lists: tuple[ExampleList, ...], device: torch.device) -> Float[Tensor, "list trait"]:
    """Signs of gate and in, and the number of the quantity that is sought (one more than there are: chance), of each
    list. As floats, since a CPU compares those side by side with the values."""
    rows = [
        (each.case.gate_sign, each.case.in_sign, len(QUANTITIES) if each.quantity is None else QUANTITIES.index(each.quantity))
        for each in lists
    ]
    return torch.tensor(rows, dtype=torch.float32, device=device)

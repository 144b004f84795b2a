"""Looking at an entry while its text's activations are there: its position, value and window."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from compute.reduce import Activations, in_case, quantity_of, usable
from compute.windows import FLOAT16_MAX, tokens_before
from gluscope_core.vocabulary import ExampleList

_VALUES_AT_ONCE = 1 << 22


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
    text: Int[Tensor, "entry"],
    neuron: Int[Tensor, "entry"],
    *,
    window: int,
) -> Captured:
    """Entries by list, text (row of the batch) and neuron, sorted by list."""
    counts = torch.bincount(which, minlength=len(lists)).tolist()
    values, positions = [], []
    at_once = max(1, _VALUES_AT_ONCE // seen.gate.shape[1])
    for each, texts, neurons in zip(lists, text.split(counts), neuron.split(counts), strict=True):
        for some_texts, some_neurons in zip(texts.split(at_once), neurons.split(at_once), strict=True):
            value, position = _find(seen, each, some_texts, some_neurons)
            values.append(value)
            positions.append(position)
    position = torch.cat(positions)
    gate, linear = _windows(seen, text, neuron, position, window)
    return Captured(torch.cat(values), position.int(), gate, linear)


def _find(
    seen: Activations, each: ExampleList, text: Int[Tensor, "entry"], neuron: Int[Tensor, "entry"]
) -> tuple[Float[Tensor, "entry"], Int[Tensor, "entry"]]:
    """The token that a text bids with: the first one where several are equal."""
    gate, linear, act = (tensor[text, :, neuron] for tensor in (seen.gate, seen.linear, seen.act))
    value = quantity_of(each.valued, gate, linear, act).float()
    eligible = seen.counted[text] & usable(gate, linear, act) & in_case(each.case, gate, linear) & (value != 0)
    bid = seen.priority[text] if each.is_random else value.abs()
    position = torch.where(eligible, bid, -1).argmax(dim=1)
    return value.gather(1, position[:, None]).squeeze(1), position


def _windows(
    seen: Activations,
    text: Int[Tensor, "entry"],
    neuron: Int[Tensor, "entry"],
    position: Int[Tensor, "entry"],
    window: int,
) -> tuple[Float[Tensor, "entry window"], Float[Tensor, "entry window"]]:
    place = position[:, None] + torch.arange(window, device=position.device) - tokens_before(window)
    outside = (place < 0) | (place >= seen.lengths[text][:, None])
    index = (text[:, None], place.masked_fill(outside, 0), neuron[:, None])
    gate, linear = (tensor[index].masked_fill(outside, 0) for tensor in (seen.gate, seen.linear))
    return saturating_half(gate), saturating_half(linear)


def saturating_half(tensor: Tensor) -> Tensor:
    """float16 in which what is too large becomes the largest number, and NaN stays NaN."""
    return tensor.clamp(-FLOAT16_MAX, FLOAT16_MAX).half()

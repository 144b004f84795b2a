"""The functions that touch every activation, as they are or compiled: the same source on every device."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from compute.reduce import Act, by_quantity, in_case, reduce_batch, usable
from compute.windows import FLOAT16_MAX, tokens_before
from gluscope_core.vocabulary import CASES, QUANTITIES, RANDOM_LISTS, TOP_LISTS, ExampleList

_TEXT_BITS = 32


@dataclass(frozen=True)
class Kernels:
    """All of them for one model: its activation function and dtype, and the window that is kept."""

    reduce: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, ...]]
    entering: Callable[[Tensor, Tensor, Tensor], Tensor]
    locate: Callable[..., Tensor]
    locate_top: Callable[..., Tensor]
    locate_random: Callable[..., Tensor]
    values_at: Callable[..., Tensor]
    cut_windows: Callable[..., tuple[Tensor, Tensor]]

    @classmethod
    def eager(cls, act_of: Act, window: int, dtype: torch.dtype = torch.float32) -> "Kernels":
        # Functions of their own, not partial ones, which a compiler would take for variants of a single function.
        def reduce(gate: Tensor, linear: Tensor, priority: Tensor) -> tuple[Tensor, ...]:
            return reduce_batch(gate, linear, priority, act_of=act_of, dtype=dtype)

        def locate_top(*seen: Tensor) -> Tensor:
            return locate_everywhere(*seen, lists=TOP_LISTS)

        def locate_random(*seen: Tensor) -> Tensor:
            return locate_everywhere(*seen, lists=RANDOM_LISTS)

        def cut(*entries: Tensor) -> tuple[Tensor, Tensor]:
            return cut_windows(*entries, window=window)

        return cls(reduce, entering, locate, locate_top, locate_random, values_at, cut)

    def compiled(self) -> "Kernels":
        """The number of texts and their lengths change from batch to batch, so all sizes are left open; but a single
        text, or a single token, is a shape of its own to the compiler."""
        torch._dynamo.config.recompile_limit = max(32, torch._dynamo.config.recompile_limit)  # noqa: SLF001
        options = _options()
        compiled = {f.name: torch.compile(getattr(self, f.name), dynamic=True, options=options) for f in fields(self)}
        return Kernels(**compiled)


_VECTORS = {"AVX512": 512, "AVX2": 256}
"""Bits, by what torch calls a CPU."""


def _options() -> dict[str, str | int | bool | Callable]:
    """One loop for all figures: by default a compiler for CPUs makes several, each of which fetches everything again.
    The width of vectors is named, since torch 2.13 keeps compiled code without a note of it: a cache that CPUs of two
    kinds share, or two settings of ATEN_CPU_CAPABILITY, would bring in loops of the wrong stride, and wrong figures."""
    vectors = _VECTORS.get(torch.backends.cpu.get_cpu_capability())
    return {
        "cpp.max_horizontal_fusion_size": 256,
        "cpp.enable_floating_point_contract_flag": "fast",  # products with 0 and 1 are exact, so sums stay the same
        **({"cpp.simdlen": vectors} if vectors else {}),
    }


def compiler_works(device: torch.device) -> bool:
    """Whether anything can be compiled here: on a CPU that takes a C++ compiler, on a GPU Triton."""
    try:
        torch.compile(torch.neg, dynamic=True)(torch.ones(2, device=device))
    except Exception:  # noqa: BLE001  # whatever is missing, it is found in another way
        return False
    return True


def unique_keys(bids: Tensor, texts: Tensor) -> Tensor:
    """Bid in the upper bits, since those of positive floats order as the floats do; the text's number counted down in
    the lower: a tie goes to the lower text. 0 where there is no bid."""
    keys = (bids.view(torch.int32).long() << _TEXT_BITS) | (2**_TEXT_BITS - 1 - texts)
    return torch.where(bids > 0, keys, 0)


def texts_of(keys: Tensor) -> Tensor:
    return (2**_TEXT_BITS - 1) - (keys & (2**_TEXT_BITS - 1))


def entering(bids: Tensor, texts: Tensor, weakest: Tensor) -> Tensor:
    """Lists and neurons for which a text of the batch beats the weakest entry."""
    return (unique_keys(bids, texts) > weakest[..., None]).any(dim=-1)


def locate(
    gate: Tensor,
    linear: Tensor,
    act: Tensor,
    post: Tensor,
    priority: Tensor,
    neuron: Tensor,
    text: Tensor,
    traits: Tensor,
    bid: Tensor,
) -> Tensor:
    """Position of the token that a text bid with: the first where several are equal. For some entries."""
    row = neuron * gate.shape[1] + text
    gates, linears, acts, posts = (each.flatten(0, 1)[row] for each in (gate, linear, act, post))
    gate_sign, in_sign, sought = traits[:, :, None].unbind(dim=1)
    chance = priority[text]
    value = chance
    for quantity, values in by_quantity(gates, linears, acts, posts).items():
        value = torch.where(sought == QUANTITIES.index(quantity), values.abs(), value)
    fits = (gates * gate_sign > 0) & (linears * in_sign > 0) & (chance > 0) & usable(gates, posts)
    return _first(fits & (value == bid[:, None]))


def locate_everywhere(
    gate: Tensor,
    linear: Tensor,
    act: Tensor,
    post: Tensor,
    priority: Tensor,
    bids: Tensor,
    *,
    lists: tuple[ExampleList, ...],
) -> Tensor:
    """The same for all texts, neurons and some lists at once: faster where many enter, since all lists share what is
    fetched."""
    there = (priority > 0) & usable(gate, post)
    inside = {case: there & in_case(case, gate, linear) for case in CASES}
    values = by_quantity(gate, linear, act, post)
    positions = []
    for bid, each in zip(bids.unbind(), lists, strict=True):
        value = priority if each.quantity is None else values[each.quantity].abs()
        positions.append(_first(inside[each.case] & (value == bid[:, :, None])))
    return torch.stack(positions)


def _first(found: Tensor) -> Tensor:
    """Where each row holds first; its end where nowhere. As a minimum of floats, which a CPU finds far faster than a
    maximum's position."""
    tokens = found.shape[-1]
    place = torch.arange(tokens, device=found.device, dtype=torch.float32)
    return torch.where(found, place, float(tokens - 1)).amin(dim=-1).int()


def values_at(
    gate: Tensor,
    linear: Tensor,
    act: Tensor,
    post: Tensor,
    held: Tensor,
    neuron: Tensor,
    text: Tensor,
    position: Tensor,
) -> Tensor:
    """At a token of a neuron's text each, of the quantity whose number is `held`."""
    token = (neuron * gate.shape[1] + text) * gate.shape[2] + position
    found = torch.zeros_like(token, dtype=torch.float32)
    for quantity, values in by_quantity(gate, linear, act, post).items():
        found = torch.where(held == QUANTITIES.index(quantity), values.flatten()[token], found)
    return found


def cut_windows(
    gate: Tensor, linear: Tensor, neuron: Tensor, text: Tensor, position: Tensor, lengths: Tensor, *, window: int
) -> tuple[Tensor, Tensor]:
    """gate and in around a position; 0 outside the text."""
    place = position[:, None] + torch.arange(window, device=position.device) - tokens_before(window)
    outside = (place < 0) | (place >= lengths[text][:, None])
    tokens = gate.shape[2]
    at = (neuron * gate.shape[1] + text)[:, None] * tokens + place.clamp(0, tokens - 1)
    gate_there, linear_there = (torch.where(outside, 0.0, each.flatten()[at]) for each in (gate, linear))
    return saturating_half(gate_there), saturating_half(linear_there)


def saturating_half(tensor: Tensor) -> Tensor:
    """float16 in which what is too large becomes the largest number, and NaN stays NaN."""
    return tensor.clamp(-FLOAT16_MAX, FLOAT16_MAX).half()

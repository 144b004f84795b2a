"""One pass over a batch's gate and in values of a layer: sums, extremes, and the best of each text for each list."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gluscope_core.vocabulary import CASES, LISTS, QUANTITIES, Case, Quantity


@dataclass(frozen=True)
class Activations:
    """What one layer's neurons did on one batch. act is the model's own, so that every figure derives from values
    that the model used; in half precision it is computed again from gate, which keeps more digits."""

    gate: Float[Tensor, "text token neuron"]
    linear: Float[Tensor, "text token neuron"]
    act: Float[Tensor, "text token neuron"]
    counted: Bool[Tensor, "text token"]
    priority: Float[Tensor, "text token"]
    texts: Int[Tensor, "text"]
    lengths: Int[Tensor, "text"]


@dataclass(frozen=True)
class Moments:
    """Counts, sums and extremes of a layer's neurons over some texts; over all of them by adding up. Axes: case,
    quantity (in the vocabulary's order), neuron."""

    count: Int[Tensor, "case neuron"]
    count_squared: Int[Tensor, "case neuron"]
    """Sum over texts of the squared count: with the next, the spread between texts."""
    count_by_length: Int[Tensor, "case neuron"]
    """Sum over texts of the count times the text's counted tokens."""
    zero: Int[Tensor, "neuron"]
    nonfinite: Int[Tensor, "neuron"]
    total: Float[Tensor, "case quantity neuron"]
    squares: Float[Tensor, "case quantity neuron"]
    post_in: Float[Tensor, "case neuron"]
    zero_post_in: Float[Tensor, "neuron"]
    """Of the tokens in no case: they belong to the mean gain, which is over all tokens."""
    zero_in_squares: Float[Tensor, "neuron"]
    low: Float[Tensor, "case quantity neuron"]
    high: Float[Tensor, "case quantity neuron"]

    @classmethod
    def none(cls, neurons: int, device: torch.device | str = "cpu") -> "Moments":
        case, case_quantity = (len(CASES), neurons), (len(CASES), len(QUANTITIES), neurons)

        def zeros(*shape: int, dtype: torch.dtype) -> Tensor:
            return torch.zeros(shape, dtype=dtype, device=device)

        return cls(
            count=zeros(*case, dtype=torch.int64),
            count_squared=zeros(*case, dtype=torch.int64),
            count_by_length=zeros(*case, dtype=torch.int64),
            zero=zeros(neurons, dtype=torch.int64),
            nonfinite=zeros(neurons, dtype=torch.int64),
            total=zeros(*case_quantity, dtype=torch.float64),
            squares=zeros(*case_quantity, dtype=torch.float64),
            post_in=zeros(*case, dtype=torch.float64),
            zero_post_in=zeros(neurons, dtype=torch.float64),
            zero_in_squares=zeros(neurons, dtype=torch.float64),
            low=torch.full(case_quantity, torch.inf, device=device),
            high=torch.full(case_quantity, -torch.inf, device=device),
        )

    def __add__(self, other: "Moments") -> "Moments":
        joined = {field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)}
        joined["low"] = torch.minimum(self.low, other.low)
        joined["high"] = torch.maximum(self.high, other.high)
        return Moments(**joined)


def in_case(case: Case, gate: Tensor, linear: Tensor) -> Tensor:
    """Where gate and in have the case's signs. An exact zero belongs to no case; neither does NaN."""
    gate_fits = gate > 0 if case.gate_sign > 0 else gate < 0
    return gate_fits & (linear > 0 if case.in_sign > 0 else linear < 0)


def usable(gate: Tensor, linear: Tensor, act: Tensor) -> Tensor:
    """Where gate, in, act and post are all finite numbers; the others are counted and left out. An in that is not
    finite makes post so, whatever act is; a gate of −∞ need not, where act goes to 0."""
    return (gate.abs() < torch.inf) & ((act * linear).abs() < torch.inf)


def quantity_of(quantity: Quantity, gate: Tensor, linear: Tensor, act: Tensor) -> Tensor:
    match quantity:
        case Quantity.POST:
            return act * linear
        case Quantity.IN:
            return linear
        case Quantity.GATE:
            return gate
        case Quantity.ACT:
            return act


@dataclass(frozen=True)
class TextSums:
    """The reduction of a batch over the tokens of each text, before the texts are added up."""

    count: Int[Tensor, "case text neuron"]
    zero: Int[Tensor, "text neuron"]
    nonfinite: Int[Tensor, "text neuron"]
    total: Float[Tensor, "case quantity text neuron"]
    squares: Float[Tensor, "case quantity text neuron"]
    post_in: Float[Tensor, "case text neuron"]
    zero_post_in: Float[Tensor, "text neuron"]
    zero_in_squares: Float[Tensor, "text neuron"]
    low: Float[Tensor, "case quantity text neuron"]
    high: Float[Tensor, "case quantity text neuron"]
    chance: Float[Tensor, "case text neuron"]
    """Highest priority among the tokens that a random list may hold; 0 where there is none."""


Reduction = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, ...]]


def sum_tokens(gate: Tensor, linear: Tensor, act: Tensor, counted: Tensor, priority: Tensor) -> tuple[Tensor, ...]:
    """The fields of `TextSums`. Every term reduces the token axis alone, and takes plain tensors and gives plain
    tensors, so that a compiler makes few loops of all of it. Values are masked before they become float64, and tokens
    are counted in 32 bits: masks of 64-bit lanes cost a CPU more than everything else here."""
    usable_here = counted[:, :, None] & usable(gate, linear, act)
    rows: list[list[Tensor]] = [[] for _ in range(7)]
    for case in CASES:
        inside = usable_here & in_case(case, gate, linear)
        exact = {}
        for quantity in QUANTITIES:
            value = quantity_of(quantity, gate, linear, act)
            exact[quantity] = torch.where(inside, value, 0.0).double()
            rows[3].append(exact[quantity].sum(dim=1))
            rows[4].append((exact[quantity] * exact[quantity]).sum(dim=1))
            rows[5].append(torch.where(inside, value, torch.inf).amin(dim=1))
            rows[6].append(torch.where(inside, value, -torch.inf).amax(dim=1))
        rows[0].append(inside.sum(dim=1, dtype=torch.int32))
        rows[1].append((exact[Quantity.POST] * exact[Quantity.IN]).sum(dim=1))
        rows[2].append(torch.where(inside & (act * linear != 0), priority[:, :, None], 0.0).amax(dim=1))
    count, post_in, chance, *by_quantity = (torch.stack(row) for row in rows)
    total, squares, low, high = (each.unflatten(0, (len(CASES), len(QUANTITIES))) for each in by_quantity)
    on_axis = usable_here & ((gate == 0) | (linear == 0))
    linear_on_axis = torch.where(on_axis, linear, 0.0).double()
    return (
        count,
        on_axis.sum(dim=1, dtype=torch.int32),
        (counted[:, :, None] & ~usable_here).sum(dim=1, dtype=torch.int32),
        total,
        squares,
        post_in,
        (torch.where(on_axis, act * linear, 0.0).double() * linear_on_axis).sum(dim=1),
        (linear_on_axis * linear_on_axis).sum(dim=1),
        low,
        high,
        chance,
    )


def add_texts(sums: TextSums, counted: Bool[Tensor, "text token"]) -> Moments:
    """The reduction of a whole batch."""
    tokens = counted.sum(dim=1)[:, None]
    count = sums.count.long()
    return Moments(
        count=count.sum(dim=-2),
        count_squared=(count**2).sum(dim=-2),
        count_by_length=(count * tokens).sum(dim=-2),
        zero=sums.zero.sum(dim=-2),
        nonfinite=sums.nonfinite.sum(dim=-2),
        total=sums.total.sum(dim=-2),
        squares=sums.squares.sum(dim=-2),
        post_in=sums.post_in.sum(dim=-2),
        zero_post_in=sums.zero_post_in.sum(dim=-2),
        zero_in_squares=sums.zero_in_squares.sum(dim=-2),
        low=sums.low.amin(dim=-2),
        high=sums.high.amax(dim=-2),
    )


def ranks(sums: TextSums) -> Int[Tensor, "list text neuron"]:
    """How strongly each text bids for a place in each list, as integers: the bits of a positive float order as the
    float does, so magnitudes and random priorities are one kind of key. 0: the text has nothing for this list."""
    magnitude = torch.maximum(sums.high, -sums.low).clamp(min=0.0)
    bids = []
    for each in LISTS:
        case = CASES.index(each.case)
        if each.quantity is None:
            bids.append(sums.chance[case])
        else:
            bids.append(magnitude[case, QUANTITIES.index(each.quantity)])
    return torch.stack(bids).view(torch.int32)

"""One look at a batch's gate and in values of a layer: what the MLP needs, and all that its neurons' figures need.

Neurons come in rows, each with its tokens side by side. So a neuron's text is one run of memory, which is what makes
sums, and looking up the tokens and windows of an example, cheap."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gluscope_core.vocabulary import CASES, LISTS, QUANTITIES, TOP_LISTS, Case, ExampleList, Quantity, case_quantities

_UNLISTED = tuple(
    (case, quantity) for case, quantity in case_quantities() if ExampleList(case, quantity) not in TOP_LISTS
)
"""Whose largest values no list asks for."""

Act = Callable[[Tensor], Tensor]
"""An activation function. Its values must have one sign left of 0 and one sign right of 0."""


@dataclass(frozen=True)
class Activations:
    """What one layer's neurons did on one batch, in float32."""

    gate: Float[Tensor, "neuron text token"]
    linear: Float[Tensor, "neuron text token"]
    act: Float[Tensor, "neuron text token"]
    post: Float[Tensor, "neuron text token"]
    priority: Float[Tensor, "text token"]
    """Chance to enter a random list; 0 where a token does not count."""
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
    smallest: Float[Tensor, "case quantity neuron"]
    largest: Float[Tensor, "case quantity neuron"]
    """Extreme magnitudes. Within a case every quantity has one sign, that of its total."""

    @classmethod
    def none(cls, neurons: int, device: torch.device | str = "cpu") -> "Moments":
        case, case_quantity = (len(CASES), neurons), (len(CASES), len(QUANTITIES), neurons)

        def zeros(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
            return torch.zeros(shape, dtype=dtype, device=device)

        return cls(
            count=zeros(*case, dtype=torch.int64),
            count_squared=zeros(*case, dtype=torch.int64),
            count_by_length=zeros(*case, dtype=torch.int64),
            zero=zeros(neurons, dtype=torch.int64),
            nonfinite=zeros(neurons, dtype=torch.int64),
            total=zeros(*case_quantity),
            squares=zeros(*case_quantity),
            post_in=zeros(*case),
            zero_post_in=zeros(neurons),
            zero_in_squares=zeros(neurons),
            smallest=torch.full(case_quantity, torch.inf, device=device),
            largest=zeros(*case_quantity, dtype=torch.float32),
        )

    def __add__(self, other: "Moments") -> "Moments":
        joined = {field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)}
        joined["smallest"] = torch.minimum(self.smallest, other.smallest)
        joined["largest"] = torch.maximum(self.largest, other.largest)
        return Moments(**joined)


def in_case(case: Case, gate: Tensor, linear: Tensor) -> Tensor:
    """Where gate and in have the case's signs. An exact zero belongs to no case; neither does NaN."""
    gate_fits = gate > 0 if case.gate_sign > 0 else gate < 0
    return gate_fits & (linear > 0 if case.in_sign > 0 else linear < 0)


def usable(gate: Tensor, post: Tensor) -> Tensor:
    """Where gate, in, act and post are all finite numbers; the others are counted and left out. An in that is not
    finite makes post so, whatever act is; a gate of −∞ need not, where act goes to 0."""
    return (gate.abs() < torch.inf) & (post.abs() < torch.inf)


def by_quantity(gate: Tensor, linear: Tensor, act: Tensor, post: Tensor) -> dict[Quantity, Tensor]:
    return {Quantity.POST: post, Quantity.IN: linear, Quantity.GATE: gate, Quantity.ACT: act}


@dataclass(frozen=True)
class Reduced:
    """What a batch gives: the MLP's own values, and the figures, over all tokens or per text."""

    out: Float[Tensor, "neuron text token"]
    """post as the model goes on with it, in its own dtype."""
    act: Float[Tensor, "neuron text token"]
    post: Float[Tensor, "neuron text token"]
    total: Float[Tensor, "case quantity neuron"]
    squares: Float[Tensor, "case quantity neuron"]
    smallest: Float[Tensor, "case quantity neuron"]
    post_in: Float[Tensor, "case neuron"]
    unlisted: Float[Tensor, "pair neuron"]
    """Largest magnitudes of what no list asks for."""
    zero: Float[Tensor, "neuron"]
    nonfinite: Float[Tensor, "neuron"]
    zero_post_in: Float[Tensor, "neuron"]
    zero_in_squares: Float[Tensor, "neuron"]
    count: Float[Tensor, "case neuron text"]
    bids: Float[Tensor, "list neuron text"]
    """How strongly each text asks for a place in each list; 0 where it has nothing for it."""


def reduce_batch(
    gate: Tensor, linear: Tensor, priority: Tensor, *, act_of: Act, dtype: torch.dtype
) -> tuple[Tensor, ...]:
    """The fields of `Reduced`. Takes plain tensors and gives plain tensors, so that a compiler makes few loops of it:
    one over all tokens, one over the tokens of each text."""
    act = act_of(gate)
    post = act * linear
    counted = (priority > 0).flatten()
    over_tokens = _sum_tokens(gate.flatten(1), linear.flatten(1), act.flatten(1), post.flatten(1), counted)
    return post.to(dtype), act, post, *over_tokens, *_best_of_texts(gate, linear, act, post, priority)


def _sum_tokens(gate: Tensor, linear: Tensor, act: Tensor, post: Tensor, counted: Tensor) -> tuple[Tensor, ...]:
    """Sums are of float64. Cases are told apart by factors of 0 and 1 there, since masks of 64-bit lanes cost a CPU
    more than everything else here; so what is not finite has to go before. Counts are below 2^24, exact in float32."""
    there = counted & usable(gate, post)
    values = {q: torch.where(there, value, 0.0) for q, value in by_quantity(gate, linear, act, post).items()}
    exact = {quantity: value.double() for quantity, value in values.items()}
    squares = {quantity: value * value for quantity, value in exact.items()}
    post_in = exact[Quantity.POST] * exact[Quantity.IN]
    rows: list[list[Tensor]] = [[] for _ in range(5)]
    for case in CASES:
        inside = there & in_case(case, gate, linear)
        weight = inside.float().double()
        for quantity in QUANTITIES:
            rows[0].append((exact[quantity] * weight).sum(dim=1))
            rows[1].append((squares[quantity] * weight).sum(dim=1))
            rows[2].append(torch.where(inside, values[quantity].abs(), torch.inf).amin(dim=1))
            if (case, quantity) in _UNLISTED:
                rows[4].append(torch.where(inside, values[quantity].abs(), 0.0).amax(dim=1))
        rows[3].append((post_in * weight).sum(dim=1))
    total, squared, smallest, of_post_in, unlisted = (torch.stack(row) for row in rows)
    on_axis = there & ((gate == 0) | (linear == 0))
    weight = on_axis.float().double()
    return (
        *(each.unflatten(0, (len(CASES), len(QUANTITIES))) for each in (total, squared, smallest)),
        of_post_in,
        unlisted,
        on_axis.float().sum(dim=1),
        (counted & ~there).float().sum(dim=1),
        (post_in * weight).sum(dim=1),
        (squares[Quantity.IN] * weight).sum(dim=1),
    )


def _best_of_texts(gate: Tensor, linear: Tensor, act: Tensor, post: Tensor, priority: Tensor) -> tuple[Tensor, Tensor]:
    """Counts by case, and for each list the highest bid, of every text."""
    there = (priority > 0) & usable(gate, post)
    inside = {case: there & in_case(case, gate, linear) for case in CASES}
    values = by_quantity(gate, linear, act, post)
    chance = torch.where(post != 0, priority, 0.0)
    bids = [
        torch.where(inside[each.case], chance if each.quantity is None else values[each.quantity].abs(), 0.0)
        for each in LISTS
    ]
    counts = [each.float().sum(dim=2) for each in inside.values()]
    return torch.stack(counts), torch.stack([bid.amax(dim=2) for bid in bids])


def add_up(reduced: Reduced, priority: Float[Tensor, "text token"]) -> Moments:
    """The figures of a whole batch."""
    tokens = (priority > 0).sum(dim=1)
    count = reduced.count.long()
    bids = reduced.bids[: len(TOP_LISTS)].amax(dim=-1)
    largest = dict(zip(_UNLISTED, reduced.unlisted, strict=True))
    largest |= {(each.case, each.valued): bid for each, bid in zip(TOP_LISTS, bids, strict=True)}
    return Moments(
        count=count.sum(dim=-1),
        count_squared=(count**2).sum(dim=-1),
        count_by_length=(count * tokens).sum(dim=-1),
        zero=reduced.zero.long(),
        nonfinite=reduced.nonfinite.long(),
        total=reduced.total,
        squares=reduced.squares,
        post_in=reduced.post_in,
        zero_post_in=reduced.zero_post_in,
        zero_in_squares=reduced.zero_in_squares,
        smallest=reduced.smallest,
        largest=torch.stack([largest[pair] for pair in case_quantities()]).unflatten(0, reduced.smallest.shape[:2]),
    )

"""Three vectors from their three cosines, whether there are such vectors, and what a neuron of theirs writes."""

from dataclasses import dataclass
from math import ceil, copysign, floor, sqrt

import numpy as np

from gluscope_core.activations import activation
from gluscope_core.io_classes import classify
from gluscope_core.vocabulary import Case

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Triple:
    """The cosines of w_gate with w_in, of w_gate with w_out, and of w_in with w_out."""

    gate_in: float
    gate_out: float
    in_out: float

    @property
    def gram(self) -> np.ndarray:
        return np.array(
            [[1, self.gate_in, self.gate_out], [self.gate_in, 1, self.in_out], [self.gate_out, self.in_out, 1]]
        )

    @property
    def determinant(self) -> float:
        """Of the Gram matrix; the square of the volume that the three span, below 0 where there are no such vectors."""
        a, b, c = self.gate_in, self.gate_out, self.in_out
        return 1 + 2 * a * b * c - a * a - b * b - c * c

    @property
    def consistent(self) -> bool:
        return self.determinant >= -_ROUNDING

    @property
    def gate_in_range(self) -> tuple[float, float]:
        """Between which cos(w_gate, w_in) lies, given the other two."""
        reach = sqrt(max(0.0, (1 - self.gate_out**2) * (1 - self.in_out**2)))
        return self.gate_out * self.in_out - reach, self.gate_out * self.in_out + reach

    def nearest(self, digits: int = 3) -> "Triple":
        """With the nearest cos(w_gate, w_in) that fits the other two, in so many digits."""
        low, high = self.gate_in_range
        scale = 10**digits
        low, high = ceil(low * scale - _ROUNDING) / scale, floor(high * scale + _ROUNDING) / scale
        return Triple(min(max(self.gate_in, low), high), self.gate_out, self.in_out)

    def vectors(self) -> np.ndarray:
        """w_gate, w_in and w_out as rows, each of length 1: w_gate along the first axis, w_in in the plane of the first
        two, w_out on the upper side of it."""
        across = sqrt(max(0.0, 1 - self.gate_in**2))
        second = (self.in_out - self.gate_in * self.gate_out) / across if across > 1e-6 else 0.0
        third = sqrt(max(0.0, 1 - self.gate_out**2 - second**2))
        return np.array([[1, 0, 0], [self.gate_in, across, 0], [self.gate_out, second, third]])

    def io_class(self, threshold: float) -> str:
        values = (np.array([each]) for each in (self.gate_in, self.gate_out, self.in_out))
        return classify(*values, threshold=threshold)[0]


PROTOTYPES = {
    "enrichment": Triple(1, 1, 1),
    "depletion": Triple(1, -1, -1),
    "conditional enrichment": Triple(0, 0, 1),
    "conditional depletion": Triple(0, 0, -1),
    "proportional change": Triple(0, 1, 0),
    "orthogonal output": Triple(0, 0, 0),
    "atypical enrichment": Triple(0, 0.7, 0.7),
    "28.4737 of OLMo-7B, enrichment": Triple(0.529, 0.505, 0.706),
    "28.9766 of OLMo-7B, conditional enrichment": Triple(0.476, 0.412, 0.598),
    "31.9634 of OLMo-7B, depletion": Triple(-0.716, 0.722, -0.854),
    "29.10900 of OLMo-7B, conditional depletion": Triple(0.499, -0.499, -0.578),
    "30.10972 of OLMo-7B, proportional change": Triple(-0.454, 0.581, -0.418),
    "29.4180 of OLMo-7B, orthogonal output": Triple(-0.027, -0.406, 0.067),
}
"""What the classes were named for, and the paper's case studies (its Table 3, in three digits)."""


@dataclass(frozen=True)
class Effect:
    """What the neuron writes in a case."""

    case: Case
    post_sign: int
    """It writes that sign of w_out."""
    bound: float | None
    """Above 0: post is at most so many times |x_in|, since the activation function is no less than −bound there; None
    where it has no bound."""
    on_in: float
    """Above 0: what it writes has the direction of what w_in found there; below, the opposite one. A cosine."""
    on_gate: float
    """The same for what w_gate found."""


def effect(triple: Triple, case: Case, activation_name: str) -> Effect:
    bound = None if case.gate_sign > 0 else most_negative(activation_name)
    post_sign = case.gate_sign * case.in_sign
    return Effect(
        case,
        post_sign if bound is None or bound > 0 else 0,
        bound,
        on_in=post_sign * case.in_sign * triple.in_out,
        on_gate=post_sign * case.gate_sign * triple.gate_out,
    )


def most_negative(activation_name: str) -> float:
    """How far below 0 the activation function goes."""
    return float(-min(0.0, activation(activation_name)(np.linspace(-8, 0, 4001)).min()))


def verb(cosine: float, threshold: float) -> str:
    """What writing along a direction does to it."""
    if abs(cosine) <= threshold:
        return "hardly changes"
    return "strengthens" if copysign(1, cosine) > 0 else "weakens"

"""Input-output classes: what a neuron does to the direction that it reads, from the cosines of its weights."""

import numpy as np

from gluscope_core.vocabulary import IOClass

DEFAULT_THRESHOLD = 0.5
"""From which on a cosine counts as different from 0."""
IO_CLASSES = tuple(IOClass)
UNKNOWN_CLASS = -1

_TYPICAL = {
    (1, 1): IOClass.ENRICHMENT,
    (1, 0): IOClass.CONDITIONAL_ENRICHMENT,
    (-1, 1): IOClass.DEPLETION,
    (-1, 0): IOClass.CONDITIONAL_DEPLETION,
    (0, 1): IOClass.PROPORTIONAL_CHANGE,
    (0, 0): IOClass.ORTHOGONAL_OUTPUT,
}
"""By the sign of cos(w_in, w_out) and whether cos(w_gate, w_out) is large, of whichever sign."""


def class_codes(
    gate_in: np.ndarray, gate_out: np.ndarray, in_out: np.ndarray, threshold: float = DEFAULT_THRESHOLD
) -> np.ndarray:
    """The class of each neuron, as its place in `IO_CLASSES`; `UNKNOWN_CLASS` where a cosine is missing, as a vector
    of length 0 makes it.
    Atypical is a neuron whose w_gate and w_in do not point as the other two cosines would have it."""
    signs = [np.where(np.abs(cosine) > threshold, np.sign(cosine), 0) for cosine in (gate_in, gate_out, in_out)]
    gate_in_sign, gate_out_sign, in_out_sign = signs
    atypical = gate_in_sign != in_out_sign * gate_out_sign
    known = ~np.isnan(gate_in + gate_out + in_out)
    codes = np.full(len(gate_in), UNKNOWN_CLASS, dtype=np.int8)
    for (row, column), typical in _TYPICAL.items():
        here = known & (in_out_sign == row) & (np.abs(gate_out_sign) == column)
        codes[here] = IO_CLASSES.index(typical)
        if typical is not IOClass.ORTHOGONAL_OUTPUT:
            codes[here & atypical] = IO_CLASSES.index(IOClass(f"atypical {typical.value}"))
    return codes


def classify(
    gate_in: np.ndarray, gate_out: np.ndarray, in_out: np.ndarray, threshold: float = DEFAULT_THRESHOLD
) -> np.ndarray:
    """The same as strings; None where there is none."""
    names = np.array([*(kind.value for kind in IO_CLASSES), None], dtype=object)
    return names[class_codes(gate_in, gate_out, in_out, threshold)]

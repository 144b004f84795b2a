"""Colours with a meaning, the same on every page: four for the cases, two hues for activations, all told apart by
people who see no red or no green, and readable on light and dark."""

from gluscope_core.vocabulary import Case, IOClass

CASE_COLOURS = {
    Case.GATE_POS_IN_POS: "#009e73",
    Case.GATE_POS_IN_NEG: "#2f7fc4",
    Case.GATE_NEG_IN_POS: "#a8901a",
    Case.GATE_NEG_IN_NEG: "#c2588f",
}
"""None of these hues is one of the two below."""

POSITIVE, NEGATIVE = "#e66101", "#6a51c8"
"""Activations, from the page's background at 0."""


CLASS_COLOURS = {
    IOClass.ENRICHMENT: "#0b6e4f",
    IOClass.CONDITIONAL_ENRICHMENT: "#66b99a",
    IOClass.PROPORTIONAL_CHANGE: "#d9b44a",
    IOClass.CONDITIONAL_DEPLETION: "#c98bb9",
    IOClass.DEPLETION: "#8a2f6b",
    IOClass.ORTHOGONAL_OUTPUT: "#8d949c",
}
"""Darker where both reading vectors take part; atypical variants share their class's."""


def rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)

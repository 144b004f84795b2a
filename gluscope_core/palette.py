"""Colours with a meaning, the same on every page: four for the cases, two hues for activations, all told apart by
people who see no red or no green, and readable on light and dark."""

from gluscope_core.vocabulary import Case, IOClass, Role

CASE_COLOURS = {
    Case.GATE_POS_IN_POS: "#009e73",
    Case.GATE_POS_IN_NEG: "#2f7fc4",
    Case.GATE_NEG_IN_POS: "#a8901a",
    Case.GATE_NEG_IN_NEG: "#c2588f",
}
"""None of these hues is one of the two below."""

POSITIVE, NEGATIVE = "#e66101", "#6a51c8"
"""Activations, from the page's background at 0."""

TYPICAL_CLASS_COLOURS = {
    IOClass.ENRICHMENT: "#2166ac",
    IOClass.CONDITIONAL_ENRICHMENT: "#74a9d8",
    IOClass.DEPLETION: "#b2463c",
    IOClass.CONDITIONAL_DEPLETION: "#e0988f",
    IOClass.PROPORTIONAL_CHANGE: "#b9952b",
    IOClass.ORTHOGONAL_OUTPUT: "#8b9096",
}
"""An atypical class has the colour of the typical one and another shape."""

ROLE_COLOURS = {
    Role.PARTITION: "#307070",
    Role.PREDICTION: "#7090e0",
    Role.SUPPRESSION: "#d00000",
    Role.ENTROPY: "#c08060",
    Role.ATTENTION_DEACTIVATION: "#9020f0",
    Role.ATTENTION_ACTIVATION: "#e010a0",
}
"""None of them is one of the cases', the activations' or the classes'."""
NEUTRAL = "#8b9096"
LOW_TO_HIGH = ("#3d62b5", "#8a8a8a", "#c9a21f")
"""A number, from its least to its largest: of one lightness in the middle, so that both ends show on light and dark."""
PLAIN_MARK = "#4a7fc0"

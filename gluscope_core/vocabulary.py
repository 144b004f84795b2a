"""The words of the field as types: cases, quantities, statistics and lists. Every column name derives from here."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum


class Case(Enum):
    """Signs of (x_gate, x_in); the order is that of the paper's table."""

    GATE_POS_IN_POS = (1, 1)
    GATE_POS_IN_NEG = (1, -1)
    GATE_NEG_IN_POS = (-1, 1)
    GATE_NEG_IN_NEG = (-1, -1)

    @property
    def gate_sign(self) -> int:
        return self.value[0]

    @property
    def in_sign(self) -> int:
        return self.value[1]

    @property
    def column(self) -> str:
        """Prefix of the case's columns: `gate+_in-`."""
        return f"gate{_sign(self.gate_sign)}_in{_sign(self.in_sign)}"

    @property
    def code(self) -> str:
        """Short name in URLs: `pn`."""
        return "".join("p" if sign > 0 else "n" for sign in self.value)

    @property
    def label(self) -> str:
        """For people, with a true minus sign: `gate+ in−`."""
        return self.column.replace("_", " ").replace("-", "−")

    @property
    def mirrored(self) -> "Case":
        """The case that this one becomes when w_in and w_out change sign."""
        return Case((self.gate_sign, -self.in_sign))

    @property
    def ranked(self) -> tuple["Quantity", ...]:
        """Quantities with a top list of their own: for gate+, act orders as gate does."""
        return QUANTITIES[:3] if self.gate_sign > 0 else QUANTITIES


def _sign(value: int) -> str:
    return "+" if value > 0 else "-"


class Quantity(StrEnum):
    """The intermediate activations of a neuron, by the names that TransformerLens and the original use."""

    POST = "hook_post"
    IN = "hook_pre_linear"
    GATE = "hook_pre"
    ACT = "swish"

    @property
    def label(self) -> str:
        return {"hook_post": "post", "hook_pre_linear": "in", "hook_pre": "gate", "swish": "act"}[self.value]


class Stat(StrEnum):
    """What is recorded of each quantity within a case."""

    MEAN = "mean"
    STD = "std"
    MIN = "min"
    MAX = "max"


class Field(StrEnum):
    """What is recorded of each entry of a list."""

    VALUES = "values"
    INDICES = "indices"
    POSITIONS = "positions"


class SignConvention(StrEnum):
    ALIGNED = "aligned"
    RAW = "raw"
    UNKNOWN = "unknown"


class Coordinates(StrEnum):
    NORM_FOLDED = "folded"
    EFFECTIVE = "effective"


class IOClass(StrEnum):
    """The eleven labels of the paper on input-output functionality."""

    ENRICHMENT = "enrichment"
    CONDITIONAL_ENRICHMENT = "conditional enrichment"
    DEPLETION = "depletion"
    CONDITIONAL_DEPLETION = "conditional depletion"
    PROPORTIONAL_CHANGE = "proportional change"
    ORTHOGONAL_OUTPUT = "orthogonal output"
    ATYPICAL_ENRICHMENT = "atypical enrichment"
    ATYPICAL_CONDITIONAL_ENRICHMENT = "atypical conditional enrichment"
    ATYPICAL_DEPLETION = "atypical depletion"
    ATYPICAL_CONDITIONAL_DEPLETION = "atypical conditional depletion"
    ATYPICAL_PROPORTIONAL_CHANGE = "atypical proportional change"


class Role(StrEnum):
    """Functional roles by output, in order of precedence."""

    PARTITION = "partition"
    PREDICTION = "prediction"
    SUPPRESSION = "suppression"
    ENTROPY = "entropy"
    ATTENTION_DEACTIVATION = "attention deactivation"
    ATTENTION_ACTIVATION = "attention activation"

    @property
    def column(self) -> str:
        return f"is_{self.value.replace(' ', '_')}"


CASES = tuple(Case)
QUANTITIES = tuple(Quantity)


@dataclass(frozen=True)
class ExampleList:
    """One list of examples: the top of a quantity within a case, or (no quantity) a uniform choice of its tokens."""

    case: Case
    quantity: Quantity | None

    @property
    def is_random(self) -> bool:
        return self.quantity is None

    @property
    def valued(self) -> Quantity:
        """The quantity whose values the list holds; a random list holds post."""
        return self.quantity or Quantity.POST

    def column(self, field: Field) -> str:
        kind = "random" if self.quantity is None else f"{self.quantity}_max"
        return f"{self.case.column}_{kind}_{field}"


TOP_LISTS = tuple(ExampleList(case, quantity) for case in CASES for quantity in case.ranked)
RANDOM_LISTS = tuple(ExampleList(case, None) for case in CASES)
LISTS = TOP_LISTS + RANDOM_LISTS  # the order of rows in the state and of entries in the windows table


def freq_column(case: Case) -> str:
    return f"{case.column}_freq"


def freq_se_column(case: Case) -> str:
    return f"{case.column}_freq_se"


def count_column(case: Case) -> str:
    return f"{case.column}_count"


def post_in_column(case: Case) -> str:
    return f"{case.column}_post_in"


def stat_column(case: Case, quantity: Quantity, stat: Stat) -> str:
    return f"{case.column}_{quantity}_{stat}"


def case_quantities() -> Iterator[tuple[Case, Quantity]]:
    """All pairs, case by case, as columns and state tensors order them."""
    return ((case, quantity) for case in CASES for quantity in QUANTITIES)

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

    def sign_of(self, quantity: "Quantity") -> int:
        """The sign that a quantity has within the case, unless act of a negative gate is 0, as with ReLU."""
        signs = {Quantity.POST: self.gate_sign * self.in_sign, Quantity.IN: self.in_sign}
        return signs.get(quantity, self.gate_sign)

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


class ImportSource(StrEnum):
    """What of the original program's output was read."""

    DATASET = "dataset"
    PAGES = "pages"
    SUMMARY = "summary"


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


class Vector(StrEnum):
    """The three weight vectors of a neuron."""

    GATE = "w_gate"
    IN = "w_in"
    OUT = "w_out"

    @property
    def changes_sign(self) -> bool:
        """Whether the other sign convention may turn it round."""
        return self is not Vector.GATE


class Matrix(StrEnum):
    """What gives each token a direction."""

    UNEMBED = "W_U"
    EMBED = "W_E"


class Relation(StrEnum):
    """Ways in which the weights of two neurons have to do with each other."""

    NEAR_GATE = "near by w_gate"
    NEAR_IN = "near by w_in"
    NEAR_OUT = "near by w_out"
    NEAR_ALL = "near by all three"
    READ_BY_GATE = "read by w_gate of"
    """Later neurons whose w_gate reads what this one writes."""
    READ_BY_IN = "read by w_in of"
    GATE_READS = "w_gate reads from"
    """Earlier neurons that write what this one's w_gate reads."""
    IN_READS = "w_in reads from"

    @property
    def changes_sign(self) -> bool:
        """Whether its cosines depend on the signs of the two neurons' w_in and w_out."""
        return self not in (Relation.NEAR_GATE, Relation.NEAR_ALL)


CASES = tuple(Case)
QUANTITIES = tuple(Quantity)
VECTORS = tuple(Vector)
MATRICES = tuple(Matrix)
RELATIONS = tuple(Relation)
SIGNS = (1, -1)


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


@dataclass(frozen=True)
class TokenList:
    """The tokens that one of a neuron's vectors points to, or away from; or, for a token, the neurons that do."""

    vector: Vector
    matrix: Matrix
    sign: int


@dataclass(frozen=True)
class FiringList:
    """For a token: the neurons whose strongest examples of a case fire on it, or right before it."""

    case: Case
    before: bool


TOKEN_LISTS = tuple(TokenList(vector, matrix, sign) for vector in VECTORS for matrix in MATRICES for sign in SIGNS)
FIRING_LISTS = tuple(FiringList(case, before) for before in (False, True) for case in CASES)
INDEX_LISTS = TOKEN_LISTS + FIRING_LISTS

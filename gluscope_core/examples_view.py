"""Which of a neuron's examples are shown, in which order, and what is counted over them."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
import pandas as pd

from gluscope_core.activations import Activation
from gluscope_core.address_words import Named, not_known
from gluscope_core.token_text import TokenTexts
from gluscope_core.vocabulary import CASES, QUANTITIES, Case, Quantity

SHOWN, SHOWN_FOUND = 16, 64
_TYPICAL = 0.5
_SAME_BEFORE, _SAME_AFTER, _SAME_SHARE, _SAME_AT_LEAST = 12, 3, 0.8, 4
"""Two examples are nearly identical where four fifths of the tokens around the one of interest are the same."""


class Kind(StrEnum):
    """The lists that one can look at."""

    TOP = "top"
    MID = "mid"
    RANDOM = "random"
    POSITIVE = "pos"
    NEGATIVE = "neg"

    @property
    def label(self) -> str:
        return {"top": "top", "mid": "mid-range", "random": "random", "pos": "strongest +", "neg": "strongest −"}[self]

    @property
    def of_one_case(self) -> bool:
        return self in (Kind.TOP, Kind.MID, Kind.RANDOM)

    @property
    def sign(self) -> int:
        """Of post, in lists across cases."""
        return -1 if self is Kind.NEGATIVE else 1


_CASES_NAMED = {name: each for each in CASES for name in (each.code, each.column, each.column.replace("+", " "))}
_QUANTITIES_NAMED = {name: each for each in QUANTITIES for name in (each.label, each.value)}


@dataclass(frozen=True)
class Choice:
    """What the address says of the examples."""

    case: Case = Case.GATE_POS_IN_POS
    quantity: Quantity = Quantity.POST
    kind: Kind = Kind.TOP

    @classmethod
    def parse(cls, case: str | None, quantity: str | None, kind: str | None) -> "Choice":
        """What cannot be read is as if it were not there; `unknown_in_address` tells."""
        return cls(
            _CASES_NAMED.get(case or "", cls.case),
            _QUANTITIES_NAMED.get(quantity or "", cls.quantity),
            Kind(kind) if kind in set(Kind) else cls.kind,
        )


def unknown_in_address(case: str | None, quantity: str | None, kind: str | None) -> str:
    """What `Choice.parse` could not read, as a sentence; nothing where it could read all."""
    shown = Choice.parse(case, quantity, kind)
    return not_known(
        (
            Named("case", case or "", _CASES_NAMED, shown.case.label),
            Named("quantity", quantity or "", _QUANTITIES_NAMED, shown.quantity.label),
            Named("list", kind or "", set(Kind), shown.kind.label),
        )
    )


@dataclass(frozen=True)
class Example:
    """One example, or several that are nearly the same."""

    case: Case
    quantity: Quantity | None
    """Of the list that it comes from; none where that is a random choice."""
    rank: int
    value: float
    """Of the quantity that is looked at, at the token of interest."""
    text: int
    position: int | None
    """None where nobody recorded it; there is no window then."""
    start: int = 0
    """Where the window begins in its text."""
    tokens: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    activations: Mapping[Quantity, np.ndarray] = field(default_factory=dict)
    share: float | None = None
    """In lists of a random choice: of the case's tokens, estimated, those whose |post| is at most this one's."""
    twins: tuple["Example", ...] = ()

    @property
    def has_window(self) -> bool:
        return len(self.tokens) > 0

    @property
    def place(self) -> str:
        """Its name in the address."""
        return f"{self.text}" if self.position is None else f"{self.text}.{self.position}"

    @property
    def at(self) -> int:
        """The token of interest within the window."""
        return (self.position or 0) - self.start

    @property
    def next_token(self) -> int | None:
        return int(self.tokens[self.at + 1]) if self.at + 1 < len(self.tokens) else None

    def with_twin(self, twin: "Example") -> "Example":
        return replace(self, twins=(*self.twins, twin))


class Examples:
    """All lists of one neuron."""

    def __init__(self, frame: pd.DataFrame, act: Activation) -> None:
        self._frame = frame
        self._act = act
        self.has_windows = "tokens" in frame

    @property
    def texts(self) -> list[int]:
        """The numbers of all texts that examples are of."""
        return np.unique(self._frame.loc[self._frame["text"].notna(), "text"].to_numpy(np.int64)).tolist()

    def bound(self, quantity: Quantity) -> float:
        """The largest magnitude of a quantity in the neuron's examples of it: one scale for all its colours."""
        listed = self._frame.loc[self._frame["quantity"] == quantity.value, "value"].to_numpy(np.float64)
        if quantity is Quantity.ACT:
            gates = self._frame.loc[self._frame["quantity"] == Quantity.GATE.value, "value"].to_numpy(np.float64)
            listed = np.concatenate([listed, self._act(gates)])
        return float(np.fmax.reduce(np.abs(listed), initial=0.0))

    def chosen(self, choice: Choice) -> list[Example]:
        """The list that is looked at, at most `SHOWN` long, before any are collapsed."""
        if not choice.kind.of_one_case:
            return self._strongest(choice)
        frame = self._of(choice.case, None if choice.kind is not Kind.TOP else self._list_of(choice))
        examples = [self._example(row, choice.quantity) for row in frame.to_dict("records")]
        if choice.kind is Kind.TOP:
            return examples[:SHOWN]
        drawn = _with_shares(examples, frame["value"].to_numpy())
        return _middle(drawn) if choice.kind is Kind.MID else drawn[:SHOWN]

    def has_place(self, place: str) -> bool:
        """Whether any list has an example there, as the address names it."""
        return any(each.place == place for each in self.all())

    def _strongest(self, choice: Choice) -> list[Example]:
        """Of post with one sign, whichever case has it: one entry per text, as within a case."""
        cases = [case.column for case in CASES if case.gate_sign * case.in_sign == choice.kind.sign]
        of_post = self._frame[(self._frame["quantity"] == Quantity.POST.value) & self._frame["case"].isin(cases)]
        order = np.lexsort([of_post["text"], -np.abs(of_post["value"])])
        rows = of_post.iloc[order].drop_duplicates("text").head(SHOWN).to_dict("records")
        return [self._example({**row, "rank": rank}, choice.quantity) for rank, row in enumerate(rows)]

    def found(self, query: str, texts: TokenTexts, quantity: Quantity) -> list[Example]:
        """Examples of any list whose window holds a string, each position once."""
        if not self.has_windows:
            return []
        wanted, seen, found = query.casefold(), set(), []
        for row in self._frame.to_dict("records"):
            place = (row["text"], row["position"])
            if place not in seen and wanted in texts.plain(row["tokens"]).casefold():
                seen.add(place)
                found.append(self._example(row, quantity))
        return found

    def all(self) -> list[Example]:
        """Every entry of every list, for downloads; `value` is that of the list."""
        return [self._example(row, None) for row in self._frame.to_dict("records")]

    def _of(self, case: Case, quantity: Quantity | None) -> pd.DataFrame:
        mine = self._frame["quantity"].isna() if quantity is None else self._frame["quantity"] == quantity.value
        return self._frame.loc[mine & (self._frame["case"] == case.column)]

    @staticmethod
    def _list_of(choice: Choice) -> Quantity:
        """Where gate is positive, act orders as gate does and has no list of its own."""
        return choice.quantity if choice.quantity in choice.case.ranked else Quantity.GATE

    def _example(self, row: Mapping, quantity: Quantity | None) -> Example:
        listed = Quantity(row["quantity"]) if isinstance(row["quantity"], str) else None
        position = None if pd.isna(row["position"]) else int(row["position"])
        example = Example(
            Case(_CASE_VALUES[row["case"]]), listed, row["rank"], float(row["value"]), row["text"], position
        )
        if not self.has_windows:
            return self._revalued(example, quantity)
        gate, x_in = row["gate"].astype(np.float64), row["in"].astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            act = self._act(gate)
            values = {Quantity.GATE: gate, Quantity.IN: x_in, Quantity.ACT: act, Quantity.POST: act * x_in}
        return self._revalued(replace(example, start=row["start"], tokens=row["tokens"], activations=values), quantity)

    def _revalued(self, example: Example, quantity: Quantity | None) -> Example:
        """Lists hold their quantity in float32; others are read from the window, or computed from gate."""
        held = example.quantity or Quantity.POST
        if quantity is None or quantity is held:
            return example
        value = np.nan
        if quantity is Quantity.ACT and held is Quantity.GATE:
            value = float(self._act(np.array([example.value]))[0])
        elif example.has_window:
            value = float(example.activations[quantity][example.at])
        return replace(example, value=value)


def _with_shares(drawn: Sequence[Example], posts: np.ndarray) -> list[Example]:
    """Each with the share of the case that it exceeds: of n draws that of rank r from below lies at (r - ½) / n."""
    ranks = np.argsort(np.argsort(np.abs(posts), kind="stable"), kind="stable")
    return [replace(each, share=float((rank + 0.5) / len(posts))) for each, rank in zip(drawn, ranks, strict=True)]


def _middle(drawn: Sequence[Example]) -> list[Example]:
    """What lies between the typical and the strongest: the upper half, strongest first; of many draws, some evenly."""
    upper = sorted((each for each in drawn if (each.share or 0.0) >= _TYPICAL), key=lambda each: -(each.share or 0.0))
    places = np.unique(np.linspace(0, len(upper) - 1, min(SHOWN, len(upper))).round().astype(int))
    return [upper[place] for place in places]


_CASE_VALUES = {case.column: case.value for case in CASES}


def collapse(examples: Iterable[Example]) -> list[Example]:
    """Nearly identical examples become one, the strongest, which keeps the others as its twins."""
    kept: list[Example] = []
    for example in examples:
        same = next((place for place, other in enumerate(kept) if nearly_identical(example, other)), None)
        if same is None:
            kept.append(example)
        else:
            kept[same] = kept[same].with_twin(example)
    return kept


def nearly_identical(one: Example, other: Example) -> bool:
    """Whether most tokens around the one of interest are the same, the latter included."""
    if not one.has_window or not other.has_window or one.tokens[one.at] != other.tokens[other.at]:
        return False
    before = min(_SAME_BEFORE, one.at, other.at)
    after = min(_SAME_AFTER, len(one.tokens) - one.at - 1, len(other.tokens) - other.at - 1)
    if before + after < _SAME_AT_LEAST:
        return len(one.tokens) == len(other.tokens) and bool(np.all(one.tokens == other.tokens))
    mine = one.tokens[one.at - before : one.at + after + 1]
    theirs = other.tokens[other.at - before : other.at + after + 1]
    return float(np.mean(mine == theirs)) >= _SAME_SHARE


def counted(examples: Sequence[Example], token_of: Callable[[Example], int | None]) -> list[tuple[int, int]]:
    """Tokens by how many of the examples have them, most first."""
    tokens = (token_of(each) for example in examples for each in (example, *example.twins) if each.has_window)
    return Counter(token for token in tokens if token is not None).most_common()


def fired_on(examples: Sequence[Example]) -> list[tuple[int, int]]:
    return counted(examples, lambda example: int(example.tokens[example.at]))


def came_next(examples: Sequence[Example]) -> list[tuple[int, int]]:
    return counted(examples, lambda example: example.next_token)

"""A search for neurons as the address says it: read from parameters, checked, and written back the same."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from gluscope_core.errors import BadSettings
from gluscope_core.manifest import Manifest
from gluscope_core.metrics import Metric, find, missing_stages
from gluscope_core.pairs import parse_layers
from gluscope_core.vocabulary import CASES, MATRICES, VECTORS, Case, IOClass, Matrix, Role, Vector

_Value = TypeVar("_Value")
_Name = TypeVar("_Name", bound=str)

TOKEN, VECTOR, MATRIX, SIGN, FIRES, CASE = "token", "vector", "matrix", "sign", "fires", "case"
CLASS, ROLE, LAYERS, TAU, SORT = "class", "role", "layers", "tau", "sort"
"""Keys of the address; every other is that of a metric."""
ANY, NO_ROLE, VALUE = "any", "none", "value"
_POINTING, _FIRING = (VECTOR, MATRIX, SIGN), (FIRES, CASE)
_SIGNS = {"pos": 1, "+": 1, " ": 1, "neg": -1, "-": -1, "−": -1}
_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]{1,3})?"
_RANGE = re.compile(rf"({_NUMBER})?\.\.({_NUMBER})?", re.IGNORECASE)
_LONGEST_TOKEN, _LONGEST_VALUE = 200, 1_000


class Firing(StrEnum):
    """Where, seen from a token, the strongest examples are."""

    ANY = "any"
    ON = "on"
    BEFORE = "before"


@dataclass(frozen=True)
class Pointing:
    """Vectors that point to a token, or (sign −1) away from it; None is any."""

    vector: Vector | None = None
    matrix: Matrix | None = None
    sign: int | None = None


@dataclass(frozen=True)
class Fires:
    """Strongest examples at a token, of one case or any."""

    where: Firing = Firing.ANY
    case: Case | None = None


@dataclass(frozen=True)
class Range:
    """Both ends belong to it."""

    metric: Metric
    low: float | None
    high: float | None

    @property
    def text(self) -> str:
        return f"{_number(self.low)}..{_number(self.high)}"


@dataclass(frozen=True)
class Order:
    """By a metric, or (None) by how strongly a neuron has to do with the token."""

    metric: Metric | None
    descending: bool

    @property
    def text(self) -> str:
        return "-" * self.descending + (self.metric.key if self.metric else VALUE)


@dataclass(frozen=True)
class Query:
    """Conditions that all hold together."""

    token: str = ""
    pointing: Pointing | None = None
    fires: Fires | None = None
    classes: tuple[IOClass, ...] = ()
    roles: tuple[str, ...] = ()
    """Roles by name; `none` is that of neurons without one."""
    layers: str = ""
    threshold: float | None = None
    """Of IO classes, where it is another than the dataset's."""
    ranges: tuple[Range, ...] = ()
    order: Order | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it chooses nothing: an order alone does not."""
        return self == Query(order=self.order, threshold=self.threshold)

    def without(self, key: str) -> "Query":
        """The condition of one key left out; what hangs on a token goes with it."""
        if key == TOKEN:
            order = None if self.order and self.order.metric is None else self.order
            return replace(self, token="", pointing=None, fires=None, order=order)
        if key in _POINTING:
            return replace(self, pointing=None)
        if key in _FIRING:
            return replace(self, fires=None)
        emptied = {CLASS: {"classes": ()}, ROLE: {"roles": ()}, LAYERS: {"layers": ""}}.get(key)
        if emptied is not None:
            return replace(self, **emptied)
        return replace(self, ranges=tuple(each for each in self.ranges if each.metric.key != key))

    def params(self) -> dict[str, str]:
        """What is any or empty is not written."""
        pointing, fires = self.pointing, self.fires
        given = {TOKEN: self.token}
        if pointing is not None:
            restricted = pointing != Pointing()
            given[VECTOR] = pointing.vector or ("" if restricted else ANY)
            given[MATRIX] = pointing.matrix or ""
            given[SIGN] = {1: "pos", -1: "neg", None: ""}[pointing.sign]
        if fires is not None:
            given[FIRES] = "" if fires.where is Firing.ANY and fires.case else fires.where
            given[CASE] = fires.case.code if fires.case else ""
        given |= {CLASS: ",".join(self.classes), ROLE: ",".join(self.roles), LAYERS: self.layers}
        given |= {TAU: "" if self.threshold is None else _number(self.threshold)}
        given |= {each.metric.key: each.text for each in self.ranges}
        given |= {SORT: self.order.text if self.order else ""}
        return {key: str(value) for key, value in given.items() if value}


@dataclass(frozen=True)
class Parsed:
    """What could be read of an address, and what is wrong with the rest, one sentence each."""

    query: Query
    problems: tuple[str, ...]


def parse(params: Mapping[str, str], manifest: Manifest) -> Parsed:
    """A parameter that is wrong is left out of the query, and told."""
    return _Reader(params, manifest).read()


class _Reader:
    """Reads parameter by parameter; `_or_tell` keeps what is wrong."""

    def __init__(self, params: Mapping[str, str], manifest: Manifest) -> None:
        self._params = {key: value for key, value in params.items() if value.strip(" ") or key in (TOKEN, SIGN)}
        self._manifest = manifest
        self._problems: list[str] = []

    def read(self) -> Parsed:
        token = self._params.get(TOKEN, "")[:_LONGEST_TOKEN]
        read: dict[str, object] = {
            "token": token,
            "pointing": self._of_token(token, _POINTING, self._pointing),
            "fires": self._of_token(token, _FIRING, self._fires),
            "classes": self._or_tell(CLASS, lambda text: _several(text, tuple(IOClass)), ()),
            "roles": self._or_tell(ROLE, lambda text: _several(text, (*(role.value for role in Role), NO_ROLE)), ()),
            "layers": self._or_tell(LAYERS, self._layers, ""),
            "threshold": self._or_tell(TAU, _threshold, None),
            "ranges": self._ranges(),
            "order": self._or_tell(SORT, lambda text: self._order(text, token), None),
        }
        if self._manifest.weights is None and (read["classes"] or read["roles"]):
            self._problems.append(_lacks("Classes and roles are", ["weights"]))
            read |= {"classes": (), "roles": ()}
        return Parsed(Query(**read), tuple(self._problems))  # pyright: ignore[reportArgumentType]

    def _or_tell(self, key: str, read: Callable[[str], _Value], default: _Value) -> _Value:
        if key not in self._params:
            return default
        try:
            return read(_not_long(self._params[key]))
        except BadSettings as error:
            self._problems.append(f"{key[:60]}={self._params[key][:60]}: {error}")
            return default

    def _of_token(self, token: str, keys: tuple[str, ...], read: Callable[[], object]) -> object:
        """Conditions that say something of a token need one."""
        given = [key for key in keys if key in self._params]
        if given and not token:
            self._problems.append(f"{given[0]}={self._params[given[0]][:60]}: this needs a token: name one beside it")
        return read() if given and token else None

    def _pointing(self) -> Pointing:
        vectors = {**{each.value: each for each in VECTORS}, ANY: None}
        matrices = {**{each.value: each for each in MATRICES}, ANY: None}
        return Pointing(
            self._or_tell(VECTOR, lambda text: _one(text, vectors), None),
            self._or_tell(MATRIX, lambda text: _one(text, matrices), None),
            self._or_tell(SIGN, lambda text: _one(text, {**_SIGNS, ANY: None}), None),
        )

    def _fires(self) -> Fires:
        cases = {name: case for case in CASES for name in (case.code, case.column, case.column.replace("+", " "))}
        return Fires(
            self._or_tell(FIRES, lambda text: _one(text, {each.value: each for each in Firing}), Firing.ANY),
            self._or_tell(CASE, lambda text: _one(text, {**cases, ANY: None}), None),
        )

    def _layers(self, text: str) -> str:
        parse_layers(text, self._manifest.layers)
        return text.strip()

    def _ranges(self) -> tuple[Range, ...]:
        found: dict[str, Range] = {}
        for key in self._params:
            if key in _KEYS:
                continue
            read = self._or_tell(key, lambda text, key=key: Range(self._metric(key), *_ends(text)), None)
            if read is not None:
                found[read.metric.key] = read
        return tuple(found.values())

    def _metric(self, name: str) -> Metric:
        metric = find(name)
        if metric is None:
            raise BadSettings(f"{name[:40]!r} is neither a key of a search nor a metric: choose one on the search page")
        if missing := missing_stages(metric.source, self._manifest):
            raise BadSettings(_lacks(f"{metric.name} is", missing))
        return metric

    def _order(self, text: str, token: str) -> Order:
        name = text.removeprefix("-")
        if name == VALUE:
            if not token:
                raise BadSettings(f"{text} is what only the neurons of a token have: name a token, or another order")
            return Order(None, text.startswith("-"))
        return Order(self._metric(name), text.startswith("-"))


_KEYS = {TOKEN, *_POINTING, *_FIRING, CLASS, ROLE, LAYERS, TAU, SORT}


def _lacks(what: str, stages: list[str]) -> str:
    lacking = f"stage{'s' * (len(stages) > 1)} {' and '.join(stages)}"
    return f"{what} not in this dataset, since it lacks the {lacking}: leave this out, or compute what is missing"


def _not_long(text: str) -> str:
    """Matching what is long takes long."""
    if len(text) > _LONGEST_VALUE:
        raise BadSettings(f"{len(text):,} characters are too many: write at most {_LONGEST_VALUE:,}")
    return text


def _one(text: str, options: Mapping[str, _Value]) -> _Value:
    if text not in options:
        known = ", ".join(name for name in options if name.strip())
        raise BadSettings(f"{text[:40]!r} is none of {known}: write one of those")
    return options[text]


def _several(text: str, options: tuple[_Name, ...]) -> tuple[_Name, ...]:
    """In the order of the options, each once."""
    given = {part.strip() for part in text.split(",")} - {""}
    if unknown := sorted(given - set(options)):
        raise BadSettings(f"{unknown[0][:40]!r} is none of {', '.join(options)}: write some of those")
    return tuple(option for option in options if option in given)


def _threshold(text: str) -> float:
    value = _parsed(text)
    if not 0 <= value <= 1:
        raise BadSettings(f"{text[:40]!r} is no threshold of cosines: write a number from 0 to 1")
    return value


def _ends(text: str) -> tuple[float | None, float | None]:
    plain = text.replace("−", "-").replace("…", "..").replace(" ", "")
    match = _RANGE.fullmatch(plain)
    if match is None or plain == "..":
        raise BadSettings(f"{text[:40]!r} is no range: write it as -0.5..0.5, 0.5.. or ..0.5")
    low, high = (None if end is None else _parsed(end) for end in match.groups())
    if low is not None and high is not None and low > high:
        raise BadSettings(f"{text[:40]!r} begins with the higher end: write the lower one first")
    return low, high


def _parsed(text: str) -> float:
    try:
        value = float(text.replace("−", "-"))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadSettings(f"{text[:40]!r} is no number: write one such as 0.5")
    return value


def _number(value: float | None) -> str:
    """As short as it can be read back the same."""
    return "" if value is None else repr(float(value)).removesuffix(".0")

"""Reading one of the original's pages: the table in `vis.html`, and the JSON file of each example, without trust."""

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np

from gluscope_core.activations import Activation
from gluscope_core.ids import NeuronId
from gluscope_core.original.columns import extreme_stat
from gluscope_core.plain_files import OddFile, read_at_most
from gluscope_core.vocabulary import CASES, QUANTITIES, TOP_LISTS, Case, ExampleList, Quantity, Stat, case_quantities

PAGE_NAME = "vis.html"
ROUNDING = 0.01
"""Within which a page's table, of two decimals, agrees with its examples."""
FOLLOWS = 1e-5
"""Within which act follows from gate, and post from act and in."""
_MOST_BYTES = 8 * 2**20
"""Of a page, or of one of its examples; parsed, what is written to be large takes twenty times as much."""
_MOST_TOKENS = 2**16
_LONGEST_LIST = 1024
_AFTER = 2
"""Tokens that a page shows after the one of interest."""
_NUMBER = r"(-?(?:[0-9]+\.[0-9]+|nan|inf))"
_FREQUENCY = re.compile(rf"Frequency: {_NUMBER}%\.")
_STATS = re.compile(rf"(\w+): Max: {_NUMBER}; Min: {_NUMBER}; Avg: {_NUMBER}\.")
_PLACE = re.compile(r"Layer: ([0-9]{1,6})\. Neuron Index: ([0-9]{1,8})")
_MODEL = re.compile(r"Model: ([\w./-]{1,200})")
_EXAMPLE = re.compile(r"\./(gate[+-]_in[+-]_\w{1,40}_example_[0-9]{1,4}\.json)")


class MalformedPage(Exception):
    """Why a page cannot be read."""


@dataclass(frozen=True)
class PageTable:
    """What `vis.html` says."""

    model: str
    neuron: NeuronId
    freq: dict[Case, float]
    means: dict[tuple[Case, Quantity], float]
    extremes: dict[tuple[Case, Quantity], float]
    examples: frozenset[str]
    """Names of the JSON files."""


@dataclass(frozen=True)
class PageExample:
    """One example: a text up to shortly after the token of interest, with activations."""

    tokens: tuple[str, ...]
    gate: np.ndarray
    linear: np.ndarray
    value: float
    position: int


@dataclass(frozen=True)
class Page:
    table: PageTable
    lists: dict[ExampleList, list[PageExample]]


class _Content(msgspec.Struct):
    tokens: list[str]
    values: list[list[float]]
    labels: list[str]


class _Reader(HTMLParser):
    """The text of headings and table cells, and the files that examples name."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.headings: list[str] = []
        self.rows: list[list[str]] = []
        self.examples: set[str] = set()
        self._open: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "h1", "h2"):
            self._open = []
        elif tag == "div" and (named := _EXAMPLE.fullmatch(dict(attrs).get("data-url") or "")):
            self.examples.add(named[1])

    def handle_endtag(self, tag: str) -> None:
        if self._open is None or tag not in ("td", "h1", "h2"):
            return
        text = " ".join("".join(self._open).split())
        if tag == "td" and self.rows:
            self.rows[-1].append(text)
        elif tag != "td":
            self.headings.append(text)
        self._open = None

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self._open.append(data)


def read_table(path: Path) -> PageTable:
    reader = _Reader()
    reader.feed(bytes_of(path).decode(errors="replace"))
    models, places = ([pattern.fullmatch(each) for each in reader.headings] for pattern in (_MODEL, _PLACE))
    model, place = (next((each for each in found if each), None) for found in (models, places))
    if model is None or place is None:
        raise MalformedPage("does not name model, layer and neuron")
    cells = _cells(reader.rows)
    freq = {case: float(_found(_FREQUENCY, cells, case, "a frequency")[1]) / 100 for case in CASES}
    if not all(0 <= share <= 1 for share in freq.values()) or abs(sum(freq.values()) - 1) > ROUNDING:
        raise MalformedPage("its frequencies do not add up to 100 %")
    stats = {key: _stats(cells, *key) for key in case_quantities()}
    return PageTable(
        model[1],
        NeuronId(int(place[1]), int(place[2])),
        freq,
        {key: mean for key, (_, mean) in stats.items()},
        {key: extreme for key, (extreme, _) in stats.items()},
        frozenset(reader.examples),
    )


def _cells(rows: list[list[str]]) -> dict[Case, list[str]]:
    """What stands under each case."""
    names = [case.column for case in CASES]
    if not rows or rows[0] != names or any(len(row) != len(names) for row in rows):
        raise MalformedPage(f"its table does not have the columns {', '.join(names)}")
    return {case: [row[column] for row in rows[1:]] for column, case in enumerate(CASES)}


def _found(pattern: re.Pattern, cells: dict[Case, list[str]], case: Case, what: str) -> re.Match:
    found = next((match for cell in cells[case] if (match := pattern.fullmatch(cell))), None)
    if found is None:
        raise MalformedPage(f"its table lacks {what} of {case.column}")
    return found


def _stats(cells: dict[Case, list[str]], case: Case, quantity: Quantity) -> tuple[float, float]:
    """Extreme and mean; the other extreme is 0 on every page."""
    pattern = re.compile(_STATS.pattern.replace(r"(\w+)", re.escape(quantity.value), 1))
    found = _found(pattern, cells, case, quantity.value)
    return float(found[1 if extreme_stat(case, quantity) is Stat.MAX else 2]), float(found[3])


def read_page(path: Path, table: PageTable, act: Activation) -> Page:
    """The page with its examples, each held against the table."""
    lists = {each: _read_list(path.parent, each, table.examples, act) for each in TOP_LISTS}
    for each, examples in lists.items():
        said = table.extremes[each.case, each.valued]
        shown = examples[0].value if examples else 0.0
        if not abs(said - shown) <= ROUNDING:
            raise MalformedPage(
                f"its table has {said} as extreme {each.valued} of {each.case.column}, examples {shown}"
            )
        if not examples and table.freq[each.case] and each.valued in (Quantity.GATE, Quantity.IN):
            raise MalformedPage(f"has no examples of {each.case.column}, which occurs")
    return Page(table, lists)


def _read_list(folder: Path, each: ExampleList, named: frozenset[str], act: Activation) -> list[PageExample]:
    names = [f"{each.case.column}_{each.valued}_example_{number}.json" for number in range(_LONGEST_LIST)]
    mine = [name for name in names if name in named]
    if mine != names[: len(mine)]:
        raise MalformedPage(f"the examples of {each.case.column} {each.valued} do not count from 0")
    examples = []
    for name in mine:
        try:
            examples.append(_read_example(folder / name, each, act))
        except MalformedPage as problem:
            raise MalformedPage(f"{name}: {problem}") from problem
    return sorted(examples, key=lambda example: -abs(example.value))


def _read_example(path: Path, each: ExampleList, act: Activation) -> PageExample:
    try:
        content = msgspec.json.decode(bytes_of(path), type=_Content)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise MalformedPage(f"is not what the original writes ({error})") from error
    length = len(content.tokens)
    if not 0 < length <= _MOST_TOKENS or len(content.values) != length:
        raise MalformedPage("does not have values for each of its tokens")
    if any(len(row) != len(content.labels) for row in content.values) or not set(QUANTITIES) <= set(content.labels):
        raise MalformedPage("does not have a value for each of its labels, or lacks some")
    values = np.array(content.values, dtype=np.float64)
    if not (np.abs(values) < np.finfo(np.float32).max).all():
        raise MalformedPage("has a value beyond what float32 can hold")
    column = {quantity: values[:, content.labels.index(quantity)] for quantity in QUANTITIES}
    _check_follows(column, act)
    gate, linear = column[Quantity.GATE], column[Quantity.IN]
    inside = (np.sign(gate) == each.case.gate_sign) & (np.sign(linear) == each.case.in_sign)
    size = np.where(inside, np.abs(column[each.valued]), 0)
    position = _position(size)
    value = float(np.float32(column[each.valued][position]))
    if not size.any() or np.sign(value) != each.case.sign_of(each.valued):
        raise MalformedPage(f"no token of it is {each.case.column}")
    return PageExample(tuple(content.tokens), gate, linear, value, position)


def _position(size: np.ndarray) -> int:
    """Of the token of interest: the strongest of the case; of several as strong as float32 can tell, the one after
    which the page breaks off."""
    strongest = np.flatnonzero(size >= size.max() * (1 - 1e-6))
    usual = len(size) - 1 - _AFTER
    return usual if usual in strongest else int(strongest[0])


def _check_follows(column: dict[Quantity, np.ndarray], act: Activation) -> None:
    for quantity, wanted in (
        (Quantity.ACT, act(column[Quantity.GATE])),
        (Quantity.POST, column[Quantity.ACT] * column[Quantity.IN]),
    ):
        if not np.allclose(column[quantity], wanted, rtol=FOLLOWS, atol=FOLLOWS):
            raise MalformedPage(f"its {quantity} does not follow from gate and in")


def bytes_of(path: Path) -> bytes:
    try:
        return read_at_most(path, _MOST_BYTES)
    except OddFile as problem:
        raise MalformedPage(f"{path.name} {problem}") from problem
    except OSError as error:
        raise MalformedPage(f"{path.name} cannot be read ({error.strerror})") from error

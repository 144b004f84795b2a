"""Tables of the input-output page as HTML: classes by role with cells to click, and the neurons of a cell."""

from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

import numpy as np
import pandas as pd

from gluscope_core import query
from gluscope_core.columns import NeuronColumn
from gluscope_core.cosines import NAMES, both_names
from gluscope_core.formats import count, exact, fixed, number, percent
from gluscope_core.ids import NeuronId
from gluscope_core.io_classes import IO_CLASSES
from gluscope_core.io_statistics import GAINS, ROLES, IONeurons
from gluscope_core.pairs import NO_ROLE
from gluscope_core.schema import COSINES, LAYER, NEURON
from gluscope_core.spreadsheet import csv_bytes
from gluscope_core.vega import class_colour
from gluscope_core.vocabulary import IOClass

ANY = "any"
MOST_ROWS = 100


@dataclass(frozen=True)
class Cell:
    """A class and a role; None stands for any."""

    io_class: str | None
    role: str | None

    @classmethod
    def parse(cls, text: str) -> "Cell | None":
        """`conditional enrichment.prediction`, `any.prediction`; None for anything else."""
        io_class, _, role = text.partition(".")
        if io_class not in {ANY, *(kind.value for kind in IO_CLASSES)} or role not in {ANY, *ROLES}:
            return None
        return cls(None if io_class == ANY else io_class, None if role == ANY else role)

    def __str__(self) -> str:
        return f"{self.io_class or ANY}.{self.role or ANY}"

    @property
    def search(self) -> dict[str, str]:
        """The same as a query."""
        role = query.NO_ROLE if self.role == NO_ROLE else self.role
        return {key: text for key, text in ((query.CLASS, self.io_class), (query.ROLE, role)) if text}

    @property
    def words(self) -> str:
        parts = [self.io_class or "any class", self.role or "any role"]
        return ", ".join(parts)


def contingency_html(counts: pd.DataFrame, chosen: Cell | None) -> str:
    """Rows and columns that hold nobody are left out; beside a role's count, how many times what chance would give."""
    table = np.pad(counts.loc[_class_order(), list(ROLES)].to_numpy(), ((0, 1), (0, 1)))
    table[-1], table[:, -1] = table.sum(axis=0), table.sum(axis=1)
    table[-1, -1] = table[:-1, -1].sum()
    kinds, roles = (*_class_order(), None), (*ROLES, None)
    kept = [column for column, role in enumerate(roles) if table[-1, column] or role in (NO_ROLE, None)]
    head = "".join(f'<th scope="col">{escape(roles[column] or "all")}</th>' for column in kept)
    body = []
    for row, kind in enumerate(kinds):
        if kind is None or table[row, -1]:
            cells = (Cell(kind, roles[column]) for column in kept)
            figures = ((int(table[row, column]), _expected(table, row, column)) for column in kept)
            buttons = (_button(cell, *each, chosen) for cell, each in zip(cells, figures, strict=True))
            body.append(f"<tr>{_row_name(kind)}{''.join(f'<td>{button}</td>' for button in buttons)}</tr>")
    return (
        '<div class="scrolls" tabindex="0" role="region" aria-label="Classes by role"><table class="crosstab">'
        f'<thead><tr><th scope="col">class</th>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'
    )


def _expected(table: np.ndarray, row: int, column: int) -> float | None:
    """If class and role had nothing to do with each other; none for sums, which stand in the last row and column."""
    if row == len(table) - 1 or column == table.shape[1] - 1:
        return None
    return float(table[row, -1] * table[-1, column] / table[-1, -1])


def _class_order() -> list[str]:
    """Each atypical class after its typical one."""
    typical = [kind.value for kind in IO_CLASSES if not kind.value.startswith("atypical")]
    known = {kind.value for kind in IO_CLASSES}
    return [name for kind in typical for name in (kind, f"atypical {kind}") if name in known]


def _row_name(kind: str | None) -> str:
    if kind is None:
        return '<th scope="row">all</th>'
    return f'<th scope="row" title="{both_names(kind)}"><i style="background:{class_colour(kind)}"></i>{kind}</th>'


def _button(cell: Cell, neurons: int, expected: float | None, chosen: Cell | None) -> str:
    if not neurons:
        told = "" if expected is None else f' title="{number(expected)} expected by chance"'
        return f'<span class="none"{told}>0</span>'
    pressed = "true" if cell == chosen else "false"
    ratio, told = "", cell.words
    if expected is not None:
        told += f": {number(expected)} expected if class and role had nothing to do with each other"
        ratio = f" <small>×{_ratio(neurons / expected)}</small>" if cell.role != NO_ROLE else ""
    return (
        f'<button data-open="{cell}" aria-pressed="{pressed}" title="{escape(told)}" '
        f'aria-label="{count(neurons)} neurons: {escape(cell.words)}">{count(neurons)}{ratio}</button>'
    )


def _ratio(times: float) -> str:
    return f"{times:.1f}" if times < 10 else f"{times:.0f}"


def strongest_first(neurons: IONeurons, places: np.ndarray) -> np.ndarray:
    """Those first whose output has most to do with what w_in reads."""
    return places[np.argsort(-np.abs(neurons.cosines[NeuronColumn.COS_IN_OUT][places]), kind="stable")]


def neurons_table(neurons: IONeurons, classes: np.ndarray, places: np.ndarray) -> pd.DataFrame:
    """Neurons with their figures."""
    names = np.array([*(kind.value for kind in IO_CLASSES), ""], dtype=object)
    ids = zip(neurons.layer[places], neurons.neuron[places], strict=True)
    return pd.DataFrame(
        {
            "neuron": [str(NeuronId(int(layer), int(number))) for layer, number in ids],
            "class": names[classes[places]],
            "role": np.array(ROLES, dtype=object)[neurons.role[places]],
            **{name.value: neurons.cosines[name][places] for name in COSINES},
            **{name.value: neurons.gains[name][places] for name in GAINS},
        }
    )


def neurons_csv(table: pd.DataFrame) -> bytes:
    """Layer and number apart, since a spreadsheet takes 8.10 for 8.1."""
    ids = [NeuronId.parse(each) for each in table["neuron"]]
    apart = {LAYER: [each.layer for each in ids], NEURON: [each.neuron for each in ids]}
    return csv_bytes(pd.DataFrame(apart).join(table.drop(columns="neuron")))


def neurons_html(table: pd.DataFrame, address: dict[str, str]) -> str:
    """Each neuron a link to its page; `address` holds what the link keeps. A class or a role that all
    share stands above the table."""
    words = [name for name in ("class", "role") if len(set(table[name])) > 1]
    names = ["neuron", *words, *(NAMES[name] for name in COSINES), "mean gain", "effective IO"]
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    body = "".join(_line(row, words, address) for row in table.to_dict("records"))
    return (
        '<div class="scrolls listed" tabindex="0" role="region" aria-label="Neurons"><table class="crosstab">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _line(row: dict, words: list[str], address: dict[str, str]) -> str:
    neuron = row["neuron"]
    link = f'<a href="neuron?{escape(urlencode({**address, "neuron": neuron}))}" data-go>{neuron}</a>'
    kinds = "".join(f'<td class="word">{escape(row[name])}</td>' for name in words)
    cosines = "".join(f'<td title="{exact(row[name])}">{fixed(row[name])}</td>' for name in COSINES)
    gains = "".join(f'<td title="{exact(row[name])}">{number(row[name])}</td>' for name in GAINS)
    return f'<tr><th scope="row">{link}</th>{kinds}{cosines}{gains}</tr>'


def near_words(near: int, changing: int, known: int, threshold: float, reach: float) -> str:
    """How much hangs on where the threshold lies."""
    share = percent(near / known) if known else "none"
    return (
        f"**{count(near)}** neurons ({share}) have a cosine within {reach:g} of ±τ; **{count(changing)}** would be of "
        f"another class at τ = {max(0, threshold - reach):.2f} or {threshold + reach:.2f}."
    )


def manipulators(classes: np.ndarray) -> float:
    """The share of neurons that write along what they read: all but orthogonal output."""
    known = classes[classes >= 0]
    return float(np.mean(known != IO_CLASSES.index(IOClass.ORTHOGONAL_OUTPUT))) if len(known) else float("nan")

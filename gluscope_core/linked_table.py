"""Tables as HTML whose rows lead on: their links stay in the tab, and under whatever path the app is served."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

import pandas as pd

from gluscope_core.formats import NOTHING, count, exact, number, percent


@dataclass(frozen=True)
class Link:
    """To another page of the app."""

    words: str
    address: str


@dataclass(frozen=True)
class Button:
    """Names a neuron to the page that shows the table."""

    words: str
    neuron: str


@dataclass(frozen=True)
class Share:
    value: float


Cell = Link | Button | Share | str | float | int | None


def page_address(page: str, parameters: dict[str, str]) -> str:
    """Relative to the app's own: `.` is its first page."""
    return f"{page}?{urlencode(parameters)}" if parameters else page


def linked_table(columns: Iterable[tuple[str, Sequence[Cell]]], label: str) -> str:
    """The first column names the row; numbers stand to the right, in full where one hovers."""
    named = list(columns)
    head = "".join(f'<th scope="col"{_kind(cells)}>{escape(name)}</th>' for name, cells in named)
    rows = zip(*(cells for _, cells in named), strict=True)
    body = "".join(f'<tr><th scope="row">{_html(first)}</th>{"".join(map(_cell, rest))}</tr>' for first, *rest in rows)
    return (
        f'<div class="scrolls listed" tabindex="0" role="region" aria-label="{escape(label)}"><table class="crosstab">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _kind(cells: Sequence[Cell]) -> str:
    return ' class="word"' if any(isinstance(cell, Link | Button | str) for cell in cells) else ""


def _cell(cell: Cell) -> str:
    value = cell.value if isinstance(cell, Share) else cell
    title = f' title="{exact(value)}"' if isinstance(value, float) and pd.notna(value) else ""
    return f"<td{_kind([cell])}{title}>{_html(cell)}</td>"


def _html(cell: Cell) -> str:
    if isinstance(cell, Link):
        return f'<a href="{escape(cell.address)}" data-go>{escape(cell.words)}</a>'
    if isinstance(cell, Button):
        name = f"{cell.words} of {cell.neuron}"
        return f'<button data-neuron="{escape(cell.neuron)}" aria-label="{escape(name)}">{escape(cell.words)}</button>'
    if isinstance(cell, Share):
        return percent(cell.value)
    if isinstance(cell, str):
        return escape(cell)
    if cell is None or pd.isna(cell):
        return NOTHING
    return count(cell) if isinstance(cell, int) else number(cell)

"""Examples on a page without Streamlit: every list of every case at once, one of them shown at a time."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

import numpy as np

from gluscope_core.examples_view import Choice, Example, Examples, Kind, came_next, collapse, fired_on
from gluscope_core.formats import percent
from gluscope_core.highlight import Colouring, ExamplesHtml, counts_html, legend_html, value_at
from gluscope_core.neuron_view import NeuronView
from gluscope_core.palette import CASE_COLOURS
from gluscope_core.token_text import TokenTexts
from gluscope_core.vocabulary import CASES, QUANTITIES, Case, Quantity, freq_column
from gluscope_core.windows_words import how_to_compute

_KEPT = (Quantity.GATE, Quantity.IN, Quantity.ACT)
"""post is the product of the last two."""
_RANDOM = "a uniform choice of the case's tokens, by |post|; before each the share of the case that it exceeds"

_SAME_ORDER = "Where gate is positive, act orders as gate does: the examples by act are those by gate."


@dataclass(frozen=True)
class _Tab:
    """A list that one can choose within a case."""

    code: str
    label: str
    quantity: Quantity
    kind: Kind


_TABS = (
    *(_Tab(quantity.label, quantity.label, quantity, Kind.TOP) for quantity in QUANTITIES),
    _Tab("random", "random", Quantity.POST, Kind.MID),
)
CHOICE_CSS = "".join(
    f".choices:has(#{code}:checked) .panel:not(.{code}){{display:none}}"
    for code in (*(f"c-{case.code}" for case in CASES), *(f"l-{tab.code}" for tab in _TABS))
)
"""Where a browser does not know `:has`, all lists are shown."""


class StaticExamplesHtml(ExamplesHtml):
    """Tokens' values lie together in an attribute of the row, from which a script reads them: they would be most of
    the page."""

    def values(self, example: Example, at: int) -> str:  # noqa: ARG002
        return ""

    def attributes(self, example: Example) -> str:
        if not example.has_window:
            return ""
        places = [value_at(example, piece) for piece in self._texts.pieces(example.tokens)]
        with np.errstate(over="ignore"):
            halves = np.stack([example.activations[each][places] for each in _KEPT], axis=1).astype("<f2")
        return f' data-h="{base64.b64encode(halves.tobytes()).decode()}"'


def examples_html(view: NeuronView, texts: TokenTexts) -> str:
    """Raises what reading the examples raises."""
    lists = view.examples()
    said = "" if lists.has_windows else _how_to_get_windows(view)
    panels = "".join(_panel(view, lists, texts, case, tab) for case in CASES for tab in _TABS)
    return f'<div class="choices">{_case_switch(view)}{_list_switch()}{said}{panels}</div>'


def _case_switch(view: NeuronView) -> str:
    labels = "".join(
        f'<label style="--case:{CASE_COLOURS[case]}"><input type="radio" name="case" id="c-{case.code}"'
        f"{' checked' if case is CASES[0] else ''}>{escape(case.label)} <small>{_frequency(view, case)}</small></label>"
        for case in CASES
    )
    return f'<div class="switch cases-switch" role="radiogroup" aria-label="Case">{labels}</div>'


def _list_switch() -> str:
    labels = "".join(
        f'<label><input type="radio" name="list" id="l-{tab.code}"{" checked" if tab is _TABS[0] else ""}>'
        f"{tab.label}</label>"
        for tab in _TABS
    )
    return f'<div class="switch" role="radiogroup" aria-label="List">{labels}</div>'


def _frequency(view: NeuronView, case: Case) -> str:
    share = view.row[freq_column(case)]
    return "never" if share == 0 else percent(share)


def _panel(view: NeuronView, lists: Examples, texts: TokenTexts, case: Case, tab: _Tab) -> str:
    chosen = lists.chosen(Choice(case, tab.quantity, tab.kind))
    if chosen and tab.quantity not in case.ranked:
        shown = f"<p>{_SAME_ORDER}</p>"
    else:
        shown = "".join(_listing(view, lists, texts, chosen, tab)) if chosen else f"<p>{_why_none(view, case)}</p>"
    name = f"{case.label} · {tab.label}"
    return f'<div class="panel c-{case.code} l-{tab.code}"><h3>{escape(name)}</h3>{shown}</div>'


def _listing(view: NeuronView, lists: Examples, texts: TokenTexts, chosen: list[Example], tab: _Tab) -> Iterator[str]:
    colouring = Colouring(tab.quantity, lists.bound(tab.quantity))
    if tab.kind is Kind.MID:
        yield f'<p class="name">{_RANDOM}</p>'
    if lists.has_windows:
        yield (
            f'<div class="summary">{counts_html("fired on", fired_on(chosen), texts)}'
            f"{counts_html('next tokens', came_next(chosen), texts)}{legend_html(colouring)}</div>"
        )
    collapsed = collapse(chosen)
    yield StaticExamplesHtml(texts, colouring, view.sources(collapsed), openable=False).listing(collapsed)


def _why_none(view: NeuronView, case: Case) -> str:
    if view.row[freq_column(case)] == 0:
        return f"{escape(case.label)} never occurs for this neuron, so there are no examples of it."
    return "No examples: no token has a value other than 0."


def _how_to_get_windows(view: NeuronView) -> str:
    commands = ", then ".join(f"<code>{escape(each)}</code>" for each in how_to_compute(view))
    return f"<p>The texts around these examples are not in the dataset; this computes them: {commands}.</p>"

"""Examples on a page without Streamlit: every list of every case at once, one of them shown at a time."""

import base64
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape

import numpy as np

from gluscope_core.examples_view import Choice, Example, Examples, Kind, came_next, collapse, fired_on
from gluscope_core.formats import count, percent
from gluscope_core.highlight import Colouring, ExamplesHtml, counts_html, legend_html, position, value_at
from gluscope_core.neuron_view import NeuronView
from gluscope_core.neuron_words import as_html, no_examples, no_windows
from gluscope_core.palette import CASE_COLOURS
from gluscope_core.provenance import Source
from gluscope_core.token_text import TokenTexts
from gluscope_core.vocabulary import CASES, QUANTITIES, Case, Quantity, freq_column

_KEPT = (Quantity.GATE, Quantity.IN, Quantity.ACT)
"""post is the product of the last two."""
_RANDOM = "a uniform choice of the case's tokens; before each the share of the case that its |post| exceeds"

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
    _Tab("random", "random", Quantity.POST, Kind.RANDOM),
)
_COLOUR = "{{background:color-mix(in srgb,var(--{}) calc(var(--a)*.58%),transparent)}}"
EXAMPLES_CSS = "\n".join(
    (
        *(
            f'.row :is(i[class^={name[0]}],b[class*=" {name[0]}"]){_COLOUR.format(name)}'
            for name in ("positive", "negative")
        ),
        "".join(f".p{strength},.n{strength}{{--a:{strength}}}" for strength in range(1, 101)),
        ".source a{text-decoration:underline}.sources{margin:1.5em 0}.sources ol{padding-left:3em}",
        ".sources li{white-space:pre-line;margin:.6em 0}.sources li:target{font-weight:600}",
    )
)
"""A class for each strength is shorter than a class and a style, of which a page has thousands."""
CHOICE_CSS = "".join(
    f".choices:has(#{code}:checked) .panel:not(.{code}){{display:none}}"
    for code in (*(f"c-{case.code}" for case in CASES), *(f"l-{tab.code}" for tab in _TABS))
)
"""Where a browser does not know `:has`, all lists are shown."""


class StaticExamplesHtml(ExamplesHtml):
    """Tokens' values lie together in an attribute of the row, from which a script reads them: they would be most of
    the page. What many texts share of their sources stands once, at its end."""

    def __init__(
        self, texts: TokenTexts, colouring: Colouring, sources: Mapping[int, Source], shared: "SharedLines"
    ) -> None:
        super().__init__(texts, colouring, sources, openable=False)
        self._shared = shared

    def source(self, example: Example, source: Source) -> str:
        own, number = self._shared.without(source.full)
        if number is None:
            return super().source(example, source)
        where = "\n".join((*own, position(example)))
        link = f"<a href=#s{number}>{escape(source.short) or 'source'}</a>"
        return f'<span class=source title="{escape(where)}">text {count(example.text)} · {link}</span>'

    def colour(self, strength: int, *, is_interest: bool) -> str:
        if not strength:
            return super().colour(strength, is_interest=is_interest)
        named = f"{'p' if strength > 0 else 'n'}{abs(strength)}"
        return f' class="t {named}"' if is_interest else f" class={named}"

    def values(self, example: Example, at: int) -> str:  # noqa: ARG002
        return ""

    def attributes(self, example: Example) -> str:
        if not example.has_window:
            return ""
        places = [value_at(example, piece) for piece in self._texts.pieces(example.tokens)]
        with np.errstate(over="ignore"):
            halves = np.stack([example.activations[each][places] for each in _KEPT], axis=1).astype("<f2")
        return f' data-h="{base64.b64encode(halves.tobytes()).decode()}"'


class SharedLines:
    """Lines of sources that several texts of a page have. Those that come together have one number."""

    def __init__(self, sources: Iterable[str]) -> None:
        counts = Counter(line for source in sources for line in source.splitlines())
        self._common = {line for line, times in counts.items() if times > 1}
        self._numbers: dict[tuple[str, ...], int] = {}

    def without(self, source: str) -> tuple[list[str], int | None]:
        """What a source alone has, and the number of what it shares, if anything."""
        lines = source.splitlines()
        shared = tuple(line for line in lines if line in self._common)
        own = [line for line in lines if line not in self._common]
        return own, self._numbers.setdefault(shared, len(self._numbers) + 1) if shared else None

    def html(self) -> str:
        if not self._numbers:
            return ""
        listed = "".join(
            f"<li id=s{number}>{escape(chr(10).join(said))}</li>" for said, number in self._numbers.items()
        )
        return f"<details class=sources><summary>Sources of the texts</summary><ol>{listed}</ol></details>"


@dataclass(frozen=True)
class _Everything:
    """That the lists of a page are written from."""

    view: NeuronView
    lists: Examples
    texts: TokenTexts
    shared: SharedLines


def examples_html(view: NeuronView, texts: TokenTexts) -> str:
    """Raises what reading the examples raises."""
    lists = view.examples()
    said = "" if lists.has_windows else f"<p>{as_html(no_windows(view))}</p>"
    shared = SharedLines(view.source(text).full for text in lists.texts)
    everything = _Everything(view, lists, texts, shared)
    panels = "".join(_panel(everything, case, tab) for case in CASES for tab in _TABS)
    return f'<div class="choices">{_case_switch(view)}{_list_switch()}{said}{panels}</div>{shared.html()}'


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


def _panel(page: _Everything, case: Case, tab: _Tab) -> str:
    chosen = page.lists.chosen(Choice(case, tab.quantity, tab.kind))
    if chosen and tab.quantity not in case.ranked:
        shown = f"<p>{_SAME_ORDER}</p>"
    else:
        shown = (
            "".join(_listing(page, chosen, tab))
            if chosen
            else f"<p>{as_html(no_examples(page.view, case, tab.kind))}</p>"
        )
    name = f"{case.label} · {tab.label}"
    return f'<div class="panel c-{case.code} l-{tab.code}"><h3>{escape(name)}</h3>{shown}</div>'


def _listing(page: _Everything, chosen: list[Example], tab: _Tab) -> Iterator[str]:
    colouring = Colouring(tab.quantity, page.lists.bound(tab.quantity))
    if tab.kind is Kind.RANDOM:
        yield f'<p class="name">{_RANDOM}</p>'
    if page.lists.has_windows:
        yield (
            f'<div class="summary">{counts_html("fired on", fired_on(chosen), page.texts)}'
            f"{counts_html('next tokens', came_next(chosen), page.texts)}{legend_html(colouring)}</div>"
        )
    collapsed = collapse(chosen)
    yield StaticExamplesHtml(page.texts, colouring, page.view.sources(collapsed), page.shared).listing(collapsed)

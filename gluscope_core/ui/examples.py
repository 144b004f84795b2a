"""The examples on a neuron's page: they alone run again when another case, quantity or list is chosen."""

from html import escape

import streamlit as st

from gluscope_core.address_words import quoted
from gluscope_core.errors import NotComputed
from gluscope_core.examples_view import (
    SHOWN_FOUND,
    Choice,
    Example,
    Examples,
    Kind,
    came_next,
    collapse,
    fired_on,
    unknown_in_address,
)
from gluscope_core.formats import percent
from gluscope_core.highlight import Colouring, ExamplesHtml, Opened, counts_html, legend_html
from gluscope_core.markdown import escaped
from gluscope_core.neuron_view import NeuronView
from gluscope_core.neuron_words import no_examples, no_windows
from gluscope_core.palette import CASE_COLOURS
from gluscope_core.schema import TEXTS_TABLE, VOCAB_TABLE
from gluscope_core.sign_table import has_statistics
from gluscope_core.some_examples import nearest_with_examples, some_only
from gluscope_core.token_text import TokenTexts
from gluscope_core.ui.neuron import same_page, token_texts, where_data_would_be
from gluscope_core.ui.state import OPENED, choose, search, switch, write
from gluscope_core.ui.view import show_html
from gluscope_core.vocabulary import CASES, QUANTITIES, Case, freq_column
from gluscope_core.windows_words import how_to_compute_lists, how_to_open

CASE, QUANTITY, KIND, EVERY, FIND = "case", "quantity", "list", "all", "find"
_EXPLANATIONS = {
    Kind.TOP: "",
    Kind.MID: "Between the typical and the strongest: of a uniform choice of the case's tokens those whose |post| "
    "exceeds half of the case or more. Before each the share that it exceeds, as far as so few tell: the strongest few "
    "percent are at the top only.",
    Kind.RANDOM: "A uniform choice of the case's tokens, as they were drawn; before each the share of the case that "
    "its |post| exceeds, as far as so few tell.",
    Kind.POSITIVE: "The strongest positive post, whichever case it comes from.",
    Kind.NEGATIVE: "The strongest negative post, whichever case it comes from.",
}


_STAYS_IN_REACH = (
    "@media (max-width:900px){div:has(>.st-key-switches),.st-key-switches{display:contents}"
    f".st-key-choose_{CASE}{{position:sticky;top:3.6rem;z-index:20;backdrop-filter:blur(24px)}}}}"
)
"""On narrow screens the switches are one below the other, and the first stays while one scrolls."""


def _case_colours() -> str:
    return "".join(
        f".st-key-choose_{CASE} button:nth-of-type({place}){{box-shadow:inset 0 -3px {CASE_COLOURS[case]}}}"
        for place, case in enumerate(CASES, start=1)
    )


@st.fragment
def examples(view: NeuronView) -> None:
    st.subheader("Examples", anchor="examples")
    if not has_statistics(view.row):
        st.caption("None: the dataset says nothing of activations.")
        return
    with st.container(gap="small"), where_data_would_be():
        try:
            lists = view.examples()
        except NotComputed:
            _none_kept(view)
            return
        choice = _chosen(view)
        _show(view, choice, lists, search(FIND, "Search in all of this neuron's examples"))


def _none_kept(view: NeuronView) -> None:
    """How to compute them, and neurons nearby that have some."""
    manifest, some = view.dataset.manifest, some_only(view.dataset, lists_first=True)
    kept = f"of {some[1]:,} of its {manifest.neuron_count:,} neurons" if some else "of some neurons only"
    commands = ", then ".join(f"<code>{escape(each)}</code>" for each in how_to_compute_lists(view))
    links = (
        f'<a href="{escape(same_page(each))}" data-go>{each}</a>'
        for each in nearest_with_examples(view.dataset, view.id)
    )
    show_html(
        f'<p class="explanation">None here: the dataset keeps examples {kept}. Nearest: {" · ".join(links)}.<br>'
        f"Of layer {view.id.layer} they are computed by {commands}, with {escape(manifest.model.id)} as the model; "
        f"<code>{how_to_open('DIR')}</code> shows them.</p>",
        "no_examples",
    )


def _chosen(view: NeuronView) -> Choice:
    """The switches, as the address has them."""
    named = [st.query_params.get(key) for key in (CASE, QUANTITY, KIND)]
    choice, default = Choice.parse(*named), Choice()
    case_labels = {case.code: f"{case.label} {_frequency(view, case)}" for case in CASES}
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="switches"):
        choose(CASE, "Case", case_labels, choice.case.code, default.case.code, disabled=not choice.kind.of_one_case)
        labels = {quantity.label: quantity.label for quantity in QUANTITIES}
        choose(QUANTITY, "Quantity", labels, choice.quantity.label, default.quantity.label)
        choose(KIND, "List", {kind.value: kind.label for kind in Kind}, choice.kind, default.kind)
        switch(EVERY, "colour all", "Colour tokens of every case, not only those of the example's")
    st.html(f"<style>{_STAYS_IN_REACH}{_case_colours()}</style>")
    if unknown := unknown_in_address(*named):
        st.caption(unknown)
    return choice


def _frequency(view: NeuronView, case: Case) -> str:
    share = view.row[freq_column(case)]
    return "never" if share == 0 else percent(share)


def _show(view: NeuronView, choice: Choice, lists: Examples, found: str) -> None:
    texts = token_texts(view.dataset)
    colouring = Colouring(choice.quantity, lists.bound(choice.quantity), every_token=EVERY in st.query_params)
    if found and lists.has_windows:
        chosen = lists.found(found, texts, choice.quantity)
        shown = f": the first {SHOWN_FOUND}" if len(chosen) > SHOWN_FOUND else ""
        explanation = f"{len(chosen)} of this neuron's examples contain “{found}”{shown}."
        chosen = chosen[:SHOWN_FOUND]
    else:
        chosen, explanation = lists.chosen(choice), _EXPLANATIONS[choice.kind]
    if not lists.has_windows:
        st.info(no_windows(view))
        if found:
            st.caption(escaped(f"Until then they cannot be searched for “{found}”."))
    if not chosen:
        st.caption(_why_none(view, choice, found))
        return
    summary = _summary(chosen, explanation, colouring, texts) if lists.has_windows else ""
    collapsed = collapse(chosen)
    openable = view.dataset.has(TEXTS_TABLE.name)
    writer = ExamplesHtml(texts, colouring, view.sources(collapsed), openable=openable)
    across = bool(found) or not choice.kind.of_one_case
    whole = opened(view, collapsed)
    if whole is None and (unknown := _unknown_place(lists)):
        st.caption(unknown)
    show_html(summary + writer.listing(collapsed, whole, lists=across), "examples", on_open=open_or_close)


def _unknown_place(lists: Examples) -> str:
    """Of a text that the address opens; one that is in another list than the one shown is no mistake."""
    named = st.query_params.get(OPENED, "")
    if not named or lists.has_place(named):
        return ""
    return f"{quoted(OPENED, named)} is not known: this neuron has no example there, so none is open."


def _summary(chosen: list[Example], explanation: str, colouring: Colouring, texts: TokenTexts) -> str:
    said = f'<p class="explanation">{escape(explanation)}</p>' if explanation else ""
    return (
        f'<div class="summary">{said}{counts_html("fired on", fired_on(chosen), texts)}'
        f"{counts_html('next tokens', came_next(chosen), texts)}{legend_html(colouring)}</div>"
    )


def _why_none(view: NeuronView, choice: Choice, found: str) -> str:
    if found:
        return "No example contains it. Searching is exact but for upper and lower case."
    return no_examples(view, choice.case if choice.kind.of_one_case else None, choice.kind)


def opened(view: NeuronView, shown: list[Example]) -> Opened | None:
    named = st.query_params.get(OPENED)
    example = next((each for one in shown for each in (one, *one.twins) if each.place == named), None)
    if example is None:
        return None
    ids, string = view.whole_text(example.text)
    return Opened(example.place, ids if view.dataset.has(VOCAB_TABLE.name) or not string else [], string)


def open_or_close(place: str) -> None:
    write(OPENED, None if st.query_params.get(OPENED) == place else place)

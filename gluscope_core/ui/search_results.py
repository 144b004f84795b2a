"""Parts of the search page: what was found, page by page and as files."""

from collections.abc import Callable
from urllib.parse import urlencode

import streamlit as st

from gluscope_core import search_words as words
from gluscope_core.dataset import Dataset
from gluscope_core.errors import GluscopeError
from gluscope_core.ids import NeuronId
from gluscope_core.markdown import escaped
from gluscope_core.query import Query
from gluscope_core.schema import LAYER, NEURON, VOCAB_TABLE, WEIGHTS_TABLE
from gluscope_core.search import Found, metrics_of
from gluscope_core.search_table import results_csv, results_html, results_json, top_tokens
from gluscope_core.ui.neuron import token_texts
from gluscope_core.ui.page import COMPARE_PAGE, address, copy_link
from gluscope_core.ui.search import PAGE
from gluscope_core.ui.state import write
from gluscope_core.ui.view import show_html
from gluscope_core.vocabulary import Vector

_PER_PAGE = 50


def show_found(query: Query, found: Found, dataset: Dataset, token: str) -> None:
    """One page of it; the whole as files."""
    total = len(found.neurons)
    pages = -(-total // _PER_PAGE)
    number = min(max(_page_number(), 1), pages)
    shown = found.neurons.iloc[(number - 1) * _PER_PAGE : number * _PER_PAGE]
    ids = [NeuronId(int(layer), int(neuron)) for layer, neuron in shown[[LAYER, NEURON]].itertuples(index=False)]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        said = escaped("; ".join(words.phrases(query, token).values()))
        order = escaped(words.sorted_by(query.order, with_token=bool(query.token)))
        st.markdown(f"**{total:,} neuron{'s' * (total != 1)}**: {said}; {order}", width="stretch")
        _turn(number, pages)
        _files(query, found, dataset)
        listed = address(view="list", ids=",".join(map(str, ids)))
        st.page_link(COMPARE_PAGE, label="as a list", query_params=listed, icon=":material/compare:")
        copy_link(dataset)
    st.caption(words.notes(query, dataset.manifest))

    def link(neuron: NeuronId) -> str:
        case = query.fires.case.code if query.fires and query.fires.case else None
        return f"neuron?{urlencode(address(neuron=str(neuron), case=case))}"

    show_html(
        f'<div class="scrolls">{results_html(shown, metrics_of(query), link, _tokens(dataset, ids))}</div>', "results"
    )


def _tokens(dataset: Dataset, neurons: list[NeuronId]) -> dict[NeuronId, dict[Vector, list[str]]]:
    if not (dataset.has(WEIGHTS_TABLE.name) and dataset.has(VOCAB_TABLE.name)):
        return {}
    # By layer, so that each file is opened once.
    return {neuron: _tokens_of(dataset, dataset.manifest.sha256, neuron) for neuron in sorted(neurons)}


@st.cache_resource(max_entries=1_000, show_spinner=False)
def _tokens_of(_dataset: Dataset, version: str, neuron: NeuronId) -> dict[Vector, list[str]]:  # noqa: ARG001
    try:
        return top_tokens(_dataset.weights(*neuron).tokens, token_texts(_dataset))
    except GluscopeError:
        return {}  # the neuron's page tells what is wrong


def _page_number() -> int:
    named = st.query_params.get(PAGE, "1")
    return int(named[:7]) if named.isascii() and named.isdigit() else 1


def _turn(number: int, pages: int) -> None:
    if pages < 2:
        return
    for label, to, name in (
        ("‹", number - 1, "Previous page"),
        (f"{number:,} of {pages:,}", 0, ""),
        ("›", number + 1, "Next page"),
    ):
        if not name:
            st.markdown(label, width="content")
            continue
        st.button(
            label, key=f"turn_{name}", help=name, type="tertiary", disabled=not 1 <= to <= pages,
            on_click=write, args=(PAGE, str(to), "1"),
        )  # fmt: skip


def _files(query: Query, found: Found, dataset: Dataset) -> None:
    """Written when they are asked for."""
    name = f"{dataset.manifest.model.id.replace('/', '_')}_search"
    kinds: dict[str, Callable[[], bytes]] = {
        "CSV": lambda: results_csv(found.neurons),
        "JSON": lambda: results_json(found.neurons, query, dataset.manifest),
    }
    for kind, write_file in kinds.items():
        st.download_button(
            kind, write_file, f"{name}.{kind.lower()}", key=f"download_{kind}", on_click="ignore", type="tertiary",
            help="All that was found", icon=":material/download:",
        )  # fmt: skip

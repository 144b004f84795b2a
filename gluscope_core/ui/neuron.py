"""The parts of a neuron's page."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from html import escape
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gluscope_core.address_words import Named, not_known
from gluscope_core.columns import NeuronColumn
from gluscope_core.cosines import ARBITRARY_SIGN, cosines_html, scores_html, sign_is_arbitrary, title_html
from gluscope_core.dataset import Dataset
from gluscope_core.errors import BadNeuronId, GluscopeError, NotComputed
from gluscope_core.examples_view import Example
from gluscope_core.ids import NeuronId
from gluscope_core.markdown import escaped
from gluscope_core.methods_provenance import counted_on
from gluscope_core.neuron_charts import density_chart, frequency_chart
from gluscope_core.neuron_export import examples_csv, figures_csv, neuron_json
from gluscope_core.neuron_view import NeuronView, conventions, how_to_get_weights, neighbours_in_order
from gluscope_core.neuron_words import NO_STATISTICS, as_recorded, has_samples, no_cosines, no_samples, signs_of_weights
from gluscope_core.schema import VOCAB_TABLE, WEIGHTS_TABLE
from gluscope_core.sign_table import has_statistics, table_html
from gluscope_core.some_examples import random_neuron
from gluscope_core.svg import chart_file
from gluscope_core.token_text import TokenTexts
from gluscope_core.ui.page import NEURON, address, copy_link, guard
from gluscope_core.ui.state import OPENED, choose, go_to
from gluscope_core.ui.view import show_html
from gluscope_core.vocabulary import MATRICES, Matrix, SignConvention
from gluscope_core.weight_lists import related_html, token_lists_html

SIGNS, MATRIX = "signs", "matrix"
_ARROWS = {"Left": "Previous", "Right": "Next", "Up": "Layer up", "Down": "Layer down"}
_DENSITY = "x_gate against x_in of neuron {} at sampled tokens"
_FREQUENCIES = "How often neuron {} is in each of the four cases"


@contextmanager
def where_data_would_be() -> Iterator[None]:
    """Errors that a user can do something about are shown in place of what could not be read."""
    try:
        yield
    except GluscopeError as error:
        guard(error)


def shown_convention(dataset: Dataset) -> SignConvention:
    named = st.query_params.get(SIGNS)
    return next((each for each in conventions(dataset) if each.value == named), conventions(dataset)[0])


def same_page(neuron: NeuronId) -> str:
    """Where a click on another neuron leads, for a new tab: all else that the address says stays."""
    kept = {key: value for key, value in st.query_params.to_dict().items() if key != OPENED}
    return f"?{urlencode(kept | address(neuron=str(neuron)))}"


def token_texts(dataset: Dataset) -> TokenTexts:
    return _token_texts(dataset.manifest.sha256, dataset)


@st.cache_resource(max_entries=4, show_spinner=False)
def _token_texts(sha256: str, _dataset: Dataset) -> TokenTexts:
    del sha256  # by which vocabularies are told apart
    return TokenTexts(_dataset.vocab) if _dataset.has(VOCAB_TABLE.name) else TokenTexts.unknown()


def navigation(dataset: Dataset, neuron: NeuronId) -> DeltaGenerator:
    """Ways to other neurons, the sign convention and the link; returns the bar that holds them."""
    go = go_to(NEURON)
    bar = st.container(horizontal=True, vertical_alignment="center", gap="small")
    with bar:
        for key, target in neighbours_in_order(dataset, neuron).items():
            step = partial(go, str(target))
            st.button(
                _ARROWS[key], key=f"go_{key}", shortcut=key, disabled=target is None, on_click=step, type="tertiary"
            )
        st.button("Random", key="go_random", on_click=lambda: go(str(random_neuron(dataset))), type="tertiary")
        st.text_input(
            "Neuron",
            key="go_named",
            placeholder="31.9634 …",
            label_visibility="collapsed",
            width=110,
            on_change=_go_named,
        )
        names = {each.value: f"{each.value} signs" for each in conventions(dataset)}
        shown = shown_convention(dataset).value
        choose(SIGNS, "Sign convention", names, shown, next(iter(names)))
        copy_link(dataset)
    _say_if_not_known(Named(SIGNS, st.query_params.get(SIGNS, ""), names, shown))
    return bar


def _say_if_not_known(named: Named) -> None:
    if unknown := not_known([named]):
        st.caption(unknown)


def _go_named() -> None:
    named = st.session_state["go_named"]
    st.session_state["go_named"] = ""
    try:
        go_to(NEURON)(str(NeuronId.parse(named)))
    except BadNeuronId as error:
        st.toast(escaped(str(error)))


def heading(view: NeuronView) -> None:
    manifest = view.dataset.manifest
    has_cosines = view.row[NeuronColumn.COS_IN_OUT] is not None
    cosines = cosines_html(view.row, manifest) if has_cosines else ""
    show_html(title_html(view.row, manifest, str(view.id)) + cosines, "heading")
    if not has_cosines:
        st.caption(no_cosines(manifest))
    elif sign_is_arbitrary(view.row, manifest.model.d_model):
        st.caption(ARBITRARY_SIGN)
    st.caption(escaped(counted_on(manifest)))


def statistics(view: NeuronView) -> None:
    """The paper's table, and the plane in which its cases are quadrants."""
    manifest = view.dataset.manifest
    if not has_statistics(view.row):
        st.info(NO_STATISTICS)
        return
    sampled = has_samples(view)
    *density, frequency, table = st.columns([4, 2.6, 6] if sampled else [3, 7], gap="medium")
    for column in density:
        with column, where_data_would_be():
            chart = density_chart(view.samples(), view.row)
            st.vega_lite_chart(chart, alt=_DENSITY.format(view.id))
    with frequency:
        st.vega_lite_chart(frequency_chart(view.row), alt=_FREQUENCIES.format(view.id))
        if not sampled:
            st.caption(no_samples(view))
    with table:
        frame = '<div class="scrolls" tabindex="0" role="region" aria-label="Figures by case">{}</div>'
        show_html(frame.format(table_html(view.row)), "table")
        if said := as_recorded(manifest):
            st.caption(said)


def vectors(view: NeuronView) -> None:
    st.subheader("Tokens that the vectors point to", anchor="tokens")
    if not view.dataset.has(WEIGHTS_TABLE.name):
        st.caption(how_to_get_weights(view.dataset.manifest))
        return
    with where_data_would_be():
        named, manifest = st.query_params.get(MATRIX, ""), view.dataset.manifest
        matrix = Matrix(named) if named in set(MATRICES) else Matrix.UNEMBED
        choose(MATRIX, "Directions of tokens", {each.value: each.value for each in MATRICES}, matrix, Matrix.UNEMBED)
        _say_if_not_known(Named(MATRIX, named, set(MATRICES), matrix))
        if said := signs_of_weights(manifest):
            st.caption(said)
        html = token_lists_html(view.weights().tokens, matrix, token_texts(view.dataset))
        show_html(html + scores_html(view.row), "tokens")


def related(view: NeuronView) -> None:
    st.subheader("Neighbours and links", anchor="related")
    if not view.dataset.has(WEIGHTS_TABLE.name):
        st.caption(how_to_get_weights(view.dataset.manifest))
        return
    with where_data_would_be():
        found, layer = view.weights().related, view.id.layer
        html = related_html(found, view.dataset.manifest, layer, _link, partial(_comparing, view.id))
        show_html(html, "related", on_neuron=go_to(NEURON))


def _link(neuron: NeuronId) -> str:
    return f'<a href="{escape(same_page(neuron))}" data-neuron="{neuron}">{neuron}</a>'


def _comparing(neuron: NeuronId, other: NeuronId) -> str:
    return f"compare?{urlencode(address(a=str(neuron), b=str(other), signs=st.query_params.get(SIGNS)))}"


@dataclass(frozen=True)
class _Download:
    name: str
    ending: str
    write: Callable[[NeuronView], bytes]


def downloads(view: NeuronView) -> None:
    """Files are written when they are asked for."""
    stem = f"{view.dataset.manifest.model.id.replace('/', '_')}_{view.id}"
    with st.popover("Download", type="tertiary"):
        for each in _files(view):
            st.download_button(
                f"{each.name.capitalize()}, {each.ending}",
                partial(each.write, view),
                file_name=f"{stem}_{each.name.split()[0]}.{each.ending.lower()}",
                key=f"download_{each.name}",
                on_click="ignore",
                type="tertiary",
            )
        st.caption("Charts as PNG: in the bar that appears above a chart.")


def _files(view: NeuronView) -> Iterator[_Download]:
    yield _Download("all of it", "JSON", _json)
    yield _Download("figures", "CSV", lambda view: figures_csv(view.row))
    if not has_statistics(view.row):
        return
    yield _Download("examples", "CSV", _examples)
    yield _Download("frequencies", "SVG", _frequencies)
    if has_samples(view):
        yield _Download("density", "SVG", _density)


def _frequencies(view: NeuronView) -> bytes:
    return chart_file(frequency_chart(view.row), 290, _FREQUENCIES.format(view.id))


def _density(view: NeuronView) -> bytes:
    return chart_file(density_chart(view.samples(), view.row), 440, _DENSITY.format(view.id))


def _texts_or_none(dataset: Dataset) -> TokenTexts | None:
    return token_texts(dataset) if dataset.has(VOCAB_TABLE.name) else None


def _json(view: NeuronView) -> bytes:
    weights = view.weights() if view.dataset.has(WEIGHTS_TABLE.name) else None
    return neuron_json(view, _all_examples(view), weights, _texts_or_none(view.dataset))


def _examples(view: NeuronView) -> bytes:
    return examples_csv(view, _all_examples(view), _texts_or_none(view.dataset))


def _all_examples(view: NeuronView) -> list[Example]:
    """None where the dataset keeps those of some neurons only."""
    with suppress(NotComputed):
        return view.examples().all() if has_statistics(view.row) else []
    return []

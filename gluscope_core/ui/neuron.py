"""The parts of a neuron's page."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gluscope_core.columns import NeuronColumn
from gluscope_core.cosines import ARBITRARY_SIGN, cosines_html, scores_html, sign_is_arbitrary, title_html
from gluscope_core.dataset import Dataset
from gluscope_core.errors import BadNeuronId, GluscopeError
from gluscope_core.ids import NeuronId
from gluscope_core.manifest import Manifest
from gluscope_core.markdown import escaped
from gluscope_core.neuron_charts import density_chart, frequency_chart
from gluscope_core.neuron_export import examples_csv, figures_csv, neuron_json
from gluscope_core.neuron_view import (
    NeuronView,
    conventions,
    how_to_get_weights,
    neighbours_in_order,
    random_neuron,
)
from gluscope_core.schema import SAMPLES_TABLE, VOCAB_TABLE, WEIGHTS_TABLE
from gluscope_core.sign_table import has_statistics, table_html
from gluscope_core.token_text import TokenTexts
from gluscope_core.ui.page import NEURON, address, guard
from gluscope_core.ui.state import choose, go_to
from gluscope_core.ui.view import show_html
from gluscope_core.vocabulary import MATRICES, ImportSource, Matrix, SignConvention
from gluscope_core.weight_lists import related_html, token_lists_html

SIGNS, MATRIX = "signs", "matrix"
_ARROWS = {"Left": "Previous", "Right": "Next", "Up": "Layer up", "Down": "Layer down"}


_AS_RECORDED = {
    ImportSource.PAGES: "As the original's page has it: frequencies and means are rounded to two decimals there, "
    "extremes are those of its examples, of each case the one of larger magnitude.",
    **dict.fromkeys(
        (ImportSource.DATASET, ImportSource.SUMMARY),
        "As the original program recorded it: of each case the extreme of larger magnitude.",
    ),
}


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
        st.button("Random", key="go_random", on_click=lambda: go(str(random_neuron(dataset.manifest))), type="tertiary")
        st.text_input(
            "Neuron",
            key="go_named",
            placeholder="31.9634 …",
            label_visibility="collapsed",
            width=110,
            on_change=_go_named,
        )
        names = {each.value: f"{each.value} signs" for each in conventions(dataset)}
        choose(SIGNS, "Sign convention", names, shown_convention(dataset).value, next(iter(names)))
        show_html('<button data-copy="">copy link</button>', "copy", width="content")
    return bar


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
        st.caption(f"Cosines, class and role: {how_to_get_weights(manifest)}")
    elif sign_is_arbitrary(view.row, manifest.model.d_model):
        st.caption(ARBITRARY_SIGN)


def statistics(view: NeuronView) -> None:
    """The paper's table, and the plane in which its cases are quadrants."""
    manifest = view.dataset.manifest
    if not has_statistics(view.row):
        st.info(
            "This dataset says nothing of activations: `python -m compute run --model M --texts T --out DIR` "
            "computes how often each case occurs, and examples."
        )
        return
    has_samples = view.dataset.has(SAMPLES_TABLE.name)
    *density, frequency, table = st.columns([4, 2.6, 6] if has_samples else [3, 7], gap="medium")
    for column in density:
        with column, where_data_would_be():
            chart = density_chart(view.samples(), view.row)
            st.vega_lite_chart(chart, alt=f"x_gate against x_in of neuron {view.id} at sampled tokens")
    with frequency:
        st.vega_lite_chart(frequency_chart(view.row), alt=f"How often neuron {view.id} is in each of the four cases")
        if not has_samples:
            st.caption(f"{_no_samples(manifest)}, so there is no density to show.")
    with table:
        frame = '<div class="scrolls" tabindex="0" role="region" aria-label="Figures by case">{}</div>'
        show_html(frame.format(table_html(view.row)), "table")
        if manifest.imported:
            st.caption(_AS_RECORDED[manifest.imported.source])


def _no_samples(manifest: Manifest) -> str:
    if manifest.imported:
        return "The original program sampled no tokens"
    return "No tokens were sampled (`--samples 0`)"


def vectors(view: NeuronView) -> None:
    st.subheader("Tokens that the vectors point to", anchor="tokens")
    if not view.dataset.has(WEIGHTS_TABLE.name):
        st.caption(how_to_get_weights(view.dataset.manifest))
        return
    with where_data_would_be():
        named, manifest = st.query_params.get(MATRIX), view.dataset.manifest
        matrix = Matrix(named) if named in set(MATRICES) else Matrix.UNEMBED
        choose(MATRIX, "Directions of tokens", {each.value: each.value for each in MATRICES}, matrix, Matrix.UNEMBED)
        if manifest.sign_convention is SignConvention.UNKNOWN and manifest.weights:
            st.caption(f"In {manifest.weights.sign_convention} signs; those of the activations are not known.")
        html = token_lists_html(view.weights().tokens, matrix, token_texts(view.dataset))
        show_html(html + scores_html(view.row), "tokens")


def related(view: NeuronView) -> None:
    st.subheader("Neighbours and links", anchor="related")
    if not view.dataset.has(WEIGHTS_TABLE.name):
        st.caption(how_to_get_weights(view.dataset.manifest))
        return
    with where_data_would_be():
        html = related_html(
            view.weights().related, view.dataset.manifest, view.id.layer, compare=partial(_comparing, view.id)
        )
        show_html(html, "related", on_neuron=go_to(NEURON))


def _comparing(neuron: NeuronId, other: NeuronId) -> str:
    return f"compare?{urlencode(address(a=str(neuron), b=str(other), signs=st.query_params.get(SIGNS)))}"


def downloads(view: NeuronView) -> None:
    """Files are written when they are asked for."""
    with st.popover("Download", type="tertiary"):
        for kind, write_file in {
            "all of it, JSON": _json,
            "figures, CSV": _figures,
            "examples, CSV": _examples,
        }.items():
            name, ending = kind.split(", ")
            stem = f"{view.dataset.manifest.model.id.replace('/', '_')}_{view.id}"
            st.download_button(
                kind.capitalize().replace("json", "JSON").replace("csv", "CSV"),
                lambda write_file=write_file: write_file(view),
                file_name=f"{stem}_{name.split()[0]}.{ending.lower()}",
                key=f"download_{name}",
                on_click="ignore",
                type="tertiary",
            )
        st.caption("Charts as PNG or SVG: the menu at a chart's corner.")


def _texts_or_none(dataset: Dataset) -> TokenTexts | None:
    return token_texts(dataset) if dataset.has(VOCAB_TABLE.name) else None


def _json(view: NeuronView) -> bytes:
    examples = view.examples().all() if has_statistics(view.row) else []
    weights = view.weights() if view.dataset.has(WEIGHTS_TABLE.name) else None
    return neuron_json(view, examples, weights, _texts_or_none(view.dataset))


def _figures(view: NeuronView) -> bytes:
    return figures_csv(view.row)


def _examples(view: NeuronView) -> bytes:
    return examples_csv(view.examples().all() if has_statistics(view.row) else [], _texts_or_none(view.dataset))

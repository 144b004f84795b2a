"""Views of the input-output page that lead to neurons: the plane of two cosines, and the table of classes by role."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from gluscope_core import io_tables as tables
from gluscope_core.cosines import signs_of_cosines
from gluscope_core.dataset import Dataset
from gluscope_core.errors import BadSettings
from gluscope_core.io_plane import MOST_PLANES, Plane, first_layers, plane_chart, planes
from gluscope_core.io_statistics import IONeurons, chosen, contingency
from gluscope_core.markdown import code, escaped
from gluscope_core.pairs import parse_layers
from gluscope_core.search_words import ONE_ROLE
from gluscope_core.ui import card, page
from gluscope_core.ui.state import write, written
from gluscope_core.ui.view import show_html
from gluscope_core.vega import PICK

LAYERS, CELL = "layers", "cell"
"""Keys of the address."""


def fine_grained(dataset: Dataset, neurons: IONeurons, threshold: float) -> None:
    """The plane of two cosines for chosen layers, one chart each."""
    manifest = dataset.manifest
    st.subheader("Neuron by neuron", anchor="plane")
    layers = _layers(manifest.layers)
    drawn = planes(neurons, layers)
    picked: tuple[Plane, list] | None = None
    for slot, plane in zip(st.columns(max(3, min(len(drawn), 3)), gap="small") * 2, drawn, strict=False):
        key = f"plane_{plane.layer}"
        chart = plane_chart(plane.drawn, threshold, f"Layer {plane.layer}", _named(plane))
        event = slot.vega_lite_chart(
            plane.drawn, chart, key=key, on_select=partial(card.pick_neuron, key),
            alt=f"Cosines of the {len(plane.neurons):,} neurons of layer {plane.layer}",
        )  # fmt: skip
        cells = [each["cell"] for each in event.selection.get(PICK) or [] if "cell" in each]
        picked = (plane, cells) if cells and plane.cells else picked
    st.caption(
        "Lines: ±τ, between the classes; circle: what no neuron leaves whose w_gate and w_in are at right angles. "
        f"The side (left or right) is the sign of cos(gate, out). {signs_of_cosines(manifest)}"
    )
    if page.NEURON in st.query_params:
        card.show_card(dataset, threshold)
    if picked:
        _show_cell(picked[0], picked[1], neurons, threshold)


def _layers(existing: tuple[int, ...]) -> list[int]:
    first = first_layers(existing)
    usual = ", ".join(map(str, first))
    with st.container(width=240):
        text = written(LAYERS, "Layers", usual, f"Such as 0-3, 14; at most {MOST_PLANES}")
    try:
        layers = parse_layers(text, existing) if text.strip() else first
    except BadSettings as error:
        st.warning(f"{escaped(str(error))}. Layers {usual} are shown.")
        return first
    if len(layers) > MOST_PLANES:
        st.caption(f"The first {MOST_PLANES} of {len(layers)} layers.")
    return layers[:MOST_PLANES]


def _named(plane: Plane) -> pd.DataFrame:
    return card.named_neuron(plane.neurons)


def _show_cell(plane: Plane, cells: list, neurons: IONeurons, threshold: float) -> None:
    """The neurons behind a cell of the plane."""
    inside = plane.neurons.loc[np.isin(plane.cells.cell_of, [int(each) for each in cells])] if plane.cells else None
    if inside is None or inside.empty:
        return
    places = np.flatnonzero((neurons.layer == plane.layer) & np.isin(neurons.neuron, inside["neuron"]))
    _show_neurons(neurons, neurons.classes(threshold), places, f"layer {plane.layer}", "in_plane")


def crosstab(neurons: IONeurons, classes: np.ndarray, in_search: Mapping[str, str]) -> None:
    """Classes by roles; beside it the neurons of the cell that the address names, and the same in the search, whose
    link has `in_search` beside the cell."""
    st.subheader("Classes and roles", anchor="roles")
    counts = contingency(classes, neurons.role)
    text = st.query_params.get(CELL)
    cell = tables.Cell.parse(text) if text else None
    if text and cell is None:
        st.warning(f"{code(f'{CELL}={text[:60]}')} names no class and role: write them as `depletion.prediction`.")
    left, right = st.columns([1.1, 1], gap="medium")
    with left:
        show_html(tables.contingency_html(counts, cell), "crosstab", on_open=lambda picked: write(CELL, picked))
        note = "×: times as many as if class and role had nothing to do with each other."
        if not counts.drop(columns=counts.columns[-1]).to_numpy().any():
            note = "No neuron has a role: roles were not computed, or no neuron passes their thresholds."
        st.caption(f"{note} {ONE_ROLE} Click a number for its neurons.")
    if cell:
        with right:
            places = chosen(neurons, classes, cell.io_class, cell.role)
            if cell.search:
                st.page_link(
                    page.SEARCH_PAGE, label="The same in Search", icon=":material/search:",
                    query_params=page.address(**cell.search, **in_search),
                )  # fmt: skip
            _show_neurons(neurons, classes, places, cell.words, "in_cell")


def _show_neurons(neurons: IONeurons, classes: np.ndarray, places: np.ndarray, words: str, key: str) -> None:
    places = tables.strongest_first(neurons, places)

    def write_file() -> bytes:
        return tables.neurons_csv(tables.neurons_table(neurons, classes, places))

    with st.container(horizontal=True, vertical_alignment="center"):
        first = f" (the first {tables.MOST_ROWS} shown)" if len(places) > tables.MOST_ROWS else ""
        st.markdown(f"**{len(places):,} neurons: {words}**{first}, by |cos(in, out)|.", width="stretch")
        st.download_button(
            "CSV", write_file, "neurons.csv", "text/csv", icon=":material/download:",
            key=f"download_{key}", on_click="ignore",
        )  # fmt: skip
    table = tables.neurons_table(neurons, classes, places[: tables.MOST_ROWS])
    show_html(tables.neurons_html(table, page.address()), key)

"""Ways into a dataset, and what the overview caches of it."""

from contextlib import suppress
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from gluscope_core.columns import NeuronColumn
from gluscope_core.dataset import Dataset
from gluscope_core.errors import BadNeuronId
from gluscope_core.ids import NeuronId
from gluscope_core.markdown import escaped
from gluscope_core.overview import cases_by_layer, classes_by_layer, striking_table
from gluscope_core.schema import LAYER, STRIKING_TABLE
from gluscope_core.some_examples import random_neuron
from gluscope_core.ui.columns import read_columns
from gluscope_core.ui.page import METHODS_PAGE, SEARCH_PAGE, address
from gluscope_core.ui.view import leave_for
from gluscope_core.vocabulary import CASES, freq_column

_WANTED, _FOUND = "lookup", "looked up"
_STRIKING = 40


def ways_in(dataset: Dataset) -> None:
    """To a neuron by its id, to any, or to the search for what is no id."""
    if neuron := st.session_state.pop(_FOUND, None):
        leave_for(_link(neuron))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = st.text_input(
            "Look a neuron up", placeholder="layer.neuron, such as 31.9634", key=_WANTED, on_change=_look_up,
            width=280, icon=":material/search:",
        )  # fmt: skip
        st.button("Random neuron", on_click=lambda: _go_to_any(dataset))
        icon = ":material/menu_book:"
        st.page_link(METHODS_PAGE, label="Definitions, texts and licences", query_params=address(), icon=icon)
    if not wanted:
        return
    try:
        NeuronId.parse(wanted)
    except BadNeuronId as error:
        st.error(escaped(str(error)))
        found = address(token=wanted)
        st.page_link(SEARCH_PAGE, label="Search it as a token", query_params=found, icon=":material/search:")


def _link(neuron: str) -> str:
    return f"neuron?{urlencode(address(neuron=neuron))}"


def _go_to_any(dataset: Dataset) -> None:
    st.session_state[_FOUND] = str(random_neuron(dataset))


def _look_up() -> None:
    """An id is gone to, and the field emptied: who comes back looks for another."""
    with suppress(BadNeuronId):
        st.session_state[_FOUND] = str(NeuronId.parse(st.session_state[_WANTED]))
        st.session_state[_WANTED] = ""


def by_layer(dataset: Dataset) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cases and classes layer by layer."""
    return _by_layer(dataset, dataset.manifest.sha256)


@st.cache_data(max_entries=8, show_spinner=False)
def _by_layer(_dataset: Dataset, version: str) -> tuple[pd.DataFrame, pd.DataFrame]:  # noqa: ARG001
    neurons = read_columns(_dataset, [LAYER, *map(freq_column, CASES), NeuronColumn.IO_CLASS])
    return cases_by_layer(neurons), classes_by_layer(neurons)


def striking_of(dataset: Dataset) -> pd.DataFrame | None:
    """The first of the striking neurons, as a table."""
    return _striking(dataset, dataset.manifest.sha256) if dataset.has(STRIKING_TABLE.name) else None


@st.cache_data(max_entries=8, show_spinner=False)
def _striking(_dataset: Dataset, version: str) -> pd.DataFrame:  # noqa: ARG001
    return striking_table(_dataset.read_table(STRIKING_TABLE.name).to_pandas(), rows=_STRIKING)

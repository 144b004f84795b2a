"""A neuron beside a chart of many: a click on a mark names it in the address, and its card stands there."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from gluscope_core import explore_words as words
from gluscope_core.columns import NeuronColumn
from gluscope_core.cosines import class_of
from gluscope_core.dataset import Dataset
from gluscope_core.errors import BadNeuronId
from gluscope_core.ids import NeuronId
from gluscope_core.markdown import code
from gluscope_core.schema import LAYER, NEURON
from gluscope_core.ui import page
from gluscope_core.ui.columns import read_columns
from gluscope_core.ui.state import write
from gluscope_core.vega import PICK


def pick_neuron(chart: str) -> None:
    """The clicked point goes into the address."""
    for each in st.session_state[chart].selection.get(PICK) or []:
        if NEURON in each:
            name_neuron(each)


def name_neuron(row: Mapping[Any, Any] | pd.Series) -> None:
    write(page.NEURON, str(NeuronId(int(row[LAYER]), int(row[NEURON]))))


def named_neuron(neurons: pd.DataFrame) -> pd.DataFrame:
    """The row of the neuron in the address, if it is shown."""
    try:
        layer, neuron = NeuronId.parse(st.query_params.get(page.NEURON, ""))
    except BadNeuronId:
        return neurons.head(0)
    return neurons.loc[(neurons[LAYER] == layer) & (neurons[NEURON] == neuron)]


def show_card(dataset: Dataset, threshold: float | None = None) -> None:
    """The neuron in the address, without leaving; its page is one click away. Its class is that of the dataset, or by
    the page's own threshold."""
    text = st.query_params.get(page.NEURON)
    if text is None:
        st.caption("Click a mark for its neuron, drag for a table, double-click to clear.")
        return
    try:
        neuron = NeuronId.parse(text)
        row = named_neuron(read_columns(dataset, words.CARD_COLUMNS)).iloc[0]
    except (BadNeuronId, IndexError):
        st.caption(f"{code(f'neuron={text[:40]}')} is no neuron of this dataset.")
        return
    with st.container(border=True, gap="small"):
        address = page.address(neuron=str(neuron))
        st.page_link(page.NEURON_PAGE, label=f"Open **{neuron}**", icon=":material/adjust:", query_params=address)
        shown = row.to_dict()
        own = {} if threshold is None else {NeuronColumn.IO_CLASS: class_of(shown, threshold)}
        st.markdown(words.card({**shown, **own}))

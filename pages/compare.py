"""Two neurons side by side, a list of neurons, or two datasets layer by layer."""

import streamlit as st

from gluscope_core.ui.compare import pair
from gluscope_core.ui.compare_layers import layers
from gluscope_core.ui.compare_list import neuron_list
from gluscope_core.ui.neuron import where_data_would_be
from gluscope_core.ui.page import page_dataset
from gluscope_core.ui.state import choose

VIEW = "view"
VIEWS = {"pair": "Two neurons", "list": "List of neurons", "layers": "Two datasets' layers"}
SHOWN = {"pair": pair, "list": neuron_list, "layers": layers}

dataset = page_dataset()
named = st.query_params.get(VIEW, "pair")
view = named if named in VIEWS else "pair"
choose(VIEW, "What to compare", VIEWS, view, "pair")
with where_data_would_be():
    SHOWN[view](dataset)

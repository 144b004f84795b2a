"""One neuron: what its weights say, how often it is in each case, and the texts in which it is."""

import streamlit as st

from gluscope_core.neuron_view import NeuronView
from gluscope_core.ui import neuron as parts
from gluscope_core.ui.examples import examples
from gluscope_core.ui.page import name_tab, page_dataset, page_neuron

_BEEN_HERE = "been at a neuron"

dataset = page_dataset()
neuron = page_neuron(dataset)
name_tab(str(neuron), dataset.manifest.model.id)
bar = parts.navigation(dataset, neuron)
with parts.where_data_would_be():
    view = NeuronView.of(dataset, neuron, parts.shown_convention(dataset))
    with bar:
        parts.downloads(view)
    parts.heading(view)
    figures, texts = st.container(), st.container()
    if st.session_state.get(_BEEN_HERE):  # who goes from neuron to neuron reads the examples; others see no jump
        with texts:
            examples(view)
    with figures:
        parts.statistics(view)
        parts.vectors(view)
    if not st.session_state.get(_BEEN_HERE):
        with texts:
            examples(view)
    parts.related(view)
    st.session_state[_BEEN_HERE] = True

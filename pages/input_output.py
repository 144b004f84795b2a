"""What neurons do to the directions that they read: their input-output classes, all of the paper as live views."""

import streamlit as st

from gluscope_core.markdown import escaped
from gluscope_core.neuron_view import how_to_get_weights
from gluscope_core.ui import input_output as parts
from gluscope_core.ui import io_neurons, page
from gluscope_core.ui.neuron import where_data_would_be

dataset = page.page_dataset()
manifest = dataset.manifest
st.markdown(f"### Input-output · {escaped(manifest.model.id)}")
if manifest.weights is None:
    st.info(
        "The weights of this dataset have not been analysed, from whose cosines all of this page is made. "
        + how_to_get_weights(manifest)
    )
    st.stop()
choices = parts.controls(manifest)
with where_data_would_be():
    neurons = parts.neurons_of(dataset)
    classes = neurons.classes(choices.threshold)
    parts.near_threshold(neurons, classes, choices.threshold)
    left, right = st.columns(2, gap="medium")
    with left:
        parts.shares(neurons, classes, choices.axis)
    with right:
        parts.medians(dataset, choices)
    parts.distributions(dataset, neurons, choices)
    io_neurons.fine_grained(dataset, neurons, choices.threshold)
    io_neurons.crosstab(neurons, classes)
    parts.averages(neurons, classes, manifest, choices.axis)

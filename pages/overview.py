"""What a dataset holds, and ways into it."""

import streamlit as st

from gluscope_core.linked_table import linked_table
from gluscope_core.markdown import escaped
from gluscope_core.neuron_view import how_to_get_weights
from gluscope_core.overview import cases_chart, classes_chart, origin_of, striking_rows
from gluscope_core.ui.overview import by_layer, striking_of, ways_in
from gluscope_core.ui.page import address, page_dataset, summary_of
from gluscope_core.ui.view import show_html

dataset = page_dataset()
manifest = dataset.manifest

st.title(escaped(manifest.model.id))
st.caption(f"{escaped(summary_of(manifest))}  \n{escaped(origin_of(dataset.name, dataset.revision, manifest))}")
if manifest.remarks:
    st.caption(escaped(" ".join(manifest.remarks)))

ways_in(dataset)

cases, classes = by_layer(dataset)
left, right = st.columns(2, gap="large")
with left:
    st.subheader("How often each case occurs")
    if manifest.activations is None:
        st.info("This dataset has weights only: no texts were run, so there are no frequencies.")
    else:
        st.caption("Median neuron of each layer; shaded, the middle half of them. Cases are signs of (x_gate, x_in).")
        chart = cases_chart(cases, manifest.counted_tokens)
        st.altair_chart(chart, alt="Frequency of the four sign cases by layer")
with right:
    st.subheader("What neurons do to what they read")
    if manifest.weights is None:
        st.info(
            f"The weights have not been analysed, so there are no classes and roles: {how_to_get_weights(manifest)}"
        )
    else:
        st.caption(
            f"Input-output classes at τ = {manifest.weights.threshold:g}, atypical with typical; the rest of each "
            "layer is orthogonal output."
        )
        st.altair_chart(classes_chart(classes), alt="Input-output classes by layer")

striking = striking_of(dataset)
if striking is not None:
    st.subheader("Rare but strong")
    st.caption(
        "Cases of at most 1 % of the tokens whose strongest |post| is at least a tenth of the neuron's strongest in "
        "any case: chosen by one half of the texts, and measured again in the other."
    )
    show_html(linked_table(striking_rows(striking, address()), "Neurons with a rare and strong case"), "striking")

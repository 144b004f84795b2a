"""What a dataset holds, and ways into it."""

from urllib.parse import urlencode

import streamlit as st

from gluscope_core.markdown import escaped
from gluscope_core.neuron_view import how_to_get_weights
from gluscope_core.overview import cases_chart, classes_chart, striking_table
from gluscope_core.ui.overview import by_layer, striking_of, ways_in
from gluscope_core.ui.page import address, page_dataset, summary_of

dataset = page_dataset()
manifest = dataset.manifest

st.title(escaped(manifest.model.id))
st.caption(escaped(summary_of(manifest)))
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
        chart = cases_chart(cases)
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
    table = striking_table(striking, rows=40)
    table["link"] = [
        f"/neuron?{urlencode(address(neuron=neuron, case=code))}"
        for neuron, code in zip(table["neuron"], table["code"], strict=True)
    ]
    st.dataframe(
        table.drop(columns="code"),
        hide_index=True,
        height=320,
        column_config={
            "frequency": st.column_config.NumberColumn(format="percent"),
            "strength, when found": st.column_config.ProgressColumn(format="%.2f", min_value=0, max_value=1),
            "strength, seen again": st.column_config.ProgressColumn(format="%.2f", min_value=0, max_value=1),
            "link": st.column_config.LinkColumn("page", display_text="open"),
        },
        alt="Neurons with a rare and strong case",
    )

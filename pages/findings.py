"""Findings of the papers tried on the dataset, and some that the papers do not have."""

import streamlit as st

from gluscope_core.markdown import escaped
from gluscope_core.ui import findings as parts
from gluscope_core.ui import page
from gluscope_core.ui.neuron import where_data_would_be

dataset = page.page_dataset()
manifest = dataset.manifest
st.title(f"Findings · {escaped(manifest.model.id)}")
st.markdown(
    "Worked examples: what two papers say of larger models, tried on this dataset, and two questions that they do not "
    "ask. Every figure is computed from the dataset that is open, and every verdict by the rule below it; the "
    "examples were chosen on SmolLM2-135M, the model of the bundled dataset. One model is no claim about others. Each "
    "link leads to the view, or the neuron, that the figures come from."
)
st.caption(escaped(page.summary_of(manifest)))
with where_data_would_be():
    evidence = parts.evidence_of(dataset)
    for finding in parts.FINDINGS:
        parts.show(finding, evidence)

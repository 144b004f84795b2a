"""What every figure means, how the data came about, and how to cite."""

import streamlit as st

from gluscope_core import methods_text
from gluscope_core.markdown import code, escaped
from gluscope_core.methods_provenance import CITATIONS, provenance
from gluscope_core.ui.methods import own_words
from gluscope_core.ui.neuron import where_data_would_be
from gluscope_core.ui.page import page_dataset

dataset = page_dataset()
manifest = dataset.manifest
st.title(f"Methods · {escaped(manifest.model.id)}")
text, source = st.columns([1.9, 1], gap="large")
with text:
    for section in methods_text.sections(manifest):
        st.subheader(section.title, divider="gray")
        st.markdown(section.text)
    with where_data_would_be():
        own_words(dataset)
with source:
    st.subheader("This dataset", divider="gray")
    for name, value in (("dataset", dataset.name), ("its commit", dataset.revision or "–"), *provenance(manifest)):
        st.markdown(f":small[:gray[{name}]]  \n{code(value)}")
    st.subheader("How to cite", divider="gray")
    st.markdown("The tool and its definitions of cases; the classes and roles:")
    st.code(CITATIONS, language="latex", wrap_lines=True)
    st.markdown("With a finding, give the dataset's manifest hash: it pins model, texts, settings and every file.")

"""The dashboard's entry point: page settings and navigation."""

import streamlit as st

st.set_page_config(page_title="GLUScope", page_icon=":material/network_node:", layout="wide")
st.navigation(
    [
        st.Page("pages/overview.py", title="Overview", icon=":material/home:", default=True),
        st.Page("pages/neuron.py", title="Neuron", icon=":material/adjust:"),
        st.Page("pages/explore.py", title="Explore", icon=":material/scatter_plot:"),
        st.Page("pages/methods.py", title="Methods", icon=":material/menu_book:"),
        st.Page("pages/datasets.py", title="Datasets", icon=":material/database:"),
    ],
    position="top",
).run()

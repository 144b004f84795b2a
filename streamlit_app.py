"""The dashboard's entry point: page settings and navigation."""

import streamlit as st

st.set_page_config(page_title="GLUScope", page_icon=":material/network_node:", layout="wide")
st.navigation([st.Page("pages/datasets.py", title="Datasets", icon=":material/database:", default=True)]).run()

"""The dashboard's entry point: page settings and navigation."""

import streamlit as st

from gluscope_core.ui.page import navigation

st.set_page_config(page_title="GLUScope", page_icon=":material/network_node:", layout="wide")
navigation().run()

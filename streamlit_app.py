"""The dashboard's entry point: page settings and navigation."""

import streamlit as st

from gluscope_core.errors import GluscopeError
from gluscope_core.ui.page import guard, leave_out_of_collections, navigation

st.set_page_config(page_title="GLUScope", page_icon=":material/network_node:", layout="wide")
try:
    page = navigation()
    page.run()
    leave_out_of_collections(page.title)
except GluscopeError as error:  # of the kind that a user can do something about
    guard(error)

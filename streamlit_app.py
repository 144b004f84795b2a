"""The dashboard's entry point: page settings and navigation."""

from pathlib import Path

import streamlit as st

from gluscope_core.errors import GluscopeError
from gluscope_core.ui.page import guard, leave_out_of_collections, navigation

# Of a Material icon each visitor's browser asks Google.
ICON = Path(__file__).parent / "gluscope_core" / "icon.svg"

st.set_page_config(page_title="GLUScope", page_icon=ICON, layout="wide")
try:
    page = navigation()
    page.run()
    leave_out_of_collections(page.title)
except GluscopeError as error:  # of the kind that a user can do something about
    guard(error)

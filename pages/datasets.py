"""Which datasets there are, and opening another."""

import streamlit as st

from gluscope_core.discover import any_may_be_opened, offers
from gluscope_core.linked_table import linked_table, page_address
from gluscope_core.markdown import escaped
from gluscope_core.offered import offered_rows
from gluscope_core.ui.choice import DATASET, REVISION, ROOT, explain_none, tried
from gluscope_core.ui.page import through_entry_point
from gluscope_core.ui.view import leave_for, show_html

through_entry_point()
st.title("Datasets")

opened, problems = tried(offers(ROOT))
if not opened and not any_may_be_opened():
    explain_none(problems)


def first_page(name: str, revision: str | None) -> str:
    named = {DATASET: name, REVISION: revision}
    return page_address(".", {key: value for key, value in named.items() if value})


if opened:
    show_html(linked_table(offered_rows(opened, first_page), "Datasets"), "datasets")
for problem in problems:
    st.warning(escaped(problem))
if any_may_be_opened():
    with st.form("another", border=False):
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        named = left.text_input("Another", placeholder="user/name on the Hub, or a folder of this machine")
        revision = right.text_input("Revision", placeholder="main")
        if st.form_submit_button("Open") and named.strip():
            leave_for(first_page(named.strip(), revision.strip()))

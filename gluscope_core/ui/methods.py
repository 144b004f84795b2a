"""What a dataset's publishers say of it in their own words, on the methods page."""

from dataclasses import dataclass

import streamlit as st

from gluscope_core.dataset import Dataset
from gluscope_core.dataset_card import CARD_NAME, NOTICES_NAME, card_html, read_card, read_words
from gluscope_core.ui.view import show_html


@dataclass(frozen=True)
class OwnWords:
    """Empty where there are none."""

    card: str
    notices: str


_KEPT = 600
"""Seconds: no manifest says when they change."""


@st.cache_data(max_entries=8, ttl=_KEPT, show_spinner=False)
def _own_words(_dataset: Dataset, name: str, version: str) -> OwnWords:
    del name, version  # by which datasets are told apart
    card = read_card(_dataset.place)
    return OwnWords(card_html(card) if card else "", read_words(_dataset.place, NOTICES_NAME))


def own_words(dataset: Dataset) -> None:
    """The card, with its texts, sources and licences, and the notices as a file."""
    found = _own_words(dataset, str(dataset.place), dataset.manifest.sha256)
    st.subheader("Texts, sources and licences", anchor="texts", divider="gray")
    if not found.card:
        st.markdown("No card lies beside this dataset: what is known of its texts stands in its manifest.")
        return
    st.caption(f"As the dataset's own card, {CARD_NAME}, has it. It is no part of the manifest: anybody may amend it.")
    show_html(found.card, "card")
    if found.notices:
        size = len(found.notices.encode()) / 1e3
        st.download_button(
            f"{NOTICES_NAME}: licences word for word, {size:,.0f} kB", lambda: found.notices, NOTICES_NAME,
            "text/plain", icon=":material/download:", on_click="ignore",
        )  # fmt: skip

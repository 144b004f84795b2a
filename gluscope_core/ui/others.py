"""Datasets to set beside the page's own: named by what is offered, opened only when chosen."""

from collections.abc import Iterable, Mapping

import streamlit as st

from gluscope_core.dataset import Dataset
from gluscope_core.discover import Offer, offers
from gluscope_core.errors import GluscopeError
from gluscope_core.ui.choice import ROOT, open_offer
from gluscope_core.ui.page import guard
from gluscope_core.ui.state import write_all

WITH = "with"
"""Key of the address: names of datasets, those of the Hub with their commit, as `user/name@commit`."""


def others(dataset: Dataset) -> dict[str, Offer]:
    """By their names in the address, those of this machine first. What is on the Hub is not looked up for it."""
    pinned = {name.partition("@")[0]: name for name in st.query_params.get_all(WITH) if "@" in name}
    offered = sorted(offers(ROOT), key=lambda offer: offer.folder is None)
    return {
        offer.name if offer.folder else pinned.get(offer.name, offer.name): offer
        for offer in offered
        if offer.name != dataset.name
    }


def opened(names: Iterable[str], offered: Mapping[str, Offer]) -> list[Dataset]:
    """Those that open; why others do not stands where they would. The address gets the commits that were opened."""
    found: list[Dataset] = []
    kept: list[str] = []
    for name in names:
        offer = offered[name]
        commit = None if offer.folder else name.partition("@")[2] or None
        try:
            dataset = open_offer(offer, commit)
        except GluscopeError as error:
            guard(error)
            kept.append(name)
            continue
        found.append(dataset)
        kept.append(dataset.name if dataset.revision is None else f"{dataset.name}@{dataset.revision}")
    if any(dataset.revision for dataset in found):
        write_all({WITH: kept if len(kept) > 1 else kept[0]})
    return found

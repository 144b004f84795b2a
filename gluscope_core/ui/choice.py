"""Which dataset a page is of: what the address names, opened once for all visitors, or why it cannot be."""

from pathlib import Path
from typing import NoReturn

import streamlit as st

from gluscope_core.dataset import Dataset, open_dataset
from gluscope_core.discover import FOLDERS_VARIABLE, Offer, Stamp, offers, stamp_of, wanted
from gluscope_core.errors import GluscopeError
from gluscope_core.markdown import escaped
from gluscope_core.schema import NEURONS_TABLE, VOCAB_TABLE

ROOT = Path(__file__).parent.parent.parent
DATASET, REVISION = "data", "revision"
"""Keys of the address."""
_LAST = "last dataset"
_OPEN_AT_ONCE = 8
_LOOK_AGAIN_AFTER = 3600
"""Seconds for which a branch is taken to be at the commit that it was at. Who has a page open stays at its commit."""


def chosen_dataset() -> Dataset:
    """The dataset that the address names, or this visitor's last, or the first that opens; else the page ends with an
    explanation. One of the Hub is written to the address with its commit."""
    offered = offers(ROOT)
    if DATASET not in st.query_params and _LAST in st.session_state:
        _name_in_address(*st.session_state[_LAST])
    named = st.query_params.get(DATASET)
    if named is None:
        dataset = _first_that_opens(offered)
    else:
        try:
            dataset = open_offer(wanted(named, offered), st.query_params.get(REVISION))
        except GluscopeError as error:
            _explain(error, named, offered)
        st.session_state[_LAST] = named, dataset.revision
    if dataset.revision is not None:
        _name_in_address(dataset.name, dataset.revision)
        st.caption(f":material/cloud: {dataset.name} at commit `{dataset.revision[:10]}`", help=dataset.revision)
    fetch(dataset, NEURONS_TABLE.name, VOCAB_TABLE.name)
    return dataset


def open_offer(offer: Offer, revision: str | None = None) -> Dataset:
    if offer.folder is not None:
        return _opened_here(str(offer.folder), revision, stamp_of(offer.folder))
    return _opened_there(offer.name, _commit(offer.name, revision or offer.revision))


def fetch(dataset: Dataset, *tables: str) -> None:
    """Of the Hub, what pages need much of, once; visitors are told what they wait for."""
    missing = dataset.to_fetch(*tables)
    if not missing:
        return
    size = sum(record.bytes for record in missing) / 1e6
    kinds = " and ".join(dict.fromkeys(record.table for record in missing))
    try:
        with st.spinner(f"Fetching {kinds} of {dataset.name} from the Hub, {size:,.1f} MB, once …"):
            for record in missing:
                dataset.fetch(record)
    except GluscopeError as error:
        _explain(error, dataset.name, offers(ROOT))


@st.cache_resource(max_entries=_OPEN_AT_ONCE, show_spinner=False)
def _opened_here(folder: str, revision: str | None, stamp: Stamp) -> Dataset:
    del stamp  # by which versions are told apart
    return open_dataset(Path(folder), revision)


@st.cache_resource(max_entries=_OPEN_AT_ONCE, show_spinner="Opening the dataset on the Hub …")
def _opened_there(repo_id: str, commit: str | None) -> Dataset:
    return open_dataset(repo_id, commit)


@st.cache_data(ttl=_LOOK_AGAIN_AFTER, max_entries=64, show_spinner="Looking the dataset up on the Hub …")
def _commit(repo_id: str, revision: str | None) -> str | None:
    return open_dataset(repo_id, revision).revision


def _first_that_opens(offered: list[Offer]) -> Dataset:
    opened, problems = tried(offered, at_most=1)
    return opened[0][1] if opened else explain_none(problems)


def tried(offered: list[Offer], at_most: int | None = None) -> tuple[list[tuple[Offer, Dataset]], list[str]]:
    """Those that open, and why the others do not."""
    opened, problems = [], []
    for offer in offered:
        if len(opened) == at_most:
            break
        try:
            opened.append((offer, open_offer(offer)))
        except GluscopeError as error:
            problems.append(str(error))
    return opened, problems


def others_at_hand(dataset: Dataset) -> dict[str, Dataset]:
    """By the names of addresses: datasets to compare one with."""
    opened, _ = tried(offers(ROOT))
    return {offer.name: each for offer, each in opened if each.manifest.sha256 != dataset.manifest.sha256}


def explain_none(problems: list[str]) -> NoReturn:
    st.info(
        f"No dataset yet. Compute one with `python -m compute run`, then put its folder into `datasets/` "
        f"or name it, or its id on the Hub, in the environment variable `{FOLDERS_VARIABLE}`."
    )
    for problem in problems:
        st.warning(escaped(problem))
    if problems:
        st.button("Try again")
    st.stop()


def _name_in_address(name: str, revision: str | None) -> None:
    for key, value in ((DATASET, name), (REVISION, revision)):
        if value is not None and st.query_params.get(key) != value:
            st.query_params[key] = value


def _explain(error: Exception, named: str, offered: list[Offer]) -> NoReturn:
    """Where the page would be: what is wrong, and the ways on."""
    st.error(escaped(str(error)))
    with st.container(horizontal=True):
        st.button("Try again", icon=":material/refresh:")  # which runs the page again
        for offer in offered[:3]:
            if offer.name != named or REVISION in st.query_params:
                st.button(f"Open {offer.name}", on_click=_open_instead, args=(offer,))
    st.stop()


def _open_instead(offer: Offer) -> None:
    st.session_state.pop(_LAST, None)
    st.query_params.pop(REVISION, None)
    st.query_params[DATASET] = offer.name

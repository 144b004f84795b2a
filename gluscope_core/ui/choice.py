"""Which dataset a page is of: what the address names, opened once for all visitors, or why it cannot be."""

import re
from pathlib import Path
from typing import NoReturn

import streamlit as st

from gluscope_core.beside import Address, opened
from gluscope_core.dataset import Dataset
from gluscope_core.discover import FOLDERS_VARIABLE, Offer, Stamp, around, offers, stamp_around, stamp_of, wanted
from gluscope_core.errors import GluscopeError
from gluscope_core.markdown import escaped
from gluscope_core.places import find_place
from gluscope_core.schema import NEURONS_TABLE, VOCAB_TABLE

ROOT = Path(__file__).parent.parent.parent
DATASET, REVISION = "data", "revision"
"""Keys of the address."""
_LAST, _SHOWN = "last dataset", "dataset of the page"
_HASH_SHOWN = 12
"""Digits of a manifest's SHA-256 that stand in links to local datasets, as a commit stands in those to the Hub's."""
_HASH = re.compile(rf"[0-9a-f]{{{_HASH_SHOWN}}}")
_OPEN_AT_ONCE = 8
_LOOK_AGAIN_AFTER = 3600
"""Seconds for which a branch is taken to be at the commit that it was at. Who has a page open stays at its commit."""
_NOT_TRIED_FOR = 60
"""Seconds for which one of the Hub that did not open is passed over where others do: trying takes half a minute."""


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
        _remember(named, dataset, offered)
        _tell_of_another_version(dataset, named)
    st.session_state[_SHOWN] = named or dataset.name
    if dataset.revision is not None:
        _name_in_address(dataset.name, dataset.revision)
        st.caption(f":material/cloud: {dataset.name} at commit `{dataset.revision[:10]}`", help=dataset.revision)
    fetch(dataset, NEURONS_TABLE.name, VOCAB_TABLE.name)
    return dataset


def dataset_in_links() -> dict[str, str]:
    """The page's dataset, also where the address leaves it to the default: a link that names it stays true when
    another folder is added, or the first does not open. Streamlit can write to the address only by a step more in the
    browser's history, so the name gets there with the first step that a visitor takes."""
    if DATASET in st.query_params:
        return {key: st.query_params[key] for key in (DATASET, REVISION) if key in st.query_params}
    return {DATASET: st.session_state[_SHOWN]} if _SHOWN in st.session_state else {}


def permalink_state(dataset: Dataset) -> dict[str, str]:
    """What a copied link says of the page's dataset: its name, and which version of it was looked at."""
    return dataset_in_links() | {REVISION: dataset.revision or dataset.manifest.sha256[:_HASH_SHOWN]}


def open_offer(offer: Offer, revision: str | None = None) -> Dataset:
    if offer.folder is not None:
        named = None if revision and _HASH.fullmatch(revision) else revision
        return _opened_here(str(offer.folder), named, stamp_of(offer.folder))
    belongings = around(ROOT)
    commit = _commit(offer.name, revision or offer.revision)
    return _opened_there(offer.name, commit, belongings, stamp_around(belongings))


def fetch(dataset: Dataset, *tables: str) -> None:
    """Of the Hub, what pages need much of, once; visitors are told what they wait for."""
    missing = dataset.to_fetch(*tables)
    if not missing:
        return
    size = sum(each.bytes for each in missing) / 1e6
    kinds = " and ".join(dict.fromkeys(each.table for each in missing))
    try:
        with st.spinner(f"Fetching {kinds} of {dataset.name} from the Hub, {size:,.1f} MB, once …"):
            for each in missing:
                each.fetch()
    except GluscopeError as error:
        _explain(error, dataset.name, offers(ROOT))


@st.cache_resource(max_entries=_OPEN_AT_ONCE, show_spinner=False)
def _opened_here(folder: str, revision: str | None, stamp: Stamp) -> Dataset:
    del stamp  # by which versions are told apart
    return opened(find_place(Path(folder), revision))


@st.cache_resource(max_entries=_OPEN_AT_ONCE, show_spinner="Opening the dataset on the Hub …")
def _opened_there(repo_id: str, commit: str | None, belongings: tuple[Address, ...], stamp: Stamp) -> Dataset:
    del stamp  # by which versions of what belongs to it are told apart
    return opened(find_place(repo_id, commit), around=belongings)


@st.cache_data(ttl=_LOOK_AGAIN_AFTER, max_entries=64, show_spinner="Looking the dataset up on the Hub …")
def _commit(repo_id: str, revision: str | None) -> str | None:
    return find_place(repo_id, revision).revision


def _first_that_opens(offered: list[Offer]) -> Dataset:
    opened, problems = tried(offered, at_most=1)
    return opened[0][1] if opened else explain_none(problems)


def tried(offered: list[Offer], at_most: int | None = None) -> tuple[list[tuple[Offer, Dataset]], list[str]]:
    """Those that open, and why the others do not."""
    opened, problems = [], []
    for offer in offered:
        if len(opened) == at_most:
            break
        problem = _problem_there(offer) if offer.folder is None else None
        try:
            if problem is None:
                opened.append((offer, open_offer(offer)))
        except GluscopeError as error:
            problem = str(error)
        if problem is not None:
            problems.append(problem)
    return opened, problems


@st.cache_data(ttl=_NOT_TRIED_FOR, max_entries=64, show_spinner=False)
def _problem_there(offer: Offer) -> str | None:
    """Why one of the Hub does not open."""
    try:
        open_offer(offer)
    except GluscopeError as error:
        return str(error)
    return None


def explain_none(problems: list[str]) -> NoReturn:
    st.info(
        f"No dataset yet. Compute one with `python -m compute run`, then put its folder into `datasets/` "
        f"or name it, or its id on the Hub, in the environment variable `{FOLDERS_VARIABLE}`."
    )
    for problem in problems:
        st.warning(escaped(problem))
    if problems:
        st.button("Try again", on_click=_problem_there.clear)
    st.stop()


def _remember(named: str, dataset: Dataset, offered: list[Offer]) -> None:
    """For pages that are gone to without it. What opens anyhow need not be written to their address, which takes a
    step of the browser's history."""
    if dataset.revision is None and offered and named == offered[0].name:
        st.session_state.pop(_LAST, None)
    else:
        st.session_state[_LAST] = named, dataset.revision


def _tell_of_another_version(dataset: Dataset, named: str) -> None:
    linked, here = st.query_params.get(REVISION, ""), dataset.manifest.sha256[:_HASH_SHOWN]
    if dataset.revision is None and linked and linked != here:
        st.caption(
            f":material/history: The link was made when {escaped(named)} was another version: manifest `{linked}` "
            f"then, `{here}` now. Figures may differ."
        )


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

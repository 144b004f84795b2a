"""What the pages share of Streamlit: the dataset in the address, links that keep it, and states worth explaining."""

import gc
from html import escape
from typing import NoReturn
from urllib.parse import urlencode

import streamlit as st
from streamlit.navigation.page import Page as StreamlitPage

from gluscope_core.dataset import Dataset
from gluscope_core.errors import GluscopeError, HubUnreachable, NoSuchNeuron
from gluscope_core.ids import NeuronId
from gluscope_core.manifest import Manifest
from gluscope_core.markdown import escaped
from gluscope_core.methods_provenance import counted
from gluscope_core.schema import TEXTS_TABLE
from gluscope_core.ui.choice import ROOT, chosen_dataset, dataset_in_links, fetch, permalink_state
from gluscope_core.ui.view import show_html

NEURON = "neuron"
"""Key of the address."""

OVERVIEW_PAGE, NEURON_PAGE, EXPLORE_PAGE = "pages/overview.py", "pages/neuron.py", "pages/explore.py"
SEARCH_PAGE, COMPARE_PAGE, METHODS_PAGE = "pages/search.py", "pages/compare.py", "pages/methods.py"


_ENTERED = "entered"
_ICON = ROOT / "gluscope_core" / "icon.svg"
"""Set before pages are named: of their own icons each visitor's browser asks Google, to show them in its tab."""


def navigation() -> StreamlitPage:
    """All pages; the chosen one is for the entry point to run."""
    st.session_state[_ENTERED] = True
    st.set_page_config(page_icon=_ICON, layout="wide")
    return st.navigation(
        [
            st.Page(ROOT / OVERVIEW_PAGE, title="Overview", icon=":material/home:", default=True),
            st.Page(ROOT / NEURON_PAGE, title="Neuron", icon=":material/adjust:"),
            st.Page(ROOT / EXPLORE_PAGE, title="Explore", icon=":material/scatter_plot:"),
            st.Page(ROOT / "pages/input_output.py", title="Input-output", icon=":material/compare_arrows:"),
            st.Page(ROOT / SEARCH_PAGE, title="Search", icon=":material/search:"),
            st.Page(ROOT / COMPARE_PAGE, title="Compare", icon=":material/compare:"),
            st.Page(ROOT / "pages/findings.py", title="Findings", icon=":material/lightbulb:"),
            st.Page(ROOT / METHODS_PAGE, title="Methods", icon=":material/menu_book:"),
            st.Page(ROOT / "pages/geometry.py", title="Geometry", icon=":material/explore:"),
            st.Page(ROOT / "pages/datasets.py", title="Datasets", icon=":material/database:"),
        ],
        position="top",
    )


def name_tab(*what: str) -> None:
    """What the browser calls the page in its tabs, its history and its bookmarks."""
    st.set_page_config(page_title=" · ".join((*what, "GLUScope")))


@st.cache_resource(show_spinner=False)
def leave_out_of_collections(page: str) -> None:
    """What the first visit to a page has loaded, which stays. Streamlit collects garbage at the end of every run, and
    looking through all modules takes it as long as the page itself."""
    del page  # of each of which some modules are
    gc.collect()
    gc.freeze()


def through_entry_point() -> None:
    """Until somebody has been at the entry point, Streamlit takes `pages/` for the older kind of multipage app: whoever
    follows a link to a page first gets the page alone. Naming the pages ends that."""
    if _ENTERED not in st.session_state:
        navigation()
        st.rerun()


def page_dataset() -> Dataset:
    """As the address has it; else the page ends with an explanation."""
    through_entry_point()
    return chosen_dataset()


def summary_of(manifest: Manifest) -> str:
    """A line that says what was computed."""
    model = manifest.model
    some, layers = manifest.some_neurons, len(manifest.layers)
    size = f"{layers} layers of {model.d_mlp:,} neurons" if some is None else f"{len(some)} neurons of {layers} layers"
    parts = [size, *([model.activation] if model.activation else [])]
    if model.quantisation:
        parts.append(f"dequantised from {model.quantisation}")
    if words := counted(manifest):
        parts.append(words)
    if manifest.imported:
        parts.append("by the original program")
    return " · ".join([*parts, f"{manifest.sign_convention.value} signs"])


def address(**state: str | None) -> dict[str, str]:
    """The parameters of a link: whatever is given, and the dataset."""
    return {key: value for key, value in state.items() if value is not None} | dataset_in_links()


def copy_link(dataset: Dataset) -> None:
    """Of the page as it is, with the dataset and its version."""
    state = escape(urlencode(permalink_state(dataset)))
    show_html(f'<button data-copy="{state}">copy link</button>', "copy", width="content")


def page_neuron(dataset: Dataset) -> NeuronId:
    """The neuron that the address names; else the page ends, saying what is wrong and where to go."""
    text = st.query_params.get(NEURON, "")
    try:
        neuron = existing_neuron(dataset, text)
    except GluscopeError as error:
        _offer_way_on(f"{error}." if text else "No neuron is named.")
    fetch(dataset, TEXTS_TABLE.name)
    return neuron


def existing_neuron(dataset: Dataset, text: str) -> NeuronId:
    manifest = dataset.manifest
    neuron = NeuronId.existing(text, manifest.layers, manifest.model.d_mlp)
    if (some := manifest.some_neurons) is not None and neuron not in some:
        have = f"{', '.join(map(str, some[:12]))}{' …' * (len(some) > 12)}"
        raise NoSuchNeuron(f"{neuron} is not here: open one of {have}")
    return neuron


def guard(error: GluscopeError) -> None:
    """Shows, where data would stand, why there is none."""
    again = ". Reload the page to try again." if isinstance(error, HubUnreachable) else ""
    st.warning(escaped(f"{error}{again}"))


def _offer_way_on(problem: str) -> NoReturn:
    st.error(escaped(problem))
    st.page_link(OVERVIEW_PAGE, label="Look a neuron up", query_params=address())
    st.stop()

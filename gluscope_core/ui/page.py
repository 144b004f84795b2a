"""What the pages share of Streamlit: the dataset in the address, links that keep it, and states worth explaining."""

from pathlib import Path
from typing import NoReturn

import pandas as pd
import streamlit as st
from streamlit.navigation.page import Page as StreamlitPage

from gluscope_core.columns import NeuronColumn
from gluscope_core.dataset import Dataset, open_dataset
from gluscope_core.discover import FOLDERS_VARIABLE, Found, find_datasets
from gluscope_core.errors import GluscopeError
from gluscope_core.ids import NeuronId
from gluscope_core.manifest import Manifest
from gluscope_core.schema import LAYER, STRIKING_TABLE
from gluscope_core.vocabulary import CASES, freq_column

ROOT = Path(__file__).parent.parent.parent
DATASET, NEURON = "data", "neuron"
"""Keys of the address."""

OVERVIEW_PAGE, NEURON_PAGE, EXPLORE_PAGE = "pages/overview.py", "pages/neuron.py", "pages/explore.py"
SEARCH_PAGE, COMPARE_PAGE = "pages/search.py", "pages/compare.py"


_ENTERED = "entered"


def navigation() -> StreamlitPage:
    """All pages; the chosen one is for the entry point to run."""
    st.session_state[_ENTERED] = True
    return st.navigation(
        [
            st.Page(ROOT / OVERVIEW_PAGE, title="Overview", icon=":material/home:", default=True),
            st.Page(ROOT / NEURON_PAGE, title="Neuron", icon=":material/adjust:"),
            st.Page(ROOT / EXPLORE_PAGE, title="Explore", icon=":material/scatter_plot:"),
            st.Page(ROOT / SEARCH_PAGE, title="Search", icon=":material/search:"),
            st.Page(ROOT / COMPARE_PAGE, title="Compare", icon=":material/compare:"),
            st.Page(ROOT / "pages/methods.py", title="Methods", icon=":material/menu_book:"),
            st.Page(ROOT / "pages/datasets.py", title="Datasets", icon=":material/database:"),
        ],
        position="top",
    )


def through_entry_point() -> None:
    """Until somebody has been at the entry point, Streamlit takes `pages/` for the older kind of multipage app: whoever
    follows a link to a page first gets the page alone. Naming the pages ends that."""
    if _ENTERED not in st.session_state:
        navigation()
        st.rerun()


def page_dataset() -> Dataset:
    """The dataset that the address names, or the first one found; else the page ends with an explanation."""
    through_entry_point()
    found = [each for each in datasets_found() if each.dataset is not None]
    named = st.query_params.get(DATASET)
    if not found:
        _explain_no_dataset()
    names = [each.folder.name for each in found]
    if named is not None and named not in names:
        st.error(f"There is no dataset `{named}` here. Those at hand: {', '.join(f'`{name}`' for name in names)}.")
        if st.button(f"Open {names[0]}"):
            del st.query_params[DATASET]
            st.rerun()
        st.stop()
    chosen = found[names.index(named)] if named else found[0]
    return _opened(str(chosen.folder), _stamp(chosen.folder))


def datasets_found() -> list[Found]:
    return find_datasets(ROOT)


@st.cache_resource(max_entries=8, show_spinner=False)
def _opened(folder: str, _stamp_of_manifest: float) -> Dataset:
    return open_dataset(folder)


def _stamp(folder: Path) -> float:
    """Changes when a dataset is replaced, so that it is opened anew."""
    return (folder / "gluscope.json").stat().st_mtime


@st.cache_data(max_entries=4, show_spinner=False, hash_funcs={Dataset: lambda dataset: dataset.manifest.sha256})
def overview_columns(dataset: Dataset) -> pd.DataFrame:
    """Frequencies and classes of all neurons."""
    return dataset.neurons([LAYER, *map(freq_column, CASES), NeuronColumn.IO_CLASS])


def striking_of(dataset: Dataset) -> pd.DataFrame | None:
    return dataset.read_table(STRIKING_TABLE.name).to_pandas() if dataset.has(STRIKING_TABLE.name) else None


def summary_of(manifest: Manifest) -> str:
    """A line that says what was computed."""
    model, texts, run = manifest.model, manifest.texts, manifest.run
    parts = [f"{len(manifest.layers)} layers of {model.d_mlp:,} neurons", model.activation]
    if model.quantisation:
        parts.append(f"dequantised from {model.quantisation}")
    if texts and run:
        skipped = f", first {run.skip_first} of each text left out" if run.skip_first else ""
        parts.append(f"{run.counted_tokens:,} tokens of {texts.texts:,} texts{skipped}")
    return " · ".join([*parts, f"{manifest.sign_convention.value} signs"])


def address(**state: str | None) -> dict[str, str]:
    """The parameters of a link: the dataset, where it is not the default one, and whatever else is given."""
    named = {DATASET: st.query_params.get(DATASET), **state}
    return {key: value for key, value in named.items() if value is not None}


def page_neuron(dataset: Dataset) -> NeuronId:
    """The neuron that the address names; else the page ends, saying what is wrong and where to go."""
    text = st.query_params.get(NEURON, "")
    try:
        return existing_neuron(dataset, text)
    except GluscopeError as error:
        _offer_way_on(f"{error}." if text else "No neuron is named.")


def existing_neuron(dataset: Dataset, text: str) -> NeuronId:
    return NeuronId.existing(text, dataset.manifest.layers, dataset.manifest.model.d_mlp)


def guard(error: GluscopeError) -> None:
    """Shows, where data would stand, why there is none."""
    st.warning(str(error))


def _offer_way_on(problem: str) -> NoReturn:
    st.error(problem)
    st.page_link(OVERVIEW_PAGE, label="Look a neuron up", query_params=address())
    st.stop()


def _explain_no_dataset() -> NoReturn:
    st.info(
        f"No dataset yet. Compute one with `python -m compute run`, then put its folder into `datasets/` "
        f"or name it in the environment variable `{FOLDERS_VARIABLE}`."
    )
    for each in datasets_found():
        if each.problem:
            st.warning(each.problem)
    st.stop()

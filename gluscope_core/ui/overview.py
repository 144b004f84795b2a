"""What the overview caches of a dataset."""

import pandas as pd
import streamlit as st

from gluscope_core.columns import NeuronColumn
from gluscope_core.dataset import Dataset
from gluscope_core.overview import cases_by_layer, classes_by_layer
from gluscope_core.schema import LAYER, STRIKING_TABLE
from gluscope_core.vocabulary import CASES, freq_column


def by_layer(dataset: Dataset) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cases and classes layer by layer."""
    return _by_layer(dataset, dataset.manifest.sha256)


@st.cache_data(max_entries=8, show_spinner=False)
def _by_layer(_dataset: Dataset, version: str) -> tuple[pd.DataFrame, pd.DataFrame]:  # noqa: ARG001
    neurons = _dataset.neurons([LAYER, *map(freq_column, CASES), NeuronColumn.IO_CLASS])
    return cases_by_layer(neurons), classes_by_layer(neurons)


def striking_of(dataset: Dataset) -> pd.DataFrame | None:
    return dataset.read_table(STRIKING_TABLE.name).to_pandas() if dataset.has(STRIKING_TABLE.name) else None

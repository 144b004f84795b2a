"""Figures of all neurons, each column read once for all pages and all visitors."""

from collections.abc import Iterable

import pandas as pd
import streamlit as st

from gluscope_core.dataset import Dataset


@st.cache_resource(max_entries=48, show_spinner=False)
def _column(_dataset: Dataset, version: str, name: str) -> pd.DataFrame:  # noqa: ARG001
    return _dataset.neurons([name])


def read_columns(dataset: Dataset, names: Iterable[str]) -> pd.DataFrame:
    """One row per neuron, sorted by layer."""
    version = dataset.manifest.sha256
    return pd.concat([_column(dataset, version, str(name)) for name in names], axis=1)

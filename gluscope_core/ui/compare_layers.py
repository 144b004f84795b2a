"""Two datasets' layers: medians of a metric, or the share of a class or role, at the same relative depth."""

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gluscope_core.columns import NeuronColumn
from gluscope_core.compare_charts import depth_chart, metric_by_depth, share_by_depth
from gluscope_core.dataset import Dataset
from gluscope_core.markdown import code, escaped
from gluscope_core.metrics import Metric, available
from gluscope_core.schema import LAYER
from gluscope_core.ui.choice import others_at_hand
from gluscope_core.ui.columns import read_columns
from gluscope_core.ui.state import write
from gluscope_core.vocabulary import IOClass, Role

WITH, SHOW = "with", "show"
"""Keys of the address."""
_CLASS, _ROLE = "class ", "role "


def layers(dataset: Dataset) -> None:
    others = others_at_hand(dataset)
    if not others:
        st.info(
            "There is only one dataset here. Put another beside it, or name more folders in `GLUSCOPE_DATASETS`; "
            "**Datasets** lists what is found."
        )
        return
    slots = st.columns([1, 1, 1], gap="small", vertical_alignment="bottom")
    both = dataset, others[_one(slots[0], WITH, "With the dataset", {name: name for name in others})]
    options = _options(both)
    if not options:
        st.info("These two have nothing in common that could be compared.")
        return
    shown = _one(slots[1], SHOW, "Median of a metric, or share", options)
    shares = shown.startswith((_CLASS, _ROLE))
    found = pd.concat([(_shares if shares else _medians)(each, shown, _label(each, both)) for each in both])
    title = f"{options[shown][0].upper()}{options[shown][1:]}" if shares else f"Median {options[shown]} of each layer"
    axis = "share of the layer's neurons" if shares else f"{_metric(dataset, shown).meaning}, median"
    st.altair_chart(depth_chart(found, f"{title}, by relative depth", axis, shares=shares), alt=title)
    if not shares:
        st.caption("Shaded: the middle half of each layer's neurons.")


def _shares(dataset: Dataset, shown: str, label: str) -> pd.DataFrame:
    column = (NeuronColumn.IO_CLASS if shown.startswith(_CLASS) else NeuronColumn.ROLE).value
    kind = shown.removeprefix(_CLASS).removeprefix(_ROLE)
    return share_by_depth(read_columns(dataset, (LAYER, column)), column, kind, label, dataset.manifest.model.layers)


def _medians(dataset: Dataset, shown: str, label: str) -> pd.DataFrame:
    metric = _metric(dataset, shown)
    neurons = read_columns(dataset, (LAYER, *metric.columns))
    return metric_by_depth(neurons, metric, label, dataset.manifest.model.layers)


def _metric(dataset: Dataset, key: str) -> Metric:
    return next(metric for metric in available(dataset.manifest) if metric.key == key)


def _label(dataset: Dataset, both: tuple[Dataset, Dataset]) -> str:
    ids = [each.manifest.model.id for each in both]
    return dataset.manifest.model.id if len(set(ids)) == 2 else f"{dataset.manifest.model.id} ({dataset.name})"


def _options(both: tuple[Dataset, Dataset]) -> dict[str, str]:
    """What both have."""
    one, other = ({metric.key: metric.name for metric in available(each.manifest)} for each in both)
    options = {key: name for key, name in one.items() if key in other and key != LAYER}
    if all(each.manifest.weights for each in both):
        options |= {f"{_CLASS}{each.value}": f"share of {each.value}" for each in IOClass}
        options |= {f"{_ROLE}{each.value}": f"share of {each.value} (role)" for each in Role}
    return options


def _one(slot: DeltaGenerator, key: str, label: str, options: dict[str, str]) -> str:
    """One of some options, kept in the address; what it does not know is told."""
    named, default = st.query_params.get(key), next(iter(options))
    if named is not None and named not in options:
        st.warning(f"{code(f'{key}={named[:60]}')} is not to be had here: this is {escaped(options[default])}.")
    st.session_state[f"layers_{key}"] = named if named in options else default
    return slot.selectbox(
        label, list(options), format_func=options.__getitem__, key=f"layers_{key}",
        on_change=lambda: write(key, st.session_state[f"layers_{key}"], default),
    )  # fmt: skip

"""Two datasets' layers: medians of a metric, or the share of a class or role, at the same relative depth."""

from functools import partial

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gluscope_core.columns import NeuronColumn
from gluscope_core.compare_charts import depth_chart, medians_by_depth, shares_by_depth
from gluscope_core.compare_layers import (
    Comparable,
    comparable,
    neurons_in_signs,
    of_class,
    signs_of,
    why_weights_differ,
)
from gluscope_core.cosines import threshold_of
from gluscope_core.dataset import Dataset
from gluscope_core.discover import Offer
from gluscope_core.markdown import code, escaped
from gluscope_core.metrics import Metric
from gluscope_core.schema import COSINES, LAYER
from gluscope_core.ui.columns import read_columns
from gluscope_core.ui.others import WITH, opened, others
from gluscope_core.ui.state import slide, write
from gluscope_core.vocabulary import IOClass, Role

SHOW, THRESHOLD = "show", "tau"
"""Keys of the address."""
_CLASS, _ROLE = "class ", "role "
_NONE = ""
Both = tuple[Dataset, Dataset]


def layers(dataset: Dataset) -> None:
    offered = others(dataset)
    if not offered:
        st.info(
            "There is only one dataset here. Put another beside it, or name more folders in `GLUSCOPE_DATASETS`; "
            "**Datasets** lists what is found."
        )
        return
    slots = st.columns([1, 1, 1], gap="small", vertical_alignment="bottom")
    other = _other(slots[0], offered)
    if other is not None:
        _compare((dataset, other), slots[1], slots[2])


def _other(slot: DeltaGenerator, offered: dict[str, Offer]) -> Dataset | None:
    """The first of this machine, unless the address names one; what is on the Hub is opened only when named."""
    here = [name for name, offer in offered.items() if offer.folder]
    options = {**({} if here else {_NONE: "choose one"}), **{name: name for name in offered}}
    name = _one(slot, WITH, "With the dataset", options)
    return next(iter(opened([name] if name else [], offered)), None)


def _compare(both: Both, choice: DeltaGenerator, more: DeltaGenerator) -> None:
    found = comparable(*(each.manifest for each in both))
    options = _options(both, found)
    if options:
        shown = _one(choice, SHOW, "Median of a metric, or share", options)
        if shown.startswith((_CLASS, _ROLE)):
            _shares(both, shown, options[shown], more)
        else:
            _medians(both, found.metrics[shown])
    else:
        st.info("These two have nothing in common that could be compared.")
    for reason, metrics in found.problems.items():
        left_out = "metrics are" if metrics > 1 else "metric is"
        st.caption(f"{metrics} {left_out} left out: {escaped(reason)}.")


def _shares(both: Both, shown: str, words: str, slot: DeltaGenerator) -> None:
    """Of classes, by one threshold for both; roles were decided when weights were analysed."""
    kind = shown.removeprefix(_CLASS).removeprefix(_ROLE)
    if shown.startswith(_CLASS):
        with slot:
            threshold = slide(THRESHOLD, "τ, for both", threshold_of(both[0].manifest), high=0.95, step=0.01)
        found = [of_class(read_columns(each, (LAYER, *COSINES)), IOClass(kind), threshold) for each in both]
        note = f"Classes of both at τ = {threshold:g}."
    else:
        found = [_of_role(each, kind) for each in both]
        note = "Roles as each dataset has them, by thresholds of its own."
    parts = zip(found, both, strict=True)
    drawn = pd.concat([shares_by_depth(each, _label(of, both), of.manifest.model.layers) for each, of in parts])
    title = f"{words[0].upper()}{words[1:]}"
    chart = depth_chart(drawn, f"{title}, by relative depth", "share of the layer's neurons", shares=True)
    st.altair_chart(chart, alt=title)
    st.caption(note)


def _of_role(dataset: Dataset, role: str) -> pd.Series:
    neurons = read_columns(dataset, (LAYER, NeuronColumn.ROLE))
    return pd.Series(neurons[NeuronColumn.ROLE].eq(role).to_numpy(float), neurons[LAYER].to_numpy())


def _medians(both: Both, metric: Metric) -> None:
    signs = signs_of(metric, both[0].manifest)
    parts = []
    for each in both:
        neurons = neurons_in_signs(metric, each.manifest, partial(read_columns, each), signs)
        values = pd.Series(metric.values(neurons), neurons[LAYER].to_numpy())
        parts.append(medians_by_depth(values, _label(each, both), each.manifest.model.layers))
    title = f"Median {metric.label} of each layer"
    axis = f"{metric.meaning}, median"
    st.altair_chart(depth_chart(pd.concat(parts), f"{title}, by relative depth", axis, shares=False), alt=title)
    theirs = signs_of(metric, both[1].manifest)
    turned = f" Both in {signs} signs: the other's own are {theirs}." if metric.turns and theirs is not signs else ""
    same = f" Both in {signs} signs, on which it depends (±)." if metric.turns and not turned else ""
    st.caption(f"Shaded: the middle half of each layer's neurons.{turned}{same}")


def _label(dataset: Dataset, both: Both) -> str:
    ids = [each.manifest.model.id for each in both]
    return dataset.manifest.model.id if len(set(ids)) == 2 else f"{dataset.manifest.model.id} ({dataset.name})"


def _options(both: Both, found: Comparable) -> dict[str, str]:
    """What both have."""
    options = {key: metric.label for key, metric in found.metrics.items()}
    one, other = (each.manifest for each in both)
    if one.weights and other.weights and why_weights_differ(one, other) is None:
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

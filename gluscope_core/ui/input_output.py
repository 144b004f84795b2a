"""Parts of the input-output page: its controls, what it caches, and each of its views."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from gluscope_core import io_tables as tables
from gluscope_core.baselines import random_cosine_bound
from gluscope_core.columns import NeuronColumn
from gluscope_core.cosines import signs_of_cosines, threshold_of
from gluscope_core.dataset import Dataset
from gluscope_core.errors import GluscopeError
from gluscope_core.io_charts import MOST_LINES, Chance, boxes_chart, composition_chart, medians_chart
from gluscope_core.io_gains import gains_chart
from gluscope_core.io_statistics import (
    COLUMNS,
    GAINS,
    NEAR,
    IONeurons,
    bands,
    boxes,
    composition,
    gains,
    gains_of_classes,
    near,
)
from gluscope_core.manifest import Manifest
from gluscope_core.markdown import code
from gluscope_core.query import TAU
from gluscope_core.schema import COSINES
from gluscope_core.ui import page
from gluscope_core.ui.columns import read_columns
from gluscope_core.ui.others import WITH, opened, others
from gluscope_core.ui.state import choose, several, slide
from gluscope_core.ui.view import READABLE_TAGS
from gluscope_core.vega import LayerAxis

AXIS, VALUES = "depth", "cosines"
"""Keys of the address; the threshold has that of a search."""
_LAYER, _RELATIVE, _MAGNITUDES, _SIGNED = "layer", "relative", "magnitudes", "signed"


@st.cache_resource(max_entries=8, show_spinner=False)
def _neurons(_dataset: Dataset, version: str) -> IONeurons:  # noqa: ARG001
    return IONeurons.of(read_columns(_dataset, COLUMNS))


def neurons_of(dataset: Dataset) -> IONeurons:
    return _neurons(dataset, dataset.manifest.sha256)


@st.cache_data(max_entries=64, show_spinner=False)
def _boxes(_neurons: IONeurons, version: str, cosine: NeuronColumn, *, magnitudes: bool) -> pd.DataFrame:  # noqa: ARG001
    values = _neurons.cosines[cosine]
    return boxes(_neurons.layer, np.abs(values) if magnitudes else values)


@dataclass(frozen=True)
class Choices:
    """The state of the page that all of it shares."""

    axis: LayerAxis
    magnitudes: bool
    threshold: float
    in_search: dict[str, str]
    """What a query needs for the same classes."""


def controls(manifest: Manifest) -> Choices:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        axis = _one_of(AXIS, "Axis of layers", {_LAYER: "layer", _RELATIVE: "relative depth"})
        values = _one_of(VALUES, "Cosines", {_MAGNITUDES: "|cosine|", _SIGNED: "signed"})
        threshold = slide(
            TAU, "τ: from which on a cosine counts as different from 0", threshold_of(manifest),
            high=0.95, step=0.01, width=380,
        )  # fmt: skip
    in_search = {} if threshold == threshold_of(manifest) else {TAU: f"{threshold:g}"}
    return Choices(LayerAxis(axis == _RELATIVE, manifest.model.layers), values == _MAGNITUDES, threshold, in_search)


def _one_of(key: str, label: str, options: Mapping[str, str]) -> str:
    """One of a few; what the address says otherwise is told and not followed."""
    default = next(iter(options))
    named = st.query_params.get(key, default)
    if named not in options:
        st.warning(f"{code(f'{key}={named[:60]}')} is nothing that can be shown: here is {options[default]} instead.")
        named = default
    choose(key, label, options, named, default)
    return named


def near_threshold(neurons: IONeurons, classes: np.ndarray, threshold: float) -> None:
    found = near(neurons, threshold)
    share = tables.manipulators(classes)
    st.markdown(
        f"Input manipulators (all but orthogonal output): **{share:.1%}**. "
        + tables.near_words(found.near, found.changing, found.known, threshold, NEAR)
    )


def shares(neurons: IONeurons, classes: np.ndarray, axis: LayerAxis) -> None:
    chart = composition_chart(composition(neurons.layer, classes), axis)
    st.vega_lite_chart(chart, key="shares", alt="IO classes by layer")
    st.caption("Paler: atypical, w_gate and w_in do not match. Grey: the rest of each layer, orthogonal output.")


def distributions(dataset: Dataset, neurons: IONeurons, choices: Choices) -> None:
    """A box per layer, one chart per cosine."""
    manifest = dataset.manifest
    st.subheader("The three cosines, layer by layer", anchor="cosines")
    bound = random_cosine_bound(manifest.model.d_model)
    for slot, cosine in zip(st.columns(3, gap="small"), COSINES, strict=True):
        found = _boxes(neurons, manifest.sha256, cosine, magnitudes=choices.magnitudes)
        chance = Chance(bound, bands(manifest, cosine, magnitudes=choices.magnitudes))
        name = f"|{tables.NAMES[cosine]}|" if choices.magnitudes else tables.NAMES[cosine]
        chart = boxes_chart(found, chance, name, choices.axis, choices.threshold, signed=not choices.magnitudes)
        slot.vega_lite_chart(chart, key=f"box_{cosine.value}", alt=f"{name} by layer")
    st.caption(
        "White line: median; box: middle half; whiskers: the furthest neuron within 1.5 interquartile ranges; thin "
        f"line: all. {_of_chance([manifest])} {_mismatched(manifest)} "
        f"Thin horizontal line: τ. {_signs(manifest, magnitudes=choices.magnitudes)}"
    )


def _of_chance(manifests: Sequence[Manifest]) -> str:
    """What is shaded: one band for each number of dimensions."""
    widths = sorted({each.model.d_model for each in manifests if each.model.d_model is not None})
    ends = " and ".join(f"{width:,} (±{random_cosine_bound(width):.3f})" for width in widths)
    return f"Shaded: 95 % of random directions in {ends} dimensions." if widths else ""


def _other_coordinates(manifests: Sequence[Manifest]) -> str:
    own, others = manifests[0].coordinates, manifests[1:]
    named = [f"{code(each.model.id)} ({each.coordinates})" for each in others if each.coordinates is not own]
    if not named:
        return ""
    return f"In other coordinates than the first ({own}), so cosines are of other vectors: {', '.join(named)}."


def _mismatched(manifest: Manifest) -> str:
    if manifest.weights is None or not manifest.weights.mismatched:
        return "Which cosines vectors of different neurons have was not recorded here."
    return (
        "Dashed: 95 % of pairs of vectors of different neurons of the layer; what belonging to one neuron adds lies "
        "beyond."
    )


def _signs(manifest: Manifest, *, magnitudes: bool) -> str:
    if magnitudes:
        return "Of cos(in, out) the sign has a meaning of its own: choose *signed* to see it."
    return f"{signs_of_cosines(manifest)} That of cos(in, out) is no convention."


def medians(dataset: Dataset, choices: Choices) -> None:
    """Of this dataset and of others that are chosen, each read once."""
    shown = [dataset, *_chosen_others(dataset)]
    relative = choices.axis.relative or len({each.manifest.model.layers for each in shown}) > 1
    parts = []
    for each in shown:
        manifest = each.manifest
        try:
            found = _boxes(neurons_of(each), manifest.sha256, NeuronColumn.COS_IN_OUT, magnitudes=False)
        except GluscopeError as error:
            page.guard(error)
            continue
        axis = LayerAxis(relative, manifest.model.layers)
        parts.append(axis.placed(found).assign(name=_name(each, shown)))
    if not parts:
        return
    manifests = [each.manifest for each in shown]
    bounds = [random_cosine_bound(each.model.d_model) for each in manifests]
    chart = medians_chart(pd.concat(parts, ignore_index=True), LayerAxis(relative, choices.axis.layers), bounds)
    st.vega_lite_chart(chart, key="medians", alt="Median cos(w_in, w_out) by layer")
    st.caption(f"{_of_chance(manifests)} {_other_coordinates(manifests)}")


def _name(dataset: Dataset, shown: list[Dataset]) -> str:
    """The model, and where two datasets are of one model also the folder."""
    model = dataset.manifest.model.id
    again = sum(each.manifest.model.id == model for each in shown) > 1
    return f"{model} ({dataset.name})" if again else model


def _chosen_others(dataset: Dataset) -> list[Dataset]:
    """Those of which there are cosines."""
    offered = others(dataset)
    unknown = [name for name in st.query_params.get_all(WITH) if name and name not in offered]
    if unknown:
        st.warning(f"There is no other dataset {', '.join(code(name[:60]) for name in unknown)} here.")
    if not offered:
        return []
    found = opened(several(WITH, "Also", offered, MOST_LINES - 1, "other datasets"), offered)
    st.html(READABLE_TAGS)
    bare = [code(each.name) for each in found if each.manifest.weights is None]
    if bare:
        st.warning(f"There are no cosines of {', '.join(bare)}: its weights have not been analysed.")
    return [each for each in found if each.manifest.weights]


_NO_ACTIVATIONS = (
    "This dataset has weights only: `python -m compute run` with texts computes mean gain and effective IO."
)
_NO_GAINS = (
    "Mean gain and effective IO are not here: they need E[post · x_in] and E[x_in²], which the original program did "
    "not keep. `python -m compute run` computes them."
)


def averages(neurons: IONeurons, classes: np.ndarray, manifest: Manifest, axis: LayerAxis) -> None:
    """What neurons do on average, beside what their weights would have them do."""
    st.subheader("What they do on average", anchor="gain")
    if manifest.run is None:
        st.info(_NO_ACTIVATIONS if manifest.activations is None else _NO_GAINS)
        return
    words = {
        NeuronColumn.MEAN_GAIN: "Mean gain: E[post · x_in] / E[x_in²]",
        NeuronColumn.EFFECTIVE_IO: "Effective IO: mean gain · cos(in, out)",
    }
    for slot, name in zip(st.columns(2, gap="medium"), GAINS, strict=True):
        values = neurons.gains[name]
        chart = gains_chart(gains(neurons.layer, classes, values), gains_of_classes(classes, values), words[name], axis)
        slot.vega_lite_chart(chart, key=name.value, alt=words[name])
    st.caption(
        "Means over a layer's neurons, at the end of a row over all layers (c.: conditional, at.: atypical). Effective "
        "IO above 0: on average a neuron writes along what it reads; below, against it. Colours end at the 95th "
        "percentile of cells; the pointer shows medians."
    )

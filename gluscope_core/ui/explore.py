"""Parts of the explore page: its controls, what it caches, and tables and panels beside its chart."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from gluscope_core import explore_charts
from gluscope_core import explore_words as words
from gluscope_core.correlation import Correlations, correlate
from gluscope_core.dataset import Dataset
from gluscope_core.errors import BadSettings
from gluscope_core.layer_panels import AXES as AXES_OF_PANELS
from gluscope_core.layer_panels import panels_html
from gluscope_core.linked_table import linked_table
from gluscope_core.markdown import code, escaped
from gluscope_core.metrics import Metric, available, find
from gluscope_core.pairs import Colouring, Grid, Plain, parse_layers, placed, selected
from gluscope_core.schema import LAYER
from gluscope_core.spreadsheet import csv_bytes
from gluscope_core.ui import page, state
from gluscope_core.ui.card import name_neuron, pick_neuron
from gluscope_core.ui.view import show_html
from gluscope_core.vega import PICK

X, Y, LAYERS, COLOUR, THRESHOLD, AXES, ERRORS, P = "x", "y", "layers", "colour", "tau", "axes", "errors", "p"
"""Keys of the address."""
_VALUES, _RANKS = "values", "percentiles"
_MOST_ROWS = 200


@st.cache_data(max_entries=64, show_spinner=False)
def correlated(_neurons: pd.DataFrame, key: tuple[object, ...]) -> Correlations:  # noqa: ARG001
    return correlate(_neurons[LAYER].to_numpy(), _neurons["x"].to_numpy(), _neurons["y"].to_numpy())


@dataclass(frozen=True)
class Choices:
    """The state of the page."""

    x: Metric
    y: Metric
    layers: list[int]
    colouring: Colouring
    threshold: float
    by_rank: bool
    error_bars: bool
    with_p: bool

    @property
    def colour_name(self) -> str | None:
        if isinstance(self.colouring, Metric):
            return self.colouring.name
        return None if self.colouring is Plain.NONE else self.colouring.value


def heading(dataset: Dataset) -> None:
    """What is explored, and the way to the view that everybody begins with."""
    manifest = dataset.manifest
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(f"Explore · {escaped(manifest.model.id)}", width="content")
        st.caption(f"dataset {escaped(dataset.name)}", width="content")
        label, what = words.first_view(manifest)
        st.button(label, on_click=_show_first_view, help=f"{what}: all layers, no colour", icon=":material/lightbulb:")


def choose(dataset: Dataset) -> Choices:
    """The controls: two metrics, layers and colour in one line, what is rarely changed behind a button."""
    manifest = dataset.manifest
    metrics = {metric.key: metric for metric in available(manifest)}
    labels = {key: metric.label for key, metric in metrics.items()}
    defaults = words.default_pair(manifest)
    kinds = {kind.value: kind.value for kind in Plain if manifest.weights or kind is Plain.NONE}
    slots = st.columns([3, 3, 1.6, 2.2, 0.9], vertical_alignment="bottom", gap="small")
    with slots[0]:
        x = _choice(X, "Horizontal", labels, defaults[0])
    with slots[1]:
        y = _choice(Y, "Vertical", labels, defaults[1])
    with slots[2]:
        layers = _layers(manifest.layers)
    with slots[3]:
        colour = _choice(COLOUR, "Colour", kinds | labels, Plain.NONE.value)
    with slots[4].popover("More", icon=":material/tune:", help="Axes, error bars, p", width="stretch"):
        by_rank = _axes() == _RANKS
        state.choose(AXES, "Axes", {each: each for each in (_VALUES, _RANKS)}, _RANKS if by_rank else _VALUES, _VALUES)
        errors = state.switch(ERRORS, "Error bars of frequencies", "One standard error either side")
        with_p = state.switch(P, "p values", words.P_WARNING)
    threshold = manifest.weights.threshold if manifest.weights else 0.5
    if colour == Plain.IO_CLASS:
        help_ = "From which on a cosine counts as different from 0"
        threshold = state.slide(THRESHOLD, "τ of IO classes", threshold, help_)
    colouring = metrics[colour] if colour in metrics else Plain(colour)
    return Choices(metrics[x], metrics[y], layers, colouring, threshold, by_rank, errors, with_p)


def _choice(key: str, label: str, options: dict[str, str], default: str) -> str:
    """One of some options, kept in the address, which may name a metric by its key, label or column."""
    asked = st.query_params.get(key)
    metric = find(asked) if asked else None
    current = asked if asked in options else metric.key if metric and metric.key in options else default
    if asked is not None and current == default and asked != default and (metric is None or metric.key != default):
        _tell(key, asked, "is not in this dataset" if metric else "is nothing that can be shown", options[default])
    names = [default, *(name for name in options if name != default)]
    state.select(key, label, {name: options[name] for name in names}, current, default)
    return current


def _axes() -> str:
    asked = st.query_params.get(AXES, _VALUES)
    if asked in (_VALUES, _RANKS):
        return asked
    _tell(AXES, asked, "is nothing that axes can show", _VALUES)
    return _VALUES


def _tell(key: str, asked: str, why: str, instead: str) -> None:
    st.warning(f"{code(f'{key}={asked[:60]}')} {why}: here is {instead} instead.")


def _layers(existing: tuple[int, ...]) -> list[int]:
    text = state.written(LAYERS, "Layers", "all", "Such as 0-3, 14; empty: all")
    try:
        return parse_layers(text, existing)
    except BadSettings as error:
        st.warning(f"{escaped(str(error))}. All layers are shown.")
        return list(existing)


def _show_first_view() -> None:
    """At once, so that the browser's way back leads to what was there before."""
    state.write_all(dict.fromkeys((X, Y, LAYERS, COLOUR, THRESHOLD, AXES)))


def show_layers(neurons: pd.DataFrame, found: Correlations, choices: Choices) -> None:
    """A panel for each layer, and their coefficients with intervals."""
    st.altair_chart(
        explore_charts.strip(found, choices.layers),
        key="strip",
        on_select=lambda: pick_layer("strip"),
        alt=f"Correlation of {choices.x.name} and {choices.y.name} by layer",
    )
    html = panels_html(placed(neurons, by_rank=choices.by_rank), found, choices.layers)
    show_html(html, "panels", on_open=lambda layer: _show_layer(int(layer), choices))
    st.caption(AXES_OF_PANELS)


def _show_layer(layer: int, choices: Choices) -> None:
    """It alone; or all again, where it was alone."""
    state.write(LAYERS, None if choices.layers == [layer] else str(layer))


def pick_layer(chart: str) -> None:
    picked = st.session_state[chart].selection.get(PICK) or []
    state.write(LAYERS, ", ".join(str(int(each[LAYER])) for each in picked))


def pick(chart: str, neurons: pd.DataFrame, cells: Grid | None) -> None:
    """A click on a point, or on a cell that holds one neuron only, names it in the address."""
    if cells is None:
        pick_neuron(chart)
        return
    inside = selected(neurons, cells, st.session_state[chart].selection)
    if len(inside) == 1:
        name_neuron(inside.iloc[0])


def show_table(neurons: pd.DataFrame, choices: Choices) -> None:
    """The neurons in a brush or a cell, those first that lie highest."""
    if neurons.empty:
        return
    table = words.table(neurons.sort_values("y", ascending=False), choices.x, choices.y, choices.colour_name)
    with st.container(horizontal=True, vertical_alignment="center"):
        first = f" (the first {_MOST_ROWS:,} shown)" if len(table) > _MOST_ROWS else ""
        how_many = "1 neuron" if len(table) == 1 else f"{len(table):,} neurons"
        st.markdown(f"**{how_many} selected**{first}, by {escaped(choices.y.name)}.", width="stretch")
        st.download_button(
            "CSV", lambda: csv_bytes(table), f"{choices.x.key}-{choices.y.key}.csv", "text/csv",
            icon=":material/download:", on_click="ignore",
        )  # fmt: skip
    rows = linked_table(words.linked(table.head(_MOST_ROWS), page.address()), "Selected neurons")
    show_html(rows, "rows", on_neuron=lambda neuron: state.write(page.NEURON, neuron))

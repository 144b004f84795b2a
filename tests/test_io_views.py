"""What the charts and tables of the input-output page show, against pandas, on the bundled dataset."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gluscope_core.columns import NeuronColumn
from gluscope_core.dataset import Dataset, open_dataset
from gluscope_core.io_charts import Chance, boxes_chart, composition_chart, medians_chart
from gluscope_core.io_gains import gains_chart
from gluscope_core.io_plane import first_layers, plane_chart, planes
from gluscope_core.io_statistics import (
    COLUMNS,
    IONeurons,
    bands,
    boxes,
    composition,
    contingency,
    gains,
    gains_of_classes,
)
from gluscope_core.io_tables import Cell, contingency_html, neurons_html, neurons_table, strongest_first
from gluscope_core.schema import COSINES
from gluscope_core.vega import LayerAxis, Spec

BUNDLED = Path(__file__).parent.parent / "datasets" / "smollm2-135m-instruct"
AXIS = LayerAxis(relative=False, layers=30)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return open_dataset(BUNDLED)


@pytest.fixture(scope="module")
def frame(dataset) -> pd.DataFrame:
    return dataset.neurons([*COLUMNS, NeuronColumn.IO_CLASS])


@pytest.fixture(scope="module")
def neurons(frame) -> IONeurons:
    return IONeurons.of(frame)


def shown(chart: Spec, field: str) -> pd.DataFrame:
    """The data of the marks that show a field, as the browser gets it."""
    for layer in json.loads(json.dumps(chart, allow_nan=False))["layer"]:
        channels = [each.get("field") for each in layer["encoding"].values() if isinstance(each, dict)]
        if field in channels:
            return pd.DataFrame(layer["data"]["values"])
    raise AssertionError(field)


def test_composition(neurons, frame):
    bars = shown(composition_chart(composition(neurons.layer, neurons.classes(0.5)), AXIS), "bottom")
    wanted = frame.groupby("layer")["io_class"].value_counts(normalize=True)
    assert len(bars) == len(wanted)
    for bar in bars.to_dict("records"):
        assert bar["top"] - bar["bottom"] == pytest.approx(wanted[bar["layer"], bar["class"]])
    assert bars.groupby("layer")["top"].max().to_numpy() == pytest.approx(1)
    rest = bars[bars["class"] == "orthogonal output"]
    assert (rest["top"] == bars.groupby("layer")["top"].max().to_numpy()).all()  # on top of the others
    assert bars.groupby("layer")["bottom"].min().to_numpy() == pytest.approx(0)


@pytest.mark.parametrize("cosine", COSINES)
@pytest.mark.parametrize("magnitudes", [True, False])
def test_boxes(dataset, neurons, frame, cosine, magnitudes):
    values = frame[cosine].astype(np.float64)
    values = values.abs() if magnitudes else values
    chance = Chance(0.08, bands(dataset.manifest, cosine, magnitudes=magnitudes))
    chart = boxes_chart(boxes(neurons.layer, values.to_numpy()), chance, "cosine", AXIS, 0.5, signed=not magnitudes)
    drawn = shown(chart, "q1").set_index("layer")
    for name, share in (("q1", 0.25), ("median", 0.5), ("q3", 0.75)):
        assert drawn[name].to_dict() == pytest.approx(values.groupby(frame["layer"]).quantile(share).to_dict())
    assert len(shown(chart, "high")) == 30
    assert len(shown(chart, "tau")) == (1 if magnitudes else 2)
    ends = shown(chart, "random_low").iloc[0]
    assert (ends["random_low"], ends["random_high"]) == (0 if magnitudes else -0.08, 0.08)


def test_boxes_keep_their_signs_without_what_chance_gives(neurons, frame):
    """As of a dataset joined with weights of other signs once was: half of the picture was missing."""
    none = Chance(0.08, pd.DataFrame({"layer": [], "low": [], "high": []}))
    found = boxes(neurons.layer, frame["cos_in_out"].to_numpy(np.float64))
    chart = json.loads(json.dumps(boxes_chart(found, none, "cosine", AXIS, 0.5, signed=True)))
    assert all(layer["encoding"]["y"]["scale"]["domain"] == [-1, 1] for layer in chart["layer"])
    assert len(shown(chart, "random_low")) == 1


def test_medians_of_models_with_other_numbers_of_layers():
    axes = {"a": LayerAxis(relative=True, layers=2), "b": LayerAxis(relative=True, layers=4)}
    parts = [axis.placed(pd.DataFrame({"layer": range(axis.layers), "median": 0.1, "neurons": 9, "name": name}))
             for name, axis in axes.items()]  # fmt: skip
    chart = medians_chart(pd.concat(parts), axes["a"], [0.05, 0.05, 0.08])
    points = shown(chart, "median")
    assert points.groupby("name")["at"].apply(list).to_dict() == {"a": [0.25, 0.75], "b": [0.125, 0.375, 0.625, 0.875]}
    assert [each["data"]["values"][0]["random_high"] for each in chart["layer"][:-2]] == [0.08, 0.05]


def test_gains(neurons, frame):
    classes, values = neurons.classes(0.5), neurons.gains[NeuronColumn.MEAN_GAIN]
    chart = gains_chart(gains(neurons.layer, classes, values), gains_of_classes(classes, values), "gain", AXIS)
    cells = shown(chart, "mean").set_index(["layer", "class"])["mean"].to_dict()
    assert cells == pytest.approx(frame.groupby(["layer", "io_class"])["mean_gain"].mean().to_dict())
    ends = shown(chart, "text").set_index("class")["text"].to_dict()
    assert ends["conditional enrichment"] == "−0.14"


def test_planes_are_points_or_cells(neurons, frame, monkeypatch):
    drawn = planes(neurons, [3, 29])
    assert first_layers(tuple(range(30))) == [6, 15, 29]
    for plane in drawn:
        here = frame[frame["layer"] == plane.layer]
        assert plane.cells is None
        assert plane.drawn["y"].to_numpy() == pytest.approx(here["cos_in_out"].to_numpy())
        assert plane.drawn["x"].to_numpy() == pytest.approx(here["cos_gate_out"].to_numpy())
    monkeypatch.setattr("gluscope_core.io_plane.MOST_POINTS", 3000)
    plane = planes(neurons, [3, 29])[1]
    assert plane.cells is not None
    assert plane.drawn["count"].sum() == 1536
    here = frame[frame["layer"] == 29]
    mean = np.average(plane.drawn["colour"], weights=plane.drawn["count"])
    assert mean == pytest.approx(here["cos_gate_in"].mean(), rel=1e-5)
    json.dumps(plane_chart(plane.drawn, 0.5, "Layer 29", plane.neurons.head(1)), allow_nan=False)


def test_the_table_of_classes_and_roles(neurons, frame):
    html = contingency_html(contingency(neurons.classes(0.5), neurons.role), Cell("depletion", "suppression"))
    counts = pd.crosstab(frame["io_class"], frame["role"].fillna("no role"))
    buttons = dict(re.findall(r'data-open="([^"]+)"[^>]*>([\d,]+)', html))
    for kind in counts.index:
        for role in counts.columns:
            assert int(buttons.get(f"{kind}.{role}", "0").replace(",", "")) == counts.loc[kind, role]
        assert int(buttons[f"{kind}.any"].replace(",", "")) == counts.loc[kind].sum()
    assert int(buttons["any.suppression"]) == counts["suppression"].sum()
    assert buttons["any.any"] == "46,080"
    pressed = re.findall(r'data-open="([^"]+)" aria-pressed="true"', html)
    assert pressed == ["depletion.suppression"]
    expected = counts.loc["depletion"].sum() * counts["suppression"].sum() / 46_080
    assert f"×{counts.loc['depletion', 'suppression'] / expected:.0f}" in html


@pytest.mark.parametrize("text", ["", "depletion", "depletion.nobody", "<b>.any", "any.any.any", "Depletion.any"])
def test_other_words_name_no_cell(text):
    assert Cell.parse(text) is None


def test_cells_are_written_as_they_are_read():
    for cell in (Cell(None, None), Cell("conditional depletion", None), Cell(None, "no role")):
        assert Cell.parse(str(cell)) == cell


def test_the_neurons_of_a_cell(neurons, frame):
    classes = neurons.classes(0.5)
    places = strongest_first(neurons, np.flatnonzero((frame["role"] == "suppression").to_numpy()))
    table = neurons_table(neurons, classes, places)
    wanted = frame[frame["role"] == "suppression"]
    order = wanted["cos_in_out"].abs().sort_values(ascending=False, kind="stable").index
    wanted = wanted.loc[order]
    assert table["neuron"].tolist() == [f"{row.layer}.{row.neuron}" for row in wanted.itertuples()]
    assert table["class"].tolist() == wanted["io_class"].tolist()
    assert table["mean_gain"].tolist() == wanted["mean_gain"].tolist()
    html = neurons_html(table, {"data": "a&b"})
    first = table["neuron"].iloc[0]
    assert f'href="neuron?data=a%26b&amp;neuron={first}" data-go>{first}</a>' in html
    assert '<td class="word">suppression</td>' not in html  # all are: said above the table

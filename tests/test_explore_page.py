"""The explore page through the entry point, in every state of a dataset."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from compute.config import WeightsConfig
from compute.run import run
from compute.weights import weights
from gluscope_core import explore_words as words
from gluscope_core.dataset import Dataset, open_dataset
from gluscope_core.discover import FOLDERS_VARIABLE
from gluscope_core.io_classes import classify
from gluscope_core.linked_table import linked_table
from gluscope_core.pairs import Plain, pair, placed
from tests.app_pages import prose, read_nothing, visit
from tests.conftest import as_read
from tests.test_metrics import metric

FINDING = "freq(x_gate > 0) against cos(w_in, w_out)"


@pytest.fixture(scope="module")
def complete(finished, model_folder, tmp_path_factory) -> Path:
    """A dataset with activations and weights."""
    folder = tmp_path_factory.mktemp("complete") / "tiny"
    shutil.copytree(finished, folder)
    weights(WeightsConfig(dataset=folder, model=str(model_folder)))
    return folder


@pytest.fixture(scope="module")
def weights_only(model_folder, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("weights") / "tiny"
    weights(WeightsConfig(out=folder, model=str(model_folder)))
    return folder


@pytest.fixture
def opened(monkeypatch):
    """The page on a dataset, with an address."""

    def open_page(folder: Path, **address: str) -> AppTest:
        monkeypatch.setenv(FOLDERS_VARIABLE, str(folder))
        return visit("pages/explore.py", **address)

    return open_page


def charts(app: AppTest) -> list:
    return app.get("vega_lite_chart")


def test_the_papers_finding_is_what_is_shown_first(opened, complete):
    app = opened(complete)
    assert len(charts(app)) == 2
    assert FINDING in charts(app)[0].proto.alt
    assert "72 neurons in 3 layers" in prose(app)
    assert "within" in app.markdown[0].value
    assert "Standard error of freq(x_gate > 0)" in prose(app)


def test_one_click_leads_to_the_papers_finding_from_anywhere(opened, complete):
    away = {"x": "norm_in", "y": "norm_out", "layers": "1", "colour": "IO class", "tau": "0.2", "axes": "percentiles"}
    app = opened(complete, **away, neuron="1.5", errors="1")
    [button] = [each for each in app.button if each.label == "The paper's finding"]
    button.click().run()
    assert dict(app.query_params) == {"neuron": "1.5", "errors": "1", "data": "tiny"}
    assert FINDING in charts(app)[0].proto.alt


def test_it_says_what_is_explored(opened, complete):
    app = opened(complete)
    assert as_read(app.title[0].value) == "Explore · tiny-llama"
    assert "dataset tiny" in prose(app)


def test_selected_neurons_are_rows_that_lead_to_their_pages(complete):
    x, y = metric("norm_in"), metric("norm_out")
    neurons = placed(pair(open_dataset(complete).neurons(), x, y, x, 0.5).neurons, by_rank=False)
    rows = words.linked(words.table(neurons, x, y, x.name), {"data": "tiny"})
    assert [name for name, _ in rows] == ["neuron", x.name, y.name, f"{x.name} (colour)", ""]
    html = linked_table(rows, "Selected neurons")
    assert 'href="neuron?data=tiny&amp;neuron=2.23"' in html
    assert html.count("<button data-neuron=") == 72


def test_the_table_of_one_metric_has_it_twice(complete):
    layer = metric("layer")
    neurons = placed(pair(open_dataset(complete).neurons(), layer, layer, Plain.NONE, 0.5).neurons, by_rank=False)
    rows = words.linked(words.table(neurons, layer, layer, None), {})
    assert [name for name, _ in rows[1:-1]] == ["layer", "layer (vertical)"]


def test_metrics_may_be_named_by_key_or_column(opened, complete):
    app = opened(complete, x="norm_out", y="gate+_in-_hook_post_mean", layers="1")
    assert not app.warning
    assert "mean post, gate+ in− against ‖w_out‖" in charts(app)[0].proto.alt
    assert "turns with the sign" in prose(app)
    assert "24 neurons in 1 layer" in prose(app)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ({"x": "nonsense"}, "`x=nonsense` is nothing"),
        ({"layers": "7"}, "no layers 7"),
        ({"layers": "all of them"}, "names no layers"),
        ({"colour": "<b>red"}, "is nothing"),
        ({"neuron": "9.9"}, "is no neuron of this dataset"),
        ({"neuron": "<i>"}, "is no neuron of this dataset"),
        ({"tau": "high", "colour": "IO class"}, "`tau=high` is no number: here is 0.5 instead"),
        ({"tau": "7", "colour": "IO class"}, "`tau=7` is not between 0 and 1: here is 1 instead"),
        ({"axes": "cubes"}, "`axes=cubes` is nothing that axes can show: here is values instead"),
    ],
)
def test_a_bad_value_says_what_is_wrong_and_falls_back(opened, complete, address, said):
    app = opened(complete, **address)
    assert said in prose(app)
    assert FINDING in charts(app)[0].proto.alt


@pytest.mark.parametrize("colour", ["IO class", "role", "layer", "norm_in", "freq_pp"])
@pytest.mark.parametrize("axes", ["values", "percentiles"])
def test_colours_and_axes(opened, complete, colour, axes):
    app = opened(complete, colour=colour, axes=axes, errors="true", p="true")
    assert not app.warning
    assert "assumes independent neurons" in prose(app)


def test_the_threshold_of_classes_is_adjustable(opened, complete):
    app = opened(complete, colour="IO class", tau="0.2")
    assert app.slider[0].value == 0.2
    frame = open_dataset(complete).neurons()
    cosines = [frame[name].to_numpy() for name in ("cos_gate_in", "cos_gate_out", "cos_in_out")]
    assert (classify(*cosines, threshold=0.2) != classify(*cosines, threshold=0.5)).any()


def test_the_card_stands_beside_the_plot(opened, complete):
    app = opened(complete, neuron="L1.N5")
    row = open_dataset(complete).neurons().query("layer == 1 and neuron == 5").iloc[0]
    assert row["io_class"] in prose(app)
    assert f"{row['gate+_in-_freq']:.1%}" in prose(app)


def test_what_was_read_is_kept(opened, complete, monkeypatch):
    app = opened(complete, neuron="1.5")
    monkeypatch.setattr(Dataset, "read_table", read_nothing)
    app.run()
    assert not app.exception


def test_identical_metrics_are_marked(opened, complete):
    app = opened(complete, x="cos_in_out", y="cos_in_out")
    assert "The two metrics are the same" in prose(app)


def test_without_weights_their_metrics_are_explained(opened, finished):
    app = opened(finished, x="cos_in_out")
    assert "`x=cos_in_out` is not in this dataset" in prose(app)
    assert "python -m compute weights" in prose(app)
    assert "freq(x_gate > 0) against mean gain" in charts(app)[0].proto.alt
    assert "IO class" not in app.selectbox(key="select_colour").options


def test_without_activations(opened, weights_only):
    app = opened(weights_only, y="freq_gate_pos")
    assert "`y=freq_gate_pos` is not in this dataset" in prose(app)
    assert "python -m compute run" in prose(app)


def test_a_metric_that_no_neuron_has(opened, complete):
    app = opened(complete, y="entropy_share", layers="0")
    assert "No neuron of these layers has both" in prose(app)
    assert "48 of 72 neurons are left out: 48 without entropy score" in prose(app)
    assert "0 neurons are too few" in prose(app)


def test_a_constant_metric(opened, complete):
    app = opened(complete, x="layer", layers="2")
    assert "one of the two is constant" in prose(app)


def test_many_neurons_become_cells(opened, complete, monkeypatch):
    monkeypatch.setattr("gluscope_core.pairs.MOST_POINTS", 20)
    for colour in ("no colour", "layer", "IO class"):
        app = opened(complete, colour=colour)
        assert '"rect"' in charts(app)[0].proto.spec


def test_a_damaged_file_stands_where_data_would(opened, complete, tmp_path):
    st.cache_resource.clear()
    copy = tmp_path / "tiny"
    shutil.copytree(complete, copy)
    path = next((copy / "neurons").glob("*.parquet"))
    path.write_bytes(path.read_bytes()[:-100])
    app = opened(copy)
    assert str(path.name) in prose(app)


def test_one_layer_needs_no_view_by_layer(opened, config, tmp_path):
    run(replace(config, out=tmp_path / "tiny", layers=(1,)))
    app = opened(tmp_path / "tiny")
    assert len(charts(app)) == 1
    assert "24 neurons in 1 layer" in prose(app)

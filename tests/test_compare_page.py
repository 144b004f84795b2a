"""The compare page through the entry point, in every state of a dataset."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest
from transformers import LlamaForCausalLM

from compute.config import WeightsConfig
from compute.run import run
from compute.weights import weights
from gluscope_core.dataset import open_dataset
from gluscope_core.discover import FOLDERS_VARIABLE
from gluscope_core.formats import fixed
from gluscope_core.io_classes import classify
from gluscope_core.manifest import MANIFEST_NAME, read_manifest
from gluscope_core.schema import COSINES
from gluscope_core.sign_table import table_html
from tests.app_pages import ENTRY, charts, html_of, prose, visit
from tests.original_files import write_original

BUNDLED = ENTRY.parent / "datasets"
PAIR = {"a": "1.1033", "b": "9.255"}


@pytest.fixture
def opened(monkeypatch):
    """The page on datasets, with an address."""

    def open_page(folder: Path, **address: str) -> AppTest:
        monkeypatch.setenv(FOLDERS_VARIABLE, str(folder))
        return visit("pages/compare.py", **address)

    return open_page


def test_two_neurons(opened):
    app = opened(BUNDLED, **PAIR)
    dataset = open_dataset(next(BUNDLED.iterdir()))
    for half, ids in (("a", (1, 1033)), ("b", (9, 255))):
        assert table_html(dataset.neuron(*ids)) in html_of(app, f"table_{half}")
        assert html_of(app, f"examples_{half}").count("class=row") > 8
    assert "w_out of 1.1033" in html_of(app, "cosines")
    related = dataset.weights(1, 1033).related
    listed = related[
        (related["layer"] == 9) & (related["neuron"] == 255) & (related["relation"] != "near by all three")
    ]
    assert len(listed)
    for value in listed["cosine"]:
        assert f">{fixed(value)}</b>" in html_of(app, "cosines")
    assert "≤" in html_of(app, "cosines")
    one, other = dataset.samples(1, 1033), dataset.samples(9, 255)
    assert f"n = {len(one):,} tokens of {one['text'].nunique()} texts" in prose(app)
    for quantity in ("gate", "in"):
        assert f">{fixed(one[quantity].astype(float).corr(other[quantity].astype(float)))}</b>" in html_of(
            app, "correlations"
        )
    assert len(charts(app)) == 5


def test_densities_have_the_same_axes(opened):
    app = opened(BUNDLED, **PAIR)
    planes = [json.loads(each.proto.spec) for each in app.get("vega_lite_chart") if "sampled" in each.proto.alt]

    def domains(spec: dict) -> list:
        encodings = [layer["encoding"] for layer in spec["layer"] if layer["mark"].get("type") == "circle"]
        return [encodings[0][axis]["scale"]["domain"] for axis in ("x", "y")]

    assert domains(planes[0]) == domains(planes[1])


def test_examples_have_one_scale_and_follow_the_switches(opened):
    app = opened(BUNDLED, **PAIR, case="nn", quantity="gate")
    legends = [html_of(app, f"examples_{half}").split("scale-of-colours")[1].split("</span>")[0] for half in "ab"]
    assert legends[0] == legends[1]
    before = html_of(app, "examples_a")
    app.button_group(key="choose_case").set_value("pp").run()
    assert "case" not in app.query_params
    assert html_of(app, "examples_a") != before
    assert "Ranges of gate by case" in "".join(charts(app))


def test_swapped_and_turned(opened):
    app = opened(BUNDLED, **PAIR)
    [swap] = [each for each in app.button if each.label == "Swap"]
    swap.click().run()
    assert (app.query_params["a"], app.query_params["b"]) == ("9.255", "1.1033")
    app.button_group(key="choose_signs").set_value("raw").run()
    assert not app.exception
    assert app.query_params["signs"] == "raw"


def test_a_neuron_without_samples_says_so_in_its_place(opened):
    app = opened(BUNDLED, a="1.1033", b="1.2")
    assert prose(app).count("keeps those of some only") >= 2
    assert html_of(app, "examples_a")
    assert not html_of(app, "examples_b")
    assert html_of(app, "table_b")
    assert "not stored" in html_of(app, "cosines")


def test_the_same_neuron_twice(opened):
    app = opened(BUNDLED, a="1.1033", b="L1N1033")
    assert "the same neuron twice" in prose(app)
    assert html_of(app, "correlations").count("+1.00") >= 4
    row = open_dataset(next(BUNDLED.iterdir())).neuron(1, 1033)
    assert html_of(app, "cosines").count("+1.00") == 3
    for name in COSINES:
        assert html_of(app, "cosines").count(f">{fixed(row[name])}</b>") == 2


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ({}, "Name two neurons"),
        ({"a": "1.1033"}, "take a neighbour of it"),
        ({"b": "1.1033"}, "take a neighbour of it"),
        ({"a": "99.1", "b": "1.1"}, "does not exist here"),
        ({"a": "<b>x</b>", "b": "[x](y)"}, "is not a neuron id"),
        ({**PAIR, "view": "nonsense", "case": "?", "quantity": "<", "list": "", "signs": "up"}, "Cosines between"),
    ],
)
def test_what_is_missing_or_wrong(opened, address, said):
    app = opened(BUNDLED, **address)
    text = prose(app) + "".join(each.value for each in app.subheader)
    assert said in text
    if "Name" in said or "neighbour" in said:
        assert app.get("page_link")


def test_without_weights(opened, finished):
    app = opened(finished, a="0.1", b="2.3")
    assert "python -m compute weights" in prose(app)
    assert "n = 32 tokens" in prose(app)


def test_without_activations(opened, model_folder, tmp_path):
    weights(WeightsConfig(model=str(model_folder), out=tmp_path / "weights", top_tokens=5, related=3))
    app = opened(tmp_path / "weights", a="0.1", b="2.3")
    assert "says nothing of activations" in prose(app)
    assert html_of(app, "cosines")
    assert opened(tmp_path / "weights").get("page_link")
    listed = opened(tmp_path / "weights", view="list", ids="0.1,2.3")
    assert "2 neurons" in prose(listed)


def test_without_samples(opened, finished, tmp_path):
    folder = tmp_path / "tiny"
    shutil.copytree(finished, folder)
    manifest = read_manifest(folder)
    kept = tuple(file for file in manifest.files if file.table != "samples")
    (folder / MANIFEST_NAME).write_bytes(replace(manifest, files=kept).to_json())
    app = opened(folder, a="0.1", b="2.3")
    assert "No tokens were sampled, so there is none" in prose(app)
    assert html_of(app, "examples_a")


def test_with_no_sample_drawn(opened, config, tmp_path):
    run(replace(config, out=tmp_path / "tiny", samples=0))
    assert "0 shared tokens are too few" in html_of(opened(tmp_path / "tiny", a="0.1", b="2.3"), "correlations")


def table_of(app: AppTest):
    [found] = app.dataframe
    return found.value


def test_a_list_from_the_address(opened):
    app = opened(BUNDLED, view="list", ids="8.997,L9N1")
    dataset = open_dataset(next(BUNDLED.iterdir()))
    table = table_of(app)
    assert table["neuron"].tolist() == ["8.997", "9.1"]
    assert table["gate+ in+"].tolist() == [
        dataset.neuron(8, 997)["gate+_in+_freq"],
        dataset.neuron(9, 1)["gate+_in+_freq"],
    ]
    assert all(image.startswith("data:image/svg+xml;base64,") for image in table["cases"])
    assert app.query_params["ids"] == "8.997,9.1"


def test_a_pasted_list(opened):
    app = opened(BUNDLED, view="list")
    assert "Paste neurons" in prose(app)
    app.text_area[0].set_value("8.997 writes again #verb\n9.1\nrubbish, 99.1")
    [add] = [each for each in app.button if each.label == "Add"]
    add.click().run()
    assert app.query_params["ids"] == "8.997,9.1"
    assert table_of(app)["note"].tolist() == ["writes again", ""]
    assert table_of(app)["tags"].tolist() == ["verb", ""]
    assert "99.1 does not exist here" in prose(app)
    app.text_area[0].set_value("\n".join(f"3.{number}" for number in range(80)))
    [add] = [each for each in app.button if each.label == "Add"]
    add.click().run()
    assert "ids" not in app.query_params
    assert "82 neurons; the address holds lists of at most 60" in prose(app)
    assert len(table_of(app)) == 82
    app.button(key="clear_list").click().run()
    assert "Paste neurons" in prose(app)


def test_a_list_with_nonsense_in_the_address(opened):
    app = opened(BUNDLED, view="list", ids="<script>,8.997,=1")
    assert len(table_of(app)) == 1
    assert "is not a neuron id" in prose(app)


def test_one_dataset_has_nothing_beside_it(opened):
    assert "only one dataset" in prose(opened(BUNDLED, view="layers"))


@pytest.fixture(scope="module")
def shelf(with_weights, config, model_folder, tmp_path_factory) -> Path:
    """Two datasets of one model in different signs, and one of a model with fewer layers, which has weights only."""
    folder = tmp_path_factory.mktemp("shelf")
    (folder / "aligned").symlink_to(with_weights)
    run(replace(config, out=folder / "raw", sign_convention="raw"))
    weights(WeightsConfig(dataset=folder / "raw", model=str(model_folder), top_neurons=4))
    shallow = LlamaForCausalLM.from_pretrained(model_folder, num_hidden_layers=2)
    shallow.save_pretrained(folder.parent / f"{folder.name}-model" / "shallow")
    weights(WeightsConfig(model=str(folder.parent / f"{folder.name}-model" / "shallow"), out=folder / "shallow"))
    return folder


def drawn(app: AppTest) -> pd.DataFrame:
    """What the chart of two datasets' layers shows."""
    [chart] = app.get("vega_lite_chart")
    frames = [pd.DataFrame(each) for each in json.loads(chart.proto.spec).get("datasets", {}).values()]
    if not frames:
        frames = [pa.ipc.open_stream(each.data.data).read_pandas() for each in chart.proto.datasets]
    return next(each for each in frames if "depth" in each)


def test_two_datasets_in_different_signs(opened, shelf):
    app = opened(shelf, view="layers", show="freq_pp", **{"with": "raw"})
    assert charts(app) == ["Median freq(gate+ in+) ± of each layer"]
    assert "Both in aligned signs: the other's own are raw" in prose(app)
    frame = open_dataset(shelf / "aligned").neurons(["layer", "gate+_in+_freq"])
    wanted = frame.groupby("layer")["gate+_in+_freq"].median()
    found = drawn(app)
    for name in ("aligned", "raw"):
        line = found[found["dataset"] == f"tiny-llama ({name})"].set_index("layer")["value"]
        assert line.to_dict() == pytest.approx(wanted.to_dict(), abs=1e-6)


def test_two_datasets_of_different_depth(opened, shelf):
    app = opened(shelf, view="layers", show="class orthogonal output", tau="0.3", **{"with": "shallow"})
    assert app.slider(key="slide_tau").value == 0.3
    assert "Classes of both at τ = 0.3" in prose(app)
    found = drawn(app)
    for folder in ("aligned", "shallow"):
        dataset = open_dataset(shelf / folder)
        frame = dataset.neurons(["layer", *COSINES])
        kinds = classify(*(frame[name].to_numpy(float) for name in COSINES), threshold=0.3)
        wanted = pd.Series(kinds == "orthogonal output").groupby(frame["layer"]).mean()
        line = found[found["dataset"] == dataset.manifest.model.id].set_index("layer")
        assert line["value"].to_dict() == pytest.approx(wanted.to_dict())
        layers = dataset.manifest.model.layers
        assert line["depth"].to_dict() == pytest.approx({layer: (layer + 0.5) / layers for layer in range(layers)})


def test_what_two_datasets_show(opened, shelf):
    app = opened(shelf, view="layers", **{"with": "raw"})
    assert charts(app) == ["Median cos(w_in, w_out) of each layer"]
    app.selectbox(key="layers_show").set_value("class depletion").run()
    assert app.query_params["show"] == "class depletion"
    assert charts(app) == ["Share of depletion"]
    bad = opened(shelf, view="layers", show="<b>", **{"with": "nothing"})
    assert prose(bad).count("is not to be had here") == 2
    assert charts(bad)


def test_signs_that_are_not_known_are_not_compared(opened, shelf, finished, tmp_path):
    (tmp_path / "aligned").symlink_to(shelf / "aligned")
    write_original(finished, tmp_path / "theirs", 4)
    app = opened(tmp_path, view="layers")
    assert charts(app)
    assert "not known of both" in prose(app)
    assert not any("±" in label for label in app.selectbox(key="layers_show").options)

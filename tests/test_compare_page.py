"""The compare page through the entry point, in every state of a dataset."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from compute.config import WeightsConfig
from compute.run import run
from compute.weights import weights
from gluscope_core.dataset import open_dataset
from gluscope_core.discover import FOLDERS_VARIABLE
from gluscope_core.manifest import MANIFEST_NAME, read_manifest
from gluscope_core.sign_table import table_html
from tests.app_pages import ENTRY, charts, html_of, prose, visit

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
    assert "+0.66" in html_of(app, "cosines")
    assert "n = 1,024 tokens of 710 texts" in prose(app)
    assert "+0.79" in html_of(app, "correlations")
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
    assert [re.search(r"neuron=([0-9.]+)", link)[1] for link in table["neuron"]] == ["8.997", "9.1"]
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


def test_two_datasets(opened, with_weights, finished, config, model_folder, tmp_path):
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "one").symlink_to(with_weights)
    run(replace(config, out=tmp_path / "shelf" / "two", seed=3))
    weights(WeightsConfig(dataset=tmp_path / "shelf" / "two", model=str(model_folder), top_neurons=4))
    app = opened(tmp_path / "shelf", view="layers")
    assert charts(app) == ["Median cos(w_in, w_out) of each layer"]
    app.selectbox(key="layers_show").set_value("class depletion").run()
    assert app.query_params["show"] == "class depletion"
    assert charts(app) == ["Share of depletion"]
    bad = opened(tmp_path / "shelf", view="layers", show="<b>", **{"with": "nothing"})
    assert prose(bad).count("is not to be had here") == 2
    assert charts(bad)
    assert finished

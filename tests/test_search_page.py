"""The search page through the entry point, in every state of a dataset."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from compute.config import WeightsConfig
from compute.weights import weights
from gluscope_core.dataset import open_dataset
from gluscope_core.discover import FOLDERS_VARIABLE
from gluscope_core.io_classes import classify
from gluscope_core.manifest import MANIFEST_NAME, read_manifest
from gluscope_core.schema import COSINES
from tests.app_pages import ENTRY, html_of, visit
from tests.app_pages import prose as pages_prose

BUNDLED = ENTRY.parent / "datasets"


@pytest.fixture
def opened(monkeypatch):
    """The page on a dataset, with an address."""

    def open_page(folder: Path, **address: str) -> AppTest:
        monkeypatch.setenv(FOLDERS_VARIABLE, str(folder))
        return visit("pages/search.py", **address)

    return open_page


def prose(app: AppTest) -> str:
    return pages_prose(app) + "".join(html_of(app, key) for key in ("ways", "loosen", "without"))


def neurons_in(app: AppTest) -> int:
    return html_of(app, "results").count('<th scope="row">')


def test_an_empty_search_shows_ways_in(opened):
    app = opened(BUNDLED)
    assert "search?token=+again&amp;vector=w_out&amp;sign=pos" in html_of(app, "ways")
    assert not html_of(app, "results")


def test_a_token_by_all_its_lists(opened):
    app = opened(BUNDLED, token=" again")
    dataset = open_dataset(next(BUNDLED.iterdir()))
    listed = dataset.token_neurons(1163)[["layer", "neuron"]].drop_duplicates()
    assert f"**{len(listed)} neurons**" in prose(app)
    assert neurons_in(app) == 50
    assert [each.label for each in app.button if each.key.startswith("token_")] == ["again", "·Again", "Again"]
    assert "neuron?neuron=29.1413" in html_of(app, "results")
    app.button(key="turn_Next page").click().run()
    assert app.query_params["page"] == "2"
    assert neurons_in(app) == len(listed) - 50
    app.button(key="token_24775").click().run()
    assert app.query_params["token"] == "again"
    assert "page" not in app.query_params


def test_controls_write_the_query(opened):
    app = opened(BUNDLED, token=" again", page="2")
    for key, value in {"vector": "w_out", "sign": "pos", "fires": "before", "case": "pp", "matrix": "W_U"}.items():
        app.selectbox(key=f"query_{key}").set_value(value).run()
        assert app.query_params[key] == value
    assert "page" not in app.query_params
    assert "w_out points to “·again” by W_U" in prose(app)
    app.multiselect(key="query_class").set_value(["depletion"]).run()
    assert app.query_params["class"] == "depletion"
    app.text_input(key="query_token").set_value("").run()
    assert set(app.query_params) == {"class", "data"}
    app.selectbox(key="query_sort").set_value("-cos_in_out").run()
    app.text_input(key="query_layers").set_value("5-9").run()
    assert (app.query_params["sort"], app.query_params["layers"]) == ("-cos_in_out", "5-9")
    assert not app.exception
    found = open_dataset(next(BUNDLED.iterdir())).neurons().query("io_class == 'depletion' and 5 <= layer <= 9")
    assert f"**{len(found)} neurons**" in prose(app)


def test_the_threshold_of_classes(opened):
    """Has a control and words once classes are asked for, and decides what is found."""
    app = opened(BUNDLED, **{"class": "depletion"})
    assert app.slider(key="slide_tau").value == 0.5
    app.slider(key="slide_tau").set_value(0.6).run()
    assert app.query_params["tau"] == "0.6"
    frame = open_dataset(next(BUNDLED.iterdir())).neurons()
    kinds = classify(*(frame[name].to_numpy(float) for name in COSINES), threshold=0.6)
    assert f"**{(kinds == 'depletion').sum()} neurons**: class depletion; classes at τ = 0.6" in prose(app)
    assert "Signs of w_in and w_out: aligned" in prose(app)
    assert "data-copy" in html_of(app, "copy")


def test_a_range_is_added_and_taken_away(opened):
    app = opened(BUNDLED, **{"class": "depletion", "cos_in_out": "..-0.7", "freq_pn": "0.2.."})
    found = open_dataset(next(BUNDLED.iterdir())).neurons()
    chosen = found.query("io_class == 'depletion' and cos_in_out <= -0.7 and `gate+_in-_freq` >= 0.2")
    assert neurons_in(app) == len(chosen)
    app.button(key="drop_freq_pn").click().run()
    assert set(app.query_params) == {"class", "cos_in_out", "data"}
    assert neurons_in(app) == len(found.query("io_class == 'depletion' and cos_in_out <= -0.7"))


def test_nothing_found_says_why_and_what_to_loosen(opened):
    app = opened(BUNDLED, **{"class": "depletion", "layers": "1", "cos_in_out": "0.9.."})
    assert "No neuron" in prose(app)
    assert "Leave out “cos(w_in, w_out) ≥ 0.900”: 4 neurons" in html_of(app, "loosen")
    assert 'href="search?class=depletion&amp;layers=1&amp;data=' in html_of(app, "loosen")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ({"token": "zzxq"}, "but several"),
        ({"token": "id:99999999"}, "Nothing in this vocabulary"),
        ({"token": "AgAiN"}, "No token is exactly"),
        ({"token": "<script>alert(1)</script>"}, "is no token of this vocabulary"),
        ({"token": "[a](http://example.org) $x$ :red[y]"}, "is no token"),
        ({"token": "\x00"}, ""),
        ({"token": "=1+1"}, "is no token"),
        ({"class": "<b>"}, "none of enrichment"),
        ({"layers": "99"}, "no layers 99"),
        ({"cos_in_out": "high"}, "is no range"),
        ({"what": "**x**"}, "neither a key of a search nor a metric"),
        ({"vector": "w_out"}, "needs a token"),
        ({"class": "depletion", "page": "x"}, "104 neurons"),
        ({"class": "depletion", "page": "99999999999"}, "104 neurons"),
        ({"class": "depletion", "page": "-1"}, "104 neurons"),
    ],
)
def test_odd_addresses(opened, address, said):
    app = opened(BUNDLED, **address)
    assert said in prose(app)
    assert "<script>" not in "".join(html_of(app, key) for key in ("results", "loosen", "ways", "without"))


def test_a_bad_parameter_offers_the_search_without_it(opened):
    app = opened(BUNDLED, token=" again", layers="99")
    assert 'href="search?token=+again&amp;data=' in html_of(app, "without")
    assert not html_of(app, "results")


def test_without_weights_there_are_no_tokens_and_classes(opened, finished):
    app = opened(finished, freq_gate_pos="0.5..")
    frame = open_dataset(finished).neurons(["gate+_in+_freq", "gate+_in-_freq"])
    assert neurons_in(app) == (frame.sum(axis=1) >= 0.5).sum()
    assert app.text_input(key="query_token").disabled
    assert "Tokens cannot be searched" in prose(app)
    assert "lacks the stage weights" in prose(opened(finished, **{"class": "depletion"}))
    assert neurons_in(opened(finished, token="x")) == 0


def test_without_activations(opened, model_folder, tmp_path):
    weights(WeightsConfig(model=str(model_folder), out=tmp_path / "weights", top_tokens=5, top_neurons=3, related=3))
    app = opened(tmp_path / "weights", token="id:7")
    assert neurons_in(app) > 0
    assert "<svg" not in html_of(app, "results")
    assert "lacks the stage run" in prose(opened(tmp_path / "weights", freq_pp="0.."))


def test_without_the_table_of_tokens(opened, with_weights, tmp_path):
    folder = tmp_path / "tiny"
    shutil.copytree(with_weights, folder)
    manifest = read_manifest(folder)
    kept = tuple(file for file in manifest.files if file.table not in {"tokens", "weights"})
    (folder / MANIFEST_NAME).write_bytes(replace(manifest, files=kept).to_json())
    app = opened(folder, layers="1")
    assert neurons_in(app) == 24
    assert "Tokens cannot be searched" in prose(app)


def test_damage_is_told(opened, with_weights, tmp_path):
    folder = tmp_path / "tiny"
    shutil.copytree(with_weights, folder)
    [file] = (folder / "tokens").iterdir()
    file.write_bytes(file.read_bytes()[:-40])
    assert "fetch or compute" in prose(opened(folder, token="id:7"))


def test_looking_up_a_word_offers_the_search_for_it(monkeypatch):
    monkeypatch.setenv(FOLDERS_VARIABLE, str(BUNDLED))
    app = AppTest.from_file(ENTRY, default_timeout=60).run()
    app.text_input(key="lookup").set_value("again").run()
    assert not app.exception
    [link] = [each.proto for each in app.get("page_link") if "token" in each.proto.label]
    assert "token=again" in link.query_string

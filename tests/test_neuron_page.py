"""A neuron's page through the dashboard's entry point, in every state that a dataset can be in."""

import json
import re
import shutil
from dataclasses import replace
from html import unescape
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from streamlit.testing.v1 import AppTest
from transformers import LlamaForCausalLM

from compute.config import WeightsConfig
from compute.run import run
from compute.weights import weights
from gluscope_core.dataset import open_dataset
from gluscope_core.discover import FOLDERS_VARIABLE
from gluscope_core.ids import NeuronId
from gluscope_core.manifest import JOURNAL_NAME, MANIFEST_NAME, read_manifest
from gluscope_core.neuron_export import examples_csv, figures_csv, neuron_json
from gluscope_core.neuron_view import NeuronView
from gluscope_core.token_text import TokenTexts
from gluscope_core.vocabulary import CASES, SignConvention, freq_column
from tests.app_pages import html_of, visit
from tests.conftest import as_read, odd_texts, write_texts
from tests.original_files import HOOKS, listed
from tests.partial import keep_some

PAGE = "pages/neuron.py"


@pytest.fixture(scope="module")
def whole(config, model_folder, tmp_path_factory) -> Path:
    """A dataset with everything in it."""
    out = tmp_path_factory.mktemp("whole") / "tiny"
    run(replace(config, out=out))
    weights(WeightsConfig(dataset=out, model=str(model_folder), top_tokens=5, related=3))
    return out


@pytest.fixture
def shelf(whole, tmp_path, monkeypatch) -> Path:
    shutil.copytree(whole, tmp_path / "tiny")
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path / "tiny"))
    return tmp_path / "tiny"


def opened(**parameters: str) -> AppTest:
    return visit(PAGE, **{"neuron": "1.3", **parameters})


def first_place(app: AppTest) -> str:
    return re.search(r'data-open="([0-9.]+)"', html_of(app, "examples"))[1]


def said(app: AppTest) -> str:
    return as_read("\n".join(each.value for each in [*app.warning, *app.error, *app.info, *app.caption]))


@pytest.mark.usefixtures("shelf")
def test_everything_is_shown_without_a_click():
    app = opened()
    assert "<h1>1.3</h1>" in html_of(app, "heading")
    assert html_of(app, "table").count("<tr") == 17
    assert "class=row" in html_of(app, "examples")
    assert "w_gate and w_in share" in html_of(app, "tokens")
    assert html_of(app, "related").count("data-neuron") == 24
    assert len(app.get("arrow_vega_lite_chart") or app.get("vega_lite_chart")) == 2
    assert sum(len(each.proto.SerializeToString()) for each in app.get("bidi_component")) < 500_000


@pytest.mark.usefixtures("shelf")
def test_switches_change_the_examples_and_the_address():
    app = opened()
    before = html_of(app, "examples")
    for key, value in {"case": "nn", "quantity": "gate", "list": "random", "signs": "raw", "matrix": "W_E"}.items():
        app.button_group(key=f"choose_{key}").set_value(value).run()
        assert app.query_params[key] == value
    assert html_of(app, "examples") != before
    assert 'data-quantity="gate"' in html_of(app, "examples")
    app.toggle(key="switch_all").set_value(True).run()
    assert app.query_params["all"] == "1"
    app.button_group(key="choose_case").set_value("pp").run()
    assert "case" not in app.query_params


@pytest.mark.usefixtures("shelf")
def test_the_address_decides():
    app = opened(case="gate-_in ", quantity="in", list="mid")
    assert app.button_group(key="choose_case").value == "np"
    assert app.button_group(key="choose_list").value == "mid"
    assert "not known" not in said(app)


@pytest.mark.usefixtures("shelf")
def test_what_an_address_says_that_is_not_known_is_told_beside_what_is_shown_instead():
    app = opened(case="<x>", quantity="?", list="", signs="up", matrix="W", text="9.9.9")
    assert app.button_group(key="choose_case").value == "pp"
    assert [each.value for each in app.caption if "not known" in each.value] == [
        "`signs=up` is not known: here is aligned instead.",
        "`matrix=W` is not known: here is W_U instead.",
        "`case=<x>` is not known: here is gate+ in+ instead. `quantity=?` is not known: here is post instead.",
        "`text=9.9.9` is not known: this neuron has no example there, so none is open.",
    ]


@pytest.mark.usefixtures("shelf")
def test_a_text_of_another_list_is_no_mistake():
    place = first_place(opened(case="nn", list="random"))
    assert "not known" not in said(opened(case="pp", text=place))


@pytest.mark.usefixtures("shelf")
def test_links_keep_what_the_address_says():
    app = opened(signs="raw", case="nn", text=first_place(opened(case="nn")))
    links = re.findall(r'href="([^"]+)" data-neuron="([0-9.]+)"', html_of(app, "related"))
    assert len(links) == 24
    for href, neuron in links:
        query = parse_qs(unescape(href).removeprefix("?"))
        assert query == {"neuron": [neuron], "signs": ["raw"], "case": ["nn"], "data": ["tiny"]}


def test_the_copied_link_names_dataset_and_version(shelf):
    copied = re.search(r'data-copy="([^"]+)"', html_of(opened(), "copy"))[1]
    assert parse_qs(unescape(copied)) == {"data": ["tiny"], "revision": [read_manifest(shelf).sha256[:12]]}


def test_what_was_counted_is_told(shelf):
    manifest = read_manifest(shelf)
    assert f"Counted on {manifest.run.counted_tokens:,} tokens of 22 texts" in said(opened())
    assert manifest.texts.bos_policy in said(opened())


@pytest.mark.usefixtures("shelf")
def test_ways_to_other_neurons_keep_the_rest_and_stop_at_the_edges():
    app = opened(neuron="0.0", case="nn", text="3.4")
    assert app.button(key="go_Left").disabled
    assert app.button(key="go_Down").disabled
    app.button(key="go_Right").click().run()
    assert (app.query_params["neuron"], app.query_params["case"]) == ("0.1", "nn")
    assert "text" not in app.query_params
    app.button(key="go_Up").click().run()
    assert app.query_params["neuron"] == "1.1"
    app.text_input(key="go_named").set_value("L2N23").run()
    assert app.query_params["neuron"] == "2.23"
    assert app.button(key="go_Right").disabled
    assert app.button(key="go_Up").disabled
    app.text_input(key="go_named").set_value("nonsense").run()
    assert app.query_params["neuron"] == "2.23"
    app.button(key="go_random").click().run()
    assert not app.exception


@pytest.mark.usefixtures("shelf")
def test_a_text_is_opened_whole():
    assert 'class="full"' in html_of(opened(text=first_place(opened())), "examples")


@pytest.mark.usefixtures("shelf")
def test_search():
    app = opened()
    app.text_input(key="search_find").set_value("no such thing").run()
    assert app.query_params["find"] == "no such thing"
    assert "No example contains it" in said(app)


def test_with_lists_alone_values_and_places_are_shown(finished, tmp_path, monkeypatch):
    bare = tmp_path / "bare"
    shutil.copytree(finished, bare)
    manifest = read_manifest(bare)
    kept = tuple(file for file in manifest.files if file.table not in {"windows", "samples"})
    (bare / MANIFEST_NAME).write_bytes(replace(manifest, files=kept).to_json())
    monkeypatch.setenv(FOLDERS_VARIABLE, str(bare))
    app = opened()
    assert "python -m compute examples bare --neurons 1.3" in said(app)
    assert "position" in html_of(app, "examples")
    assert "No tokens were sampled" in said(app)
    assert "python -m compute weights" in said(app)
    assert 'class="full"' in html_of(opened(text=first_place(app)), "examples")


def test_searching_without_windows_says_why_nothing_is_found(finished, tmp_path, monkeypatch):
    bare = keep_some(Path(shutil.copytree(finished, tmp_path / "bare")), (), ("windows",))
    monkeypatch.setenv(FOLDERS_VARIABLE, str(bare))
    app = opened(find="again")
    assert "they cannot be searched for “again”" in said(app)
    assert "position" in html_of(app, "examples")


def test_a_neuron_without_examples_says_where_there_are_some_and_how_to_compute_them(shelf):
    keep_some(shelf, {(1, 5), (2, 3)})
    app = opened(case="nn")
    assert not app.warning
    assert not html_of(app, "examples")
    told = html_of(app, "no_examples")
    assert "keeps examples of 2 of its 72 neurons" in told
    assert "python -m compute run --model MODEL --texts tiny/texts --layers 1 --out DIR" in told
    assert f"{FOLDERS_VARIABLE}=DIR make app" in told
    assert re.findall(r'href="([^"]+)" data-go>([^<]+)<', told) == [("?neuron=1.5&amp;case=nn&amp;data=tiny", "1.5")]
    assert said(app).count("kept of some neurons only") == 1
    assert len(app.get("vega_lite_chart")) == 1
    assert html_of(app, "table")
    app.button(key="go_random").click().run()
    assert app.query_params["neuron"] in {"1.5", "2.3"}
    assert html_of(app, "examples")


def test_weights_alone(model_folder, tmp_path, monkeypatch):
    weights(WeightsConfig(model=str(model_folder), out=tmp_path / "weights", top_tokens=5, related=3))
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path / "weights"))
    app = opened(signs="raw")
    assert "says nothing of activations" in said(app)
    assert "w_out" in html_of(app, "tokens")


@pytest.mark.parametrize(("table", "shown"), [("windows", "table"), ("samples", "examples"), ("weights", "examples")])
def test_damage_is_told_where_the_data_would_be(shelf, table, shown):
    for file in (shelf / table).iterdir():
        content = bytearray(file.read_bytes())
        content[-30] ^= 255
        file.write_bytes(content)
    app = opened()
    assert "compute it again" in said(app)
    assert html_of(app, shown)


def test_a_dataset_that_is_being_updated_says_so(shelf):
    (shelf / JOURNAL_NAME).write_text("{}")
    assert "being updated" in said(opened())


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize("neuron", ["9.9", "nonsense", ""])
def test_a_bad_link_offers_the_way_on(neuron):
    app = opened(neuron=neuron)
    assert app.error
    assert app.get("page_link")


def test_a_neuron_that_never_fires(config, model_folder, tmp_path, monkeypatch):
    """Its w_in is 0, so every token lies on the border of the cases."""
    model = LlamaForCausalLM.from_pretrained(model_folder)
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight[3] = 0
    model.save_pretrained(tmp_path / "model")
    run(replace(config, model=str(tmp_path / "model"), out=tmp_path / "dead"))
    weights(WeightsConfig(dataset=tmp_path / "dead", model=str(tmp_path / "model"), top_tokens=5, related=3))
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path / "dead"))
    app = opened()
    assert html_of(app, "table").count(">never<") == 4
    assert "gate+ in+ never occurs" in said(app)


def view_of(folder: Path) -> tuple[NeuronView, TokenTexts]:
    dataset = open_dataset(folder)
    return NeuronView.of(dataset, NeuronId(1, 3), SignConvention.ALIGNED), TokenTexts(dataset.vocab)


def test_downloads(whole):
    view, texts = view_of(whole)
    content = json.loads(neuron_json(view, view.examples().all(), view.weights(), texts))
    assert content["figures"] == pytest.approx(view.dataset.neuron(1, 3), nan_ok=True)
    first = content["examples"][0]
    assert first["window"]["tokens"][first["position"] - first["window"]["start"]] is not None
    assert pd.read_csv(BytesIO(figures_csv(view.row)))[freq_column(CASES[0])][0] == view.row[freq_column(CASES[0])]
    lines = examples_csv(view, view.examples().all(), texts)
    assert len(pd.read_csv(BytesIO(lines))) == len(content["examples"])


def test_downloaded_examples_name_the_sources_of_their_texts(with_sources):
    view, texts = view_of(with_sources)
    content = json.loads(neuron_json(view, view.examples().all(), None, texts))
    assert {each["source"] for each in content["examples"]} <= {f"book {text}" for text in range(22)}
    assert all(each["source"] == f"book {each['text']}" for each in content["examples"])
    lines = pd.read_csv(BytesIO(examples_csv(view, view.examples().all(), texts)))
    assert (lines["source"] == [f"book {text}" for text in lines["text"]]).all()


@pytest.fixture
def with_sources(config, tmp_path) -> Path:
    texts = odd_texts()
    path = write_texts(tmp_path / "texts.parquet", texts, source=[f"book {number}" for number in range(len(texts))])
    run(replace(config, texts=path, out=tmp_path / "sourced"))
    return tmp_path / "sourced"


@pytest.mark.usefixtures("shelf")
def test_charts_are_offered_as_pictures():
    offered = [each.label for each in opened().get("download_button")]
    assert {"Frequencies, SVG", "Density, SVG"} <= set(offered)


PAPER = dict(zip(CASES, ((0.1467, 3.48), (0.6770, -5.12), (0.0029, -0.49), (0.1734, 1.58)), strict=True))
"""Frequencies and extremes of hook_post of neuron 31.9634 of OLMo-7B-0424: the paper's figure 1."""


@pytest.fixture
def olmo(tmp_path, monkeypatch) -> Path:
    """The layer of that neuron as the original's author publishes it, with these facts and nothing else in it."""
    width, at = 11_008, 9634
    columns: dict[str, object] = {"layer": np.full(width, 31), "neuron": np.arange(width)}
    for case, (share, extreme) in PAPER.items():
        columns[f"{case.column}_freq"] = np.where(np.arange(width) == at, share, 0.25).astype(np.float32)
        for hook in HOOKS:
            columns[f"{case.column}_{hook}_mean"] = np.zeros(width, np.float32)
            if hook in listed(case.column):
                found = np.zeros((width, 1), np.float32)
                found[at] = extreme if hook == "hook_post" else 0
                columns[f"{case.column}_{hook}_max_values"] = list(found)
                columns[f"{case.column}_{hook}_max_indices"] = list(np.zeros((width, 1), np.int64))
    folder = tmp_path / "OLMo-7B-0424-hf_neuron-activations"
    (folder / "data").mkdir(parents=True)
    pq.write_table(pa.table(columns), folder / "data" / "train-00000-of-00001.parquet")
    monkeypatch.setenv(FOLDERS_VARIABLE, str(folder))
    return folder


@pytest.mark.usefixtures("olmo")
def test_the_table_shows_the_papers_figure_1():
    app = opened(neuron="31.9634")
    assert "31.9634" in html_of(app, "heading")
    assert "layer 31 of 32" in html_of(app, "heading")
    table = html_of(app, "table")
    assert re.findall(r'scope="col"[^>]*>([^<]+)<', table) == ["gate+ in+", "gate+ in−", "gate− in+", "gate− in−"]
    lines = [re.findall(r"<td[^>]*>([^<]*)</td>", line) for line in table.split("<tr")[2:]]
    assert lines[0][1:] == [f"{share}\u202f%" for share in ("14.67", "67.70", "0.29", "17.34")]
    most, least = (next(line[1:] for line in lines if line[0] == name) for name in ("max", "min"))
    assert [most[0], least[1], least[2], most[3]] == ["3.48", "−5.12", "−0.490", "1.58"]

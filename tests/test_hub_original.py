"""The original's datasets on the Hub: listed by their footers alone, opened without it, joined with what is offered."""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
import streamlit as st
from huggingface_hub import constants

from compute.config import ExamplesConfig, WeightsConfig
from compute.examples import examples
from compute.weights import weights
from gluscope_core import open_dataset
from gluscope_core.discover import FOLDERS_VARIABLE, offers
from gluscope_core.errors import HubUnreachable, JoinRefused
from gluscope_core.original import files
from tests.app_pages import html_of, visit
from tests.conftest import odd_texts, write_texts
from tests.hub_standin import Fault, Hub
from tests.original_files import write_original
from tests.test_neuron_page import opened, said

NAME = "tiny-llama_neuron-activations"
ID, WEIGHTS_ID = f"someone/{NAME}", "another/tiny-weights"
K = 4
"""As the tiny dataset's lists have."""


@pytest.fixture(autouse=True)
def _nothing_kept():
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture(scope="module")
def original(finished, tmp_path_factory) -> Path:
    folder = write_original(finished, tmp_path_factory.mktemp("theirs") / NAME, K, files=2)
    (folder / "README.md").write_text("The model's GLUs were refactored.")
    return folder


@pytest.fixture(scope="module")
def alone(model_folder, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("alone") / "weights-of-tiny"
    weights(WeightsConfig(model=str(model_folder), out=out, top_neurons=4))
    return out


@pytest.fixture
def published(hub: Hub, original, monkeypatch) -> str:
    monkeypatch.setattr(files, "_USUAL_FOOTER", 2**10)  # else a small file's end is all of it
    return hub.add(ID, original)


@pytest.fixture
def shelf(tmp_path) -> Path:
    (tmp_path / "shelf").mkdir()
    return tmp_path / "shelf"


def fetched_whole(hub: Hub) -> list[str]:
    return [each.path for each in hub.asked if each.method == "GET" and "/signed/" in each.path and not each.range]


def test_it_is_listed_by_its_footers(hub, published, original, monkeypatch):
    dataset = open_dataset(ID)
    assert dataset.revision == published
    assert dataset.manifest == open_dataset(original).manifest
    coming = dataset.to_fetch("neurons", "vocab")
    assert sum(each.bytes for each in coming) == sum(path.stat().st_size for path in (original / "data").iterdir())
    monkeypatch.setenv(FOLDERS_VARIABLE, ID)
    assert ">72</td>" in html_of(visit("pages/datasets.py"), "datasets")
    assert fetched_whole(hub) == []
    for each in coming:
        each.fetch()
    assert len(fetched_whole(hub)) == 2
    assert dataset.to_fetch("neurons") == []


@pytest.mark.usefixtures("published")
def test_one_neuron_is_read_in_parts(hub, original):
    there, here = open_dataset(ID), open_dataset(original)
    pd.testing.assert_frame_equal(there.examples(1, 3), here.examples(1, 3))
    assert there.neuron(2, 20) == here.neuron(2, 20)
    assert fetched_whole(hub) == []
    pd.testing.assert_frame_equal(there.neurons(), here.neurons())
    assert len(fetched_whole(hub)) == 2


@pytest.mark.usefixtures("published")
def test_rows_that_footers_say_nothing_of_are_read(hub, finished, tmp_path):
    """Of some layers only, the extremes do not tell which."""
    some = write_original(finished, tmp_path / "some", K, order=[*range(24), *range(48, 72)])
    hub.add("someone/some", some)
    assert open_dataset("someone/some").manifest.layers == (0, 2)
    assert fetched_whole(hub) == []


def test_what_is_kept_opens_without_the_hub(hub, published, monkeypatch):
    before = open_dataset(ID).neurons()
    hub.forget()
    open_dataset(ID)
    assert not [each for each in hub.asked if "/tree/" in each.path]
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for again in (open_dataset(ID), open_dataset(ID, published)):
        assert again.revision == published
        pd.testing.assert_frame_equal(again.neurons(), before)
        assert again.to_fetch("neurons") == []
    with pytest.raises(HubUnreachable, match="HF_HUB_OFFLINE"):
        open_dataset("someone/else")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    hub.faults.append(Fault("HEAD", "/resolve/", 503, times=99))
    pd.testing.assert_frame_equal(open_dataset(ID).neurons(), before)


@pytest.mark.usefixtures("published")
def test_what_belongs_to_it_is_found_where_datasets_are_offered(
    original, alone, shelf, model_folder, texts_file, monkeypatch
):
    monkeypatch.setenv(FOLDERS_VARIABLE, f"{shelf}{os.pathsep}{ID}")
    bare = opened(data=ID)
    assert "put DIR beside this dataset's folder or, if it is on the Hub, into the folder" in said(bare)

    shutil.copytree(alone, shelf / alone.name)
    assert "cos(gate, in)" in html_of(opened(data=ID), "heading")

    shutil.copytree(original, shelf / NAME)  # as `hf download` writes it
    monkeypatch.setattr("compute.examples._WINDOW", 8)
    examples(ExamplesConfig(shelf / NAME, ("1.3",), model=str(model_folder), texts=texts_file))
    shutil.rmtree(shelf / NAME / "data")
    write_texts(shelf / NAME / "texts" / "texts.parquet", odd_texts())
    app = opened(data=ID)
    assert not [*app.error, *app.warning]
    assert "data-v" in html_of(app, "examples")
    assert "data-open" in html_of(app, "examples")
    assert [offer.name for offer in offers(Path())] == [alone.name, ID]

    dataset = open_dataset(ID, beside=shelf)
    assert dataset.manifest.weights is not None
    assert dataset.has("windows")
    assert dataset.text(4)["input_ids"] == odd_texts()[4]


@pytest.mark.usefixtures("published")
def test_weights_on_the_hub_belong_to_it_too(hub, finished, alone, monkeypatch):
    hub.add(WEIGHTS_ID, alone)
    hub.add("someone/run", finished)
    assert open_dataset(ID, weights=WEIGHTS_ID).neuron(1, 3)["cos_in_out"] is not None
    with pytest.raises(JoinRefused, match="says nothing of weights"):
        open_dataset(ID, weights="someone/run")
    monkeypatch.setenv(FOLDERS_VARIABLE, os.pathsep.join([ID, "someone/nowhere", "someone/run", WEIGHTS_ID]))
    app = opened(data=ID)
    assert not [*app.error, *app.warning]
    assert "cos(gate, in)" in html_of(app, "heading")
    assert "computed apart" in said(visit("pages/overview.py", data=ID))

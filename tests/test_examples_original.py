"""`examples` for datasets that the original program wrote: windows go into a folder of ours within theirs."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from compute.config import ExamplesConfig, WeightsConfig
from compute.examples import examples
from compute.weights import weights
from gluscope_core import open_dataset
from gluscope_core.beside import EXAMPLES_FOLDER
from gluscope_core.discover import FOLDERS_VARIABLE, stamp_of
from gluscope_core.errors import BadSettings, ModelRefused
from tests.conftest import contents, odd_texts, tiny_llama, write_texts
from tests.original_files import write_original
from tests.test_examples import TOLERANCE
from tests.test_neuron_page import html_of, opened

K = 4
"""As the tiny dataset's lists have."""
NEURONS = ((0, 4), (1, 3), (1, 9), (2, 7))


@pytest.fixture(params=["tiny_refactored", "tiny"])
def original(request, finished, tmp_path) -> Path:
    """Of a dataset in aligned signs, which one name says and the other does not."""
    return write_original(finished, tmp_path / request.param, K, files=2)


@pytest.fixture
def add(model_folder, texts_file, monkeypatch):
    monkeypatch.setattr("compute.examples._WINDOW", 8)  # as the tiny dataset's windows are

    def run(folder: Path, *neurons: str, **options: object) -> None:
        examples(ExamplesConfig(folder, neurons, **{"texts": texts_file, "model": str(model_folder), **options}))

    return run


def assert_as_run(folder: Path, finished: Path, neurons=NEURONS) -> None:
    for neuron in neurons:
        mine, theirs = open_dataset(folder).examples(*neuron), open_dataset(finished).examples(*neuron)
        theirs = theirs[theirs["quantity"].notna()].reset_index(drop=True)
        exact = ["case", "quantity", "rank", "value", "text", "position", "start"]
        pd.testing.assert_frame_equal(mine[exact], theirs[exact])
        assert (mine["tokens"].map(tuple) == theirs["tokens"].map(tuple)).all()
        for name in ("gate", "in"):
            a, b = (np.concatenate(list(each[name])).astype(np.float64) for each in (mine, theirs))
            np.testing.assert_allclose(a, b, rtol=2**-10, atol=TOLERANCE * np.abs(b).max())


def test_as_run_captured_them_in_whichever_signs(original, finished, add):
    before = contents(original)
    add(original, "0.4", "1.3", "1.9", "2.7")
    assert_as_run(original, finished)
    after = contents(original)
    assert {path for path in after if path not in before} == {
        f"{EXAMPLES_FOLDER}/{name}"
        for name in (
            "gluscope.json",
            "vocab.parquet",
            *(f"windows/layer_{layer:03d}.parquet" for layer in range(3)),
        )
    }
    assert all(after[path] == content for path, content in before.items())
    dataset = open_dataset(original)
    assert dataset.has("windows")
    assert len(dataset.vocab)
    assert "tokens" not in dataset.examples(1, 5)
    assert dataset.manifest.imported.window == 8


def test_neurons_join_those_that_are_there(original, finished, add, capsys):
    add(original, "1.3", "2.7")
    stamp, sha256 = stamp_of(original), open_dataset(original).manifest.sha256
    add(original, "0.4", "1.3", "1.9")
    assert "1 of 3 neurons are there already" in capsys.readouterr().err
    assert_as_run(original, finished)
    assert open_dataset(original).manifest.sha256 != sha256
    assert stamp_of(original) != stamp


def test_with_weights_and_texts_within(original, finished, add, model_folder):
    write_texts(original / "texts" / "texts.parquet", odd_texts())
    weights(WeightsConfig(model=str(model_folder), out=original / "weights", top_neurons=4))
    add(original, "0.4", "1.3", "1.9", "2.7", texts=None)
    assert_as_run(original, finished)
    dataset = open_dataset(original)
    assert dataset.manifest.weights is not None
    assert dataset.text(4)["input_ids"] == odd_texts()[4]


def test_the_page_shows_tokens(finished, tmp_path, add, monkeypatch):
    original = write_original(finished, tmp_path / "tiny_refactored", K)
    add(original, "1.3")
    monkeypatch.setenv(FOLDERS_VARIABLE, str(original))
    app = opened(neuron="1.3")
    assert not app.exception
    assert "data-v" in html_of(app, "examples")
    assert not any("compute examples" in each.value for each in app.info)
    assert any("compute examples" in each.value for each in opened(neuron="1.4").info)


def test_windows_of_other_files_are_left_out_and_said_to_be(original, finished, add):
    add(original, "1.3")
    shutil.rmtree(original / "data")
    write_original(finished, original.parent / "other", K, files=3)
    shutil.move(original.parent / "other" / "data", original / "data")
    dataset = open_dataset(original)
    assert not dataset.has("windows")
    assert "computed of other files" in " ".join(dataset.manifest.remarks)


def test_refusals_leave_nothing(original, add, tmp_path):
    before = contents(original)
    with pytest.raises(BadSettings, match="--texts"):
        add(original, "1.3", texts=None)
    with pytest.raises(BadSettings, match="--model"):
        add(original, "1.3", model=None)
    with pytest.raises(ModelRefused, match="is not what the lists hold"):
        add(original, "1.3", model=str(tiny_llama(tmp_path / "other", seed=1)))
    assert not open_dataset(original).has("windows")
    assert {path for path in contents(original) if path not in before} <= {
        f"{EXAMPLES_FOLDER}/gluscope.json",
        f"{EXAMPLES_FOLDER}/vocab.parquet",
    }

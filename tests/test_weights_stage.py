"""The stage `weights`: added to a dataset, repeated, refused."""

import shutil

import numpy as np
import pandas as pd
import pytest

from compute.config import RunConfig, WeightsConfig
from compute.run import run
from compute.verify import verify
from compute.weights import weights
from gluscope_core.dataset import Dataset, open_dataset
from gluscope_core.errors import BadSettings, ModelRefused
from gluscope_core.vocabulary import CASES, FIRING_LISTS, Quantity
from tests.architectures import random_model
from tests.conftest import write_texts


@pytest.fixture(scope="module")
def with_texts(with_weights) -> Dataset:
    return open_dataset(with_weights)


def test_added_to_a_dataset(with_texts, finished):
    before, after = open_dataset(finished), with_texts
    assert after.manifest.stages == ("run", "weights")
    old, new = before.neurons(), after.neurons()
    unchanged = [name for name in old if old[name].notna().any()]
    pd.testing.assert_frame_equal(old[unchanged], new[unchanged])
    np.testing.assert_allclose(new["effective_io"], new["mean_gain"] * new["cos_in_out"], rtol=1e-6)
    post = sum(new[f"{c.column}_freq"] * new[f"{c.column}_hook_post_mean"].fillna(0) for c in CASES)
    np.testing.assert_allclose(new["mean_post_skew"], post * new["unembed_skew"], rtol=1e-5)
    assert not list(map(str, verify(after.folder)))
    assert (after.folder / "README.md").read_text().count("config_name") == len(
        {each.table for each in after.manifest.files}
    )


def test_tokens_that_examples_fire_on(with_texts):
    """Counted one by one from the lists."""
    counts: dict[tuple, int] = {}
    for layer, neuron in with_texts.neurons(["layer", "neuron"]).itertuples(index=False):
        examples = with_texts.examples(layer, neuron)
        for each in examples[examples["quantity"] == Quantity.POST].itertuples():
            ids = with_texts.text(each.text)["input_ids"]
            for before in (False, True):
                if each.position + before < len(ids):
                    key = (each.case, before, ids[each.position + before], layer, neuron)
                    counts[key] = counts.get(key, 0) + 1
    for token in range(with_texts.manifest.model.vocab_size):
        found = with_texts.token_neurons(token)
        for each in FIRING_LISTS:
            mine = found[(found["case"] == each.case.column) & (found["before"] == each.before)]
            wanted = sorted(
                (-count, *key[3:]) for key, count in counts.items() if key[:3] == (each.case.column, each.before, token)
            )[:4]
            got = zip(-mine["value"].astype(int), mine["layer"], mine["neuron"], strict=True)
            assert list(got) == wanted


def test_repeating_is_cheap_and_other_settings_replace(with_texts, model_folder, capsys, tmp_path):
    stamp = with_texts.manifest.sha256
    weights(WeightsConfig(dataset=with_texts.folder, model=str(model_folder), top_neurons=4))
    assert "already" in capsys.readouterr().err
    assert open_dataset(with_texts.folder).manifest.sha256 == stamp
    copy = tmp_path / "copy"
    shutil.copytree(with_texts.folder, copy)
    weights(WeightsConfig(dataset=copy, model=str(model_folder), parts=(), threshold=0.2))
    dataset = open_dataset(copy)
    assert not dataset.has("weights")
    assert not dataset.has("tokens")
    assert dataset.manifest.weights.threshold == 0.2
    assert dataset.neurons(["role"])["role"].isna().all()
    assert not list(map(str, verify(copy)))


def test_some_layers_only(model_folder, texts_file, tmp_path):
    run(RunConfig(str(model_folder), texts_file, tmp_path / "some", layers=(0, 2), samples=4, batch_tokens=64))
    weights(WeightsConfig(dataset=tmp_path / "some", model=str(model_folder)))
    dataset = open_dataset(tmp_path / "some")
    assert dataset.neurons()["layer"].unique().tolist() == [0, 2]
    assert dataset.weights(0, 3).related["layer"].isin([1]).any()  # of the whole model
    assert not list(map(str, verify(dataset.folder)))


def test_refusals(finished, model_folder, tmp_path):
    other = random_model("llama", seed=5)
    other.save_pretrained(tmp_path / "other")
    with pytest.raises(ModelRefused, match="another model"):
        weights(WeightsConfig(dataset=finished, model=str(tmp_path / "other")))
    with pytest.raises(BadSettings, match="give the model"):
        weights(WeightsConfig(dataset=finished))
    with pytest.raises(BadSettings, match="--dataset"):
        weights(WeightsConfig(model=str(model_folder), out=finished))
    with pytest.raises(BadSettings, match="either"):
        WeightsConfig(dataset=finished, out=tmp_path)


def test_texts_that_nobody_fires_on(tmp_path, model_folder):
    """One text of one token: most cases never occur, and nothing comes next."""
    run(RunConfig(str(model_folder), write_texts(tmp_path / "one.parquet", [[3]]), tmp_path / "out", samples=2))
    weights(WeightsConfig(dataset=tmp_path / "out", model=str(model_folder)))
    found = open_dataset(tmp_path / "out").token_neurons(3)
    assert set(found["before"].dropna()) == {False}
    assert not list(map(str, verify(tmp_path / "out")))

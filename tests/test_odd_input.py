"""Odd texts and odd models: what happens is stated in docs/dataset.md."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from transformers import LlamaModel

from compute.run import run
from compute.verify import verify
from gluscope_core import open_dataset
from gluscope_core.vocabulary import (
    CASES,
    count_column,
    freq_column,
    freq_se_column,
)
from tests.conftest import CONTEXT, odd_texts, write_texts
from tests.outside import activations_of
from tests.reference import figures


def test_empty_text_keeps_its_number_and_long_text_is_cut(finished):
    dataset = open_dataset(finished)
    texts = dataset.manifest.texts
    assert (texts.texts, texts.empty, texts.cut) == (len(odd_texts()), 2, 1)
    assert dataset.text(0)["input_ids"] == []
    assert dataset.text(6)["input_ids"] == odd_texts()[6][:CONTEXT]
    assert dataset.manifest.run.counted_tokens == sum(min(len(text), CONTEXT) for text in odd_texts())


def test_windows_are_clipped_never_padded(finished):
    examples = open_dataset(finished).examples(1, 3)
    lengths = examples["tokens"].map(len)
    text_lengths = examples["text"].map(lambda text: min(len(odd_texts()[text]), CONTEXT))
    assert (lengths <= 8).all()
    assert (examples["start"] + lengths <= text_lengths).all()
    assert (lengths < 8).any()


def test_one_token(config, tmp_path):
    texts = write_texts(tmp_path / "t.parquet", [[5]])
    run(replace(config, texts=texts, out=tmp_path / "out"))
    assert list(verify(tmp_path / "out")) == []
    neurons = open_dataset(tmp_path / "out").neurons()
    assert neurons[[freq_column(case) for case in CASES]].sum(axis=1).eq(1).all()
    assert neurons[[freq_se_column(case) for case in CASES]].isna().all(axis=None)


def test_all_skipped(config, tmp_path):
    texts = write_texts(tmp_path / "t.parquet", [[5], [], [6]])
    run(replace(config, texts=texts, out=tmp_path / "out", skip_first=1))
    assert list(verify(tmp_path / "out")) == []
    assert open_dataset(tmp_path / "out").neurons()["gate+_in+_freq"].isna().all()


def test_pad_id_is_a_token_like_any_other(config, tmp_path, model_folder):
    texts = [[0, 0, 5, 0], [0], [7, 0, 0, 0, 0, 9, 0]]
    run(replace(config, texts=write_texts(tmp_path / "t.parquet", texts), out=tmp_path / "out"))
    dataset = open_dataset(tmp_path / "out")
    assert dataset.manifest.run.counted_tokens == 12
    seen = activations_of(model_folder, texts, aligned=True)[1]
    wanted = figures(seen, 4, skip_first=0, k=4, window=8, seed=0)
    row = dataset.neurons().set_index(["layer", "neuron"]).loc[1, 4]
    assert [row[count_column(case)] for case in CASES] == [wanted.cases[case].count for case in CASES]


def test_text_and_source_are_kept(config, tmp_path):
    texts = write_texts(tmp_path / "t.parquet", [[5, 6], [7]], text=["five six", None], source=["a", "b"])
    run(replace(config, texts=texts, out=tmp_path / "out"))
    dataset = open_dataset(tmp_path / "out")
    assert dataset.text(0) == {"index": 0, "input_ids": [5, 6], "text": "five six", "source": "a"}
    assert dataset.text(1)["text"] is None  # no tokenizer to spell it


def test_text_that_is_no_utf8_or_no_string(config, tmp_path):
    strings = pa.array([b"caf\xe9", b"ok"], pa.binary()).view(pa.string())
    texts = write_texts(tmp_path / "t.parquet", [[5], [6]], text=strings, source=[{"id": 1}, {"id": 2}])
    run(replace(config, texts=texts, out=tmp_path / "out"))
    dataset = open_dataset(tmp_path / "out")
    assert [dataset.text(i)["text"] for i in range(2)] == ["caf\ufffd", "ok"]
    assert dataset.text(0)["source"] is None


def test_folder_of_files_in_name_order(config, tmp_path):
    for name, ids in (("b", [[3]]), ("a", [[1], []]), ("c", [[4]])):
        write_texts(tmp_path / "texts" / f"{name}.parquet", ids)
    run(replace(config, texts=tmp_path / "texts", out=tmp_path / "out"))
    dataset = open_dataset(tmp_path / "out")
    assert [dataset.text(i)["input_ids"] for i in range(4)] == [[1], [], [3], [4]]


def test_a_case_that_never_occurs(config, model_folder, tmp_path):
    """With the gate tied to the in-projection both always have the same sign."""
    model = LlamaModel.from_pretrained(model_folder)
    for layer in model.layers:
        layer.mlp.gate_proj.weight.data.copy_(layer.mlp.up_proj.weight.data)
    model.save_pretrained(tmp_path / "model")
    run(replace(config, model=str(tmp_path / "model"), out=tmp_path / "out"))
    assert list(verify(tmp_path / "out")) == []
    dataset = open_dataset(tmp_path / "out")
    neurons = dataset.neurons()
    assert (neurons["gate+_in-_freq"] == 0).all()
    assert neurons["gate+_in-_hook_post_mean"].isna().all()
    examples = dataset.examples(0, 0)
    assert not (examples["case"] == "gate+_in-").any()
    assert (examples["case"] == "gate+_in+").any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nonfinite_values_are_counted_and_left_out(config, model_folder, tmp_path, value):
    """A weight of one neuron in the last layer is not a number: its own figures alone are concerned."""
    model = LlamaModel.from_pretrained(model_folder)
    model.layers[2].mlp.gate_proj.weight.data[7, 3] = value
    model.save_pretrained(tmp_path / "model")
    run(replace(config, model=str(tmp_path / "model"), out=tmp_path / "out"))
    assert list(verify(tmp_path / "out")) == []
    dataset = open_dataset(tmp_path / "out")
    counts = dataset.neurons().set_index(["layer", "neuron"])["nonfinite_count"]
    counted = dataset.manifest.run.counted_tokens
    assert counts[counts > 0].to_dict() == {(2, 7): counted}
    assert dataset.manifest.nonfinite_values == counted
    assert dataset.examples(2, 7).empty


def test_padding_is_never_a_token_of_its_own(config, model_folder, tmp_path):
    """No text has token 0, whose embedding is not a number: what pads a batch must not bring it in."""
    model = LlamaModel.from_pretrained(model_folder)
    model.embed_tokens.weight.data[0] = np.nan
    model.save_pretrained(tmp_path / "model")
    texts = write_texts(tmp_path / "t.parquet", [[2, 5, 9], [3, 4, 5, 6, 7], [2, 3]])
    run(replace(config, model=str(tmp_path / "model"), texts=texts, out=tmp_path / "out"))
    assert open_dataset(tmp_path / "out").manifest.run.batches == 1
    assert open_dataset(tmp_path / "out").manifest.nonfinite_values == 0


def test_a_token_that_is_not_finite_stays_in_its_text(config, model_folder, tmp_path):
    """An infinite embedding spoils its own text, through attention, and no other text of the batch."""
    model = LlamaModel.from_pretrained(model_folder)
    model.embed_tokens.weight.data[60] = np.inf
    model.save_pretrained(tmp_path / "model")
    texts = write_texts(tmp_path / "t.parquet", [[2, 5, 60, 7, 8], [2, 5, 9, 7]])
    run(replace(config, model=str(tmp_path / "model"), texts=texts, out=tmp_path / "out"))
    assert list(verify(tmp_path / "out")) == []
    dataset = open_dataset(tmp_path / "out")
    assert dataset.neurons()["nonfinite_count"].between(3, 5).all()
    assert set(dataset.examples(1, 1).query("position >= 2")["text"]) == {1}

"""What `run` refuses, naming what and why."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from transformers import LlamaModel

from compute.cli import main
from compute.durable import locked
from compute.options import Shard
from compute.run import run
from gluscope_core.errors import (
    BadSettings,
    FolderBusy,
    ModelRefused,
    ResumeRefused,
    TextsUnusable,
)
from tests.conftest import odd_texts, write_texts


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"sign_convention": "raw"}, "run.sign_convention was <SignConvention.ALIGNED"),
        ({"coordinates": "effective"}, "run.coordinates"),
        ({"top_k": 5}, "run.top_k was 4, is 5"),
        ({"random_k": 2}, "run.random_k"),
        ({"window": 9}, "run.window"),
        ({"samples": 31}, "run.samples"),
        ({"skip_first": 1}, "run.skip_first"),
        ({"layers": (1,)}, "run.layers"),
        ({"batch_tokens": 65}, "run.batch_tokens"),
        ({"compile": True}, "run.compiled"),
        ({"seed": 1}, "run.seed"),
        ({"shard": Shard(0, 2)}, "run.shards"),
        ({"dtype": "bfloat16"}, "model.dtype"),
    ],
)
def test_other_settings_are_named(config, finished, change, named):
    with pytest.raises(ResumeRefused) as refusal:
        run(replace(config, out=finished, **change))
    assert named in str(refusal.value)


def test_other_model_and_texts_are_named(config, finished, model_folder, tmp_path):
    shutil.copytree(model_folder, tmp_path / model_folder.name)
    model = LlamaModel.from_pretrained(model_folder)
    model.layers[0].mlp.gate_proj.weight.data[0, 0] += 1
    model.save_pretrained(tmp_path / model_folder.name)
    with pytest.raises(ResumeRefused, match=r"model\.fingerprint"):
        run(replace(config, out=finished, model=str(tmp_path / model_folder.name)))
    texts = write_texts(tmp_path / config.texts.name, [*odd_texts()[:-1], [1]])
    with pytest.raises(ResumeRefused, match=r"texts\.fingerprint"):
        run(replace(config, out=finished, texts=texts))


def test_a_folder_with_something_else(config, tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ResumeRefused, match="holds something else"):
        run(replace(config, out=tmp_path))


def test_two_runs_in_one_folder(config, tmp_path):
    with locked(tmp_path), pytest.raises(FolderBusy, match="in use"):
        run(replace(config, out=tmp_path))


def test_models(config, tmp_path):
    (tmp_path / "gpt").mkdir()
    (tmp_path / "gpt" / "config.json").write_text('{"model_type": "gpt2"}')
    for model in (str(tmp_path / "gpt"), str(tmp_path / "none.gguf")):
        with pytest.raises(ModelRefused, match=Path(model).stem):
            run(replace(config, model=model, out=tmp_path / "out"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"model_type": "gpt2"}, "no gated MLP"),
        ({"model_type": "gpt_neox"}, "no gated MLP"),
        ({"model_type": "opt"}, "no gated MLP"),
        ({"model_type": "mixtral"}, "mixture of experts"),
        ({"model_type": "qwen3_moe"}, "mixture of experts"),
        ({"model_type": "deepseek_v3"}, "mixture of experts"),
        ({"model_type": "llama4_text"}, "mixture of experts"),
        ({"model_type": "bert"}, "encoder only"),
        ({"model_type": "t5"}, "encoder with a decoder"),
        ({"model_type": "mamba"}, "state-space"),
        ({"model_type": "falcon_h1"}, "state-space"),
        ({"model_type": "hf_olmo", "auto_map": {"AutoConfig": "configuration_olmo.OLMoConfig"}}, "never run"),
        ({"model_type": "made_up"}, "unknown to transformers"),
        ({}, "unknown to transformers"),
        ({"model_type": "lfm2"}, "not known to GLUScope; known are llama"),
        ({"model_type": "llama", "hidden_act": "made_up"}, "activation function 'made_up'"),
        ({"model_type": "llama", "quantization_config": {"quant_method": "gptq", "bits": 4}}, "quantised (gptq)"),
    ],
)
def test_models_that_cannot_be_analysed(config, tmp_path, capsys, content, reason):
    """By its config file alone: there are no weights to load."""
    (tmp_path / "some-model").mkdir()
    (tmp_path / "some-model" / "config.json").write_text(json.dumps(content))
    arguments = ["--model", tmp_path / "some-model", "--texts", config.texts, "--out", tmp_path / "out"]
    assert main(["run", *map(str, arguments)]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert said[0].startswith("error: some-model: ")
    assert reason in said[0]
    assert not (tmp_path / "out").exists()


def test_a_folder_that_lacks_weights_or_a_tokenizer_that_is_broken(config, model_folder, tmp_path):
    shutil.copytree(model_folder, tmp_path / "model")
    (tmp_path / "model" / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelRefused, match="cannot load"):
        run(replace(config, model=str(tmp_path / "model"), out=tmp_path / "out"))
    (tmp_path / "model" / "tokenizer.json").unlink()
    weights = load_file(tmp_path / "model" / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, tmp_path / "model" / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelRefused, match=r"layers\.1\.mlp\.up_proj"):
        run(replace(config, model=str(tmp_path / "model"), out=tmp_path / "out2"))
    (tmp_path / "model" / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelRefused):
        run(replace(config, model=str(tmp_path / "model"), out=tmp_path / "out3"))


@pytest.mark.parametrize("device", ["toaster", "meta", "mps"])
def test_devices(config, tmp_path, device):
    with pytest.raises(BadSettings, match=device):
        run(replace(config, device=device, out=tmp_path / "out"))


def test_a_revision_of_a_folder(config, tmp_path):
    with pytest.raises(BadSettings, match="has no revisions"):
        run(replace(config, revision="main", out=tmp_path / "out"))


def test_layers_beyond_the_model(config, tmp_path):
    with pytest.raises(BadSettings, match="layers 0 to 2"):
        run(replace(config, layers=(3,), out=tmp_path / "out"))


@pytest.mark.parametrize(
    ("ids", "reason"),
    [([[1, 61]], "token id 61"), ([[-1]], "token id -1"), ([[], []], "no tokens"), ([[None]], "null")],
)
def test_texts(config, tmp_path, ids, reason):
    with pytest.raises(TextsUnusable, match=reason):
        run(replace(config, texts=write_texts(tmp_path / "t.parquet", ids), out=tmp_path / "out"))


def test_not_texts(config, tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no, not really PAR1")
    for path in (tmp_path / "t.parquet", tmp_path / "absent.parquet", tmp_path):
        with pytest.raises(TextsUnusable):
            run(replace(config, texts=path, out=tmp_path / "out"))

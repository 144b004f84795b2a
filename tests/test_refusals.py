"""What `run` refuses, naming what and why."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from transformers import LlamaModel

import compute.weights
from compute.checkpoint import Checkpoint
from compute.cli import main
from compute.config import PublishConfig, SiteConfig, TextsConfig, WeightsConfig
from compute.durable import LOCK_NAME, PROGRESS, locked
from compute.options import Shard
from compute.pages import site
from compute.publish import publish
from compute.run import run
from compute.texts import texts
from compute.weights import weights
from gluscope_core.errors import (
    BadSettings,
    DatasetNotFound,
    FolderBusy,
    ModelRefused,
    ResumeRefused,
    TextsUnusable,
)
from tests.conftest import contents, odd_texts, write_texts
from tests.hub_standin import Hub
from tests.stages import STAGES, task_of, write_pages
from tests.tasks import Task, without_windows
from tests.test_texts_stage import DOCUMENTS, jsonl
from tests.test_texts_stage import model as letters  # noqa: F401


@pytest.fixture(scope="module")
def begun(config, tmp_path_factory) -> Path:
    """A run that was cut off before it wrote its dataset."""
    out = tmp_path_factory.mktemp("begun") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("compute.run.write_dataset", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(replace(config, out=out, checkpoint_share=1.0))
    return out


OTHER_SETTINGS = (
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


@pytest.mark.parametrize(*OTHER_SETTINGS)
def test_other_settings_are_named(config, finished, begun, change, named, record_property):
    for folder in (finished, begun):
        before = contents(folder)
        with pytest.raises(ResumeRefused) as refusal:
            run(replace(config, out=folder, **change))
        assert named in str(refusal.value)
        assert contents(folder) == before
    record_property("settings changed", 1)


@pytest.mark.parametrize(
    ("part", "name", "old"),
    [
        ("model", "revision", "a" * 40),
        ("model", "fingerprint", "b" * 64),
        ("texts", "fingerprint", "c" * 64),
        ("texts", "revision", "d" * 40),
        ("run", "batch_plan", "e" * 64),
        ("run", "layers", (0, 1)),
        ("environment", "torch", "1.0"),
        ("environment", "device", "cuda"),
        (None, "format_version", 0),
    ],
)
def test_what_no_flag_says_is_named_too(config, begun, tmp_path, part, name, old, record_property):
    """As if the unfinished run had had another."""
    shutil.copytree(begun, tmp_path / "out")
    checkpoint = Checkpoint(tmp_path / "out" / PROGRESS)
    settings, shard = checkpoint.identity().settings, checkpoint.identity().shard
    changed = {name: old} if part is None else {part: replace(getattr(settings, part), **{name: old})}
    checkpoint.begin_again(replace(settings, **changed), shard)
    said = f"{name if part is None else f'{part}.{name}'} was {old!r}, is "
    with pytest.raises(ResumeRefused, match=re.escape(said)):
        run(replace(config, out=tmp_path / "out"))
    record_property("settings changed", 1)


def test_an_unfinished_analysis_of_weights_with_other_settings(finished, model_folder, tmp_path, monkeypatch):
    shutil.copytree(finished, tmp_path / "out")
    config = WeightsConfig(dataset=tmp_path / "out", model=str(model_folder))
    with monkeypatch.context() as patch:
        patch.setattr(compute.weights, "_write", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            weights(config)
    for change, named in (({"top_tokens": 3}, "top_tokens was 16, is 3"), ({"parts": ("roles",)}, "parts was")):
        with pytest.raises(ResumeRefused, match=rf"choice\.{named}.*Repeat that command, or remove"):
            weights(replace(config, **change))
    weights(config)


def test_texts_of_another_vocabulary(config, letters, tmp_path):  # noqa: F811
    """The ids would fit."""
    (tmp_path / "source.jsonl").write_bytes(jsonl(DOCUMENTS[:9]))
    texts(TextsConfig(str(tmp_path / "source.jsonl"), letters, tmp_path / "texts", max_length=20))
    shutil.copytree(letters, tmp_path / "other")
    swapped = (tmp_path / "other" / "tokenizer.json").read_text().replace('"a"', '"Z"')
    (tmp_path / "other" / "tokenizer.json").write_text(swapped)
    given = replace(config, model=str(tmp_path / "other"), texts=tmp_path / "texts", out=tmp_path / "out")
    with pytest.raises(TextsUnusable, match="tokenised by letters, whose vocabulary is not that of other: run `texts`"):
        run(given)
    run(replace(given, texts=tmp_path / "texts" / "texts_000.parquet"))  # as they are
    run(replace(given, model=letters, out=tmp_path / "out2"))
    run(replace(given, model=config.model, out=tmp_path / "out3"))  # without a tokenizer nobody knows


def test_texts_that_were_altered(config, letters, tmp_path):  # noqa: F811
    (tmp_path / "source.jsonl").write_bytes(jsonl(DOCUMENTS[:9]))
    writing = TextsConfig(str(tmp_path / "source.jsonl"), letters, tmp_path / "texts", max_length=20)
    texts(writing)
    write_texts(tmp_path / "texts" / "texts_000.parquet", [[1, 2, 3]])
    for act in (lambda: run(replace(config, texts=tmp_path / "texts", out=tmp_path / "out")), lambda: texts(writing)):
        with pytest.raises(TextsUnusable, match="not as it was written: remove the folder and repeat `texts`"):
            act()


@pytest.fixture
def task(request, config, finished, letters, tmp_path) -> Task:  # noqa: F811
    if request.param == "publish":
        return Task(lambda at: publish(PublishConfig(at, "some/one")), finished)
    return task_of(request.param, config, finished, letters, tmp_path)


@pytest.mark.parametrize("task", [*STAGES, "publish"], indirect=True)
def test_two_at_work_in_one_folder(task, tmp_path):
    folder = task.prepare(tmp_path / "out")
    folder.mkdir(exist_ok=True)
    with locked(folder), pytest.raises(FolderBusy, match="out is in use by another process: wait for it, or stop it"):
        task.act(folder)


@pytest.mark.parametrize("task", STAGES, indirect=True)
def test_a_lock_that_a_crash_left_locks_nobody_out(task, tmp_path):
    folder = task.prepare(tmp_path / "out")
    folder.mkdir(exist_ok=True)
    (folder / LOCK_NAME).touch()
    task.act(folder)
    assert not (folder / LOCK_NAME).exists()


@pytest.mark.parametrize("task", ["weights", "examples", "publish"], indirect=True)
def test_a_folder_that_is_not_there(task, tmp_path):
    with pytest.raises(DatasetNotFound, match=r"nowhere (does not exist|is no folder|holds no dataset)"):
        task.act(tmp_path / "nowhere")


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


@pytest.mark.parametrize("task", ["run", "merge", "texts", "import"], indirect=True)
def test_a_folder_with_something_else(task, tmp_path):
    """It stays as it is."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "thesis.tex").write_text("no end in sight")
    before = contents(folder)
    with pytest.raises(
        ResumeRefused, match=r"work holds something else \(thesis\.tex\): choose a new folder for --out"
    ):
        task.act(folder)
    assert contents(folder) == before


def test_weights_of_their_own_in_a_folder_with_something_else(config, tmp_path):
    (tmp_path / "thesis.tex").write_text("no end in sight")
    with pytest.raises(ResumeRefused, match="holds something else"):
        weights(WeightsConfig(model=config.model, out=tmp_path))
    assert list(contents(tmp_path)) == ["thesis.tex"]


def test_a_site_in_a_folder_with_another(finished, tmp_path):
    """Pages may go beside other files, but not over those of another site."""
    (tmp_path / "index.html").write_text("my own")
    with pytest.raises(ResumeRefused, match=r"holds another site .*: choose another folder for --out"):
        site(SiteConfig(finished, ("0.3",), tmp_path))
    assert contents(tmp_path) == {"index.html": b"my own"}


@pytest.mark.parametrize("task", ["weights", "examples"], indirect=True)
def test_a_folder_that_is_no_dataset(task, tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.tex").write_text("no end in sight")
    with pytest.raises(DatasetNotFound, match="work holds no dataset"):
        task.act(tmp_path / "work")
    assert list(contents(tmp_path / "work")) == ["thesis.tex"]


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


REFUSED = {
    "gpt": ({"model_type": "gpt2"}, "no gated MLP"),
    "experts": ({"model_type": "mixtral"}, "mixture of experts"),
    "code": ({"model_type": "hf_olmo", "auto_map": {"AutoConfig": "configuration.Config"}}, "never run"),
    "other": ({"model_type": "llama", "hidden_act": "made_up"}, "activation function 'made_up'"),
}


@pytest.fixture
def on_the_hub(hub: Hub, model_folder, tmp_path) -> Hub:
    """Models that cannot be analysed, with weights and code, and one that can."""
    for name, (content, _) in REFUSED.items():
        shutil.copytree(model_folder, tmp_path / "models" / name)
        (tmp_path / "models" / name / "config.json").write_text(json.dumps(content))
        (tmp_path / "models" / name / "configuration.py").write_text("raise SystemExit('it was run')")
        hub.add(f"some/{name}", tmp_path / "models" / name)
    hub.add("some/good", model_folder)
    return hub


def files_asked(hub: Hub) -> set[str]:
    return {each.path.rpartition("/")[2] for each in hub.asked if "/resolve/" in each.path}


@pytest.mark.parametrize("stage", ["run", "run --plan", "weights", "weights --plan", "examples", "import"])
def test_nothing_is_fetched_of_models_that_cannot_be_analysed(
    on_the_hub, config, finished, tmp_path, capsys, record_property, stage
):
    given = {
        "run": ["--texts", config.texts, "--out", tmp_path / "out"],
        "weights": ["--out", tmp_path / "out"],
        "examples": [without_windows(finished, tmp_path / "lists"), "--neurons", "0.1"],
        "import": [write_pages(tmp_path / "pages"), "--out", tmp_path / "out"],
    }
    command = stage.split()
    for name, (_, reason) in REFUSED.items():
        assert main([*command, *map(str, given[command[0]]), "--model", f"some/{name}"]) == 2
        said = capsys.readouterr().err.strip().splitlines()
        assert len(said) == 1
        assert said[0].startswith(f"error: some/{name}: ")
        assert reason in said[0]
    assert files_asked(on_the_hub) == {"config.json"}
    assert not list((tmp_path / "out").rglob("*"))
    record_property("models refused", len(REFUSED))


def test_control_weights_of_others_are_fetched(on_the_hub, tmp_path):
    assert main(["weights", "--model", "some/good", "--out", str(tmp_path / "out")]) == 0
    assert {"config.json", "model.safetensors"} <= files_asked(on_the_hub)


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

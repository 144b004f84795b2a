"""`weights`, `examples` and `publish` that are stopped go on; weights that are not finite numbers are counted; a clock
that jumps harms nobody."""

import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import tqdm.std
from transformers import LlamaForCausalLM

import compute.examples
import compute.publish
import compute.saved
from compute import room
from compute.cli import main
from compute.config import ExamplesConfig, PublishConfig, WeightsConfig
from compute.durable import PROGRESS, Step
from compute.examples import examples
from compute.publish import publish
from compute.run import run
from compute.saved import Saved
from compute.verify import verify
from compute.weights import weights
from compute.weights.directions import Directions
from gluscope_core import open_dataset
from gluscope_core.errors import DatasetDamaged, DiskTooSmall, ModelRefused, Stopped
from gluscope_core.vocabulary import Vector
from tests.conftest import contents
from tests.hub_standin import TOKEN
from tests.stages import STAGES, task_of
from tests.tasks import SMALL_PIECES, without_windows
from tests.test_texts_stage import model as letters  # noqa: F401


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    for patch in SMALL_PIECES:
        monkeypatch.setattr(*patch)


@pytest.fixture(autouse=True)
def signals_as_in_a_shell():
    """Whoever started the tests may have had signals ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def stop_after(monkeypatch) -> Callable[[int, signal.Signals], list]:
    """Asks to stop while a piece is done; what pieces were saved."""

    def stop(pieces: int, by: signal.Signals) -> list:
        seen: list[int] = []
        save = Saved.save

        def save_and_ask(self: Saved, files: object, done: int) -> None:
            save(self, files, done)
            seen.append(done)
            if len(seen) == pieces:
                os.kill(os.getpid(), by)

        monkeypatch.setattr(Saved, "save", save_and_ask)
        return seen

    return stop


@pytest.mark.parametrize(("pieces", "by"), [(1, signal.SIGINT), (4, signal.SIGTERM), (11, signal.SIGTERM)])
def test_weights_that_are_stopped_go_on(finished, with_weights, model_folder, tmp_path, stop_after, pieces, by):
    shutil.copytree(finished, tmp_path / "out")
    config = WeightsConfig(dataset=tmp_path / "out", model=str(model_folder), top_neurons=4)
    seen = stop_after(pieces, by)
    with pytest.raises(Stopped, match=rf"{by.name}: \d+ of \d+ pieces of the part \w+ are done and saved"):
        weights(config)
    assert not open_dataset(tmp_path / "out").has("weights")
    weights(config)
    assert contents(tmp_path / "out") == contents(with_weights)
    assert len(seen) == 3 + 6 + 1 + 5  # no piece was done twice: layers, products with tokens, roles, tiles of neurons


def test_repeating_the_run_before_does_not_lose_what_weights_had(config, finished, model_folder, tmp_path, stop_after):
    """As a script does that has both commands."""
    shutil.copytree(finished, tmp_path / "out")
    stop_after(4, signal.SIGINT)
    with pytest.raises(Stopped):
        weights(WeightsConfig(dataset=tmp_path / "out", model=str(model_folder)))
    run(replace(config, out=tmp_path / "out"))
    assert (tmp_path / "out" / PROGRESS / "weights" / "tokens" / "checkpoint.json").exists()


@pytest.mark.parametrize("chosen", [{}, {"parts": ("neighbours",)}, {"first_token": 5, "coordinates": "effective"}])
@pytest.mark.parametrize("at", [0, 1])
def test_weights_stopped_in_the_pass_over_layers_go_on(model_folder, tmp_path, monkeypatch, at, chosen):
    """What attention seeks in the first token depends on all layers before."""
    config = WeightsConfig(model=str(model_folder), out=tmp_path / "out", **chosen)
    weights(replace(config, out=tmp_path / "whole"))
    looked: list[int] = []
    look = compute.weights.analysis.take_layer

    def look_and_ask(number: int, *rest: object) -> object:
        looked.append(number)
        if looked == list(range(at + 1)):
            os.kill(os.getpid(), signal.SIGTERM)
        return look(number, *rest)

    monkeypatch.setattr(compute.weights.analysis, "take_layer", look_and_ask)
    with pytest.raises(Stopped, match=f"SIGTERM: {at + 1} of 3 pieces of the part layers are done and saved"):
        weights(config)
    weights(config)
    assert looked == [0, 1, 2]
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_the_message_of_stopped_weights_holds_the_command(finished, model_folder, tmp_path, stop_after, capsys):
    shutil.copytree(finished, tmp_path / "out")
    stop_after(1, signal.SIGTERM)
    command = ["weights", "--dataset", str(tmp_path / "out"), "--model", str(model_folder)]
    assert main(command) == 130
    said = capsys.readouterr().err
    assert "2 of 3 pieces of the part layers are done and saved" in said
    assert f"this goes on: python -m compute weights --dataset {tmp_path / 'out'}" in said


def test_directions_that_were_damaged_are_not_gone_on_with(finished, model_folder, tmp_path, stop_after):
    shutil.copytree(finished, tmp_path / "out")
    config = WeightsConfig(dataset=tmp_path / "out", model=str(model_folder), top_neurons=4)
    stop_after(1, signal.SIGTERM)
    with pytest.raises(Stopped):
        weights(config)
    home = tmp_path / "out" / PROGRESS / "weights"
    path = Directions.path(home, Vector.IN)
    content = bytearray(path.read_bytes())
    content[700] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatasetDamaged, match=re.escape(f"{path} is damaged: remove {home / 'layers'} and repeat")):
        weights(config)
    shutil.rmtree(home / "layers")
    weights(config)
    assert list(verify(tmp_path / "out")) == []


def test_examples_that_are_stopped_go_on(finished, model_folder, tmp_path, stop_after):
    without_windows(finished, tmp_path / "lists")
    for name in ("whole", "out"):
        shutil.copytree(tmp_path / "lists", tmp_path / name)
    config = ExamplesConfig(tmp_path / "out", ("0.3", "1.4", "2.5"), model=str(model_folder), batch_tokens=64)
    examples(replace(config, dataset=tmp_path / "whole"))
    seen = stop_after(2, signal.SIGTERM)
    with pytest.raises(Stopped, match=r"SIGTERM: 3 of \d+ pieces of the part examples are done and saved"):
        examples(config)
    assert seen == [1, 2, 3]
    examples(config)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_publish_that_is_stopped_sends_the_rest(hub, with_weights, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    shutil.copytree(with_weights, tmp_path / "out")

    def ask(step: Step) -> None:
        if step is Step.SENT:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(compute.publish, "reached", ask)
        with pytest.raises(Stopped, match=r"SIGINT: 1 of \d commits are done"):
            publish(PublishConfig(tmp_path / "out", "some/one"))
    publish(PublishConfig(tmp_path / "out", "some/one"))
    stored = [each.path for each in hub.asked if each.method == "PUT"]
    assert len(stored) == len(set(stored)) == len(open_dataset("some/one").manifest.files)


def test_tables_that_were_damaged_are_written_again(with_weights, model_folder, tmp_path):
    shutil.copytree(with_weights, tmp_path / "out")
    path = tmp_path / "out" / "weights" / "layer_001.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    weights(WeightsConfig(dataset=tmp_path / "out", model=str(model_folder), top_neurons=4))
    assert contents(tmp_path / "out") == contents(with_weights)


def spoiled(model_folder: Path, folder: Path, spoil: Callable[[LlamaForCausalLM], None]) -> Path:
    model = LlamaForCausalLM.from_pretrained(model_folder)
    spoil(model)
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("matrix", ["gate_proj", "up_proj", "down_proj"])
def test_neurons_whose_weights_are_not_finite(model_folder, tmp_path, capsys, value, matrix):
    def spoil(model: LlamaForCausalLM) -> None:
        weight = getattr(model.model.layers[2].mlp, matrix).weight.data
        (weight.t() if matrix == "down_proj" else weight)[7, 3] = value

    for name, change in (("whole", lambda _: None), ("spoiled", spoil)):
        weights(WeightsConfig(model=str(spoiled(model_folder, tmp_path / name, change)), out=tmp_path / f"of-{name}"))
    assert "1 neurons have weights that are not finite: nothing is said of them" in capsys.readouterr().err
    found, whole = open_dataset(tmp_path / "of-spoiled"), open_dataset(tmp_path / "of-whole")
    assert found.manifest.weights.nonfinite_neurons == 1
    mine, theirs = (each.neurons().set_index(["layer", "neuron"]) for each in (found, whole))
    assert mine.loc[2, 7][["norm_out", "cos_gate_in", "cos_in_out", "unembed_variance", "role"]].isna().all()
    others = mine.index.drop((2, 7))
    for name in ("norm_gate", "cos_gate_in", "unembed_kurtosis", "attention_next_layer"):
        np.testing.assert_array_equal(mine.loc[others, name], theirs.loc[others, name])
    broken = {"gate_proj": "gate", "up_proj": "in", "down_proj": "out"}[matrix]
    assert not (found.weights(2, 7).tokens["vector"] == broken).any()
    assert list(verify(tmp_path / "of-spoiled")) == []


def test_tokens_whose_embeddings_are_not_finite(model_folder, tmp_path, capsys):
    def spoil(model: LlamaForCausalLM) -> None:
        model.lm_head.weight.data[5, 0] = np.nan

    weights(WeightsConfig(model=str(spoiled(model_folder, tmp_path / "m", spoil)), out=tmp_path / "out"))
    assert "1 tokens have embeddings that are not finite: they are left out" in capsys.readouterr().err
    dataset = open_dataset(tmp_path / "out")
    assert dataset.manifest.weights.nonfinite_tokens == 1
    assert dataset.token_neurons(5).empty
    assert not any((dataset.weights(1, neuron).tokens["token"] == 5).any() for neuron in range(24))
    assert dataset.neurons()["unembed_variance"].notna().all()
    assert list(verify(tmp_path / "out")) == []


def test_no_token_at_all(model_folder, tmp_path):
    def spoil(model: LlamaForCausalLM) -> None:
        model.model.norm.weight.data[0] = np.nan

    folder = str(spoiled(model_folder, tmp_path / "m", spoil))
    with pytest.raises(ModelRefused, match="leave out the parts roles and tokens"):
        weights(WeightsConfig(model=folder, out=tmp_path / "out"))


@pytest.mark.parametrize("stage", sorted({*STAGES} - {"merge", "import"}))  # which look at no clock
def test_a_clock_that_jumps(config, finished, letters, tmp_path, monkeypatch, stage):  # noqa: F811
    """Years forwards and backwards between any two looks at it."""
    task = task_of(stage, config, finished, letters, tmp_path)
    task.act(task.prepare(tmp_path / "whole"))
    looks, real = count(), time.time

    def jumping() -> float:
        return real() + (-1) ** next(looks) * 1e8

    monkeypatch.setattr(time, "time", jumping)
    monkeypatch.setattr(tqdm.std, "time", jumping)
    task.act(task.prepare(tmp_path / "out"))
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert next(looks) > 3


def test_small_disks_are_refused_before_the_work(finished, model_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 100}))
    shutil.copytree(finished, tmp_path / "out")
    without_windows(finished, tmp_path / "lists")
    (tmp_path / "source.txt").write_text("some text " * 1000)
    for act in (
        lambda: weights(WeightsConfig(dataset=tmp_path / "out", model=str(model_folder))),
        lambda: examples(ExamplesConfig(tmp_path / "lists", ("0.1",), model=str(model_folder))),
    ):
        with pytest.raises(DiskTooSmall, match=r"has room for .* and this takes about .*: choose a folder"):
            act()
    assert not open_dataset(tmp_path / "out").has("weights")

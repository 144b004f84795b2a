"""A disk that is too small is found before the work, memory that runs out halves the batches."""

import re
import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import compute.batches
import compute.examples
import compute.merge
import compute.revisit
import compute.run
import compute.saved
import compute.weights
from compute.cli import main
from compute.config import ExamplesConfig, ImportConfig, WeightsConfig
from compute.durable import PROGRESS
from compute.examples import examples
from compute.imported import import_original
from compute.options import Shard
from compute.room import is_halving_of, is_out_of_memory
from compute.run import run
from compute.verify import verify
from compute.weights import weights
from gluscope_core import open_dataset
from gluscope_core.errors import DiskTooSmall, OutOfMemory
from tests.conftest import CONTEXT, VOCAB, contents, write_texts
from tests.stages import WINDOWED, task_of, write_pages
from tests.tasks import without_windows


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def memory_for(monkeypatch):
    """A device that holds batches of at most so many tokens."""

    def limit(tokens: int, error: BaseException | None = None) -> list[int]:
        tried: list[int] = []
        make_batch = compute.batches.make_batch

        def make(texts, chosen, *rest, **named):
            batch = make_batch(texts, chosen, *rest, **named)
            tried.append(batch.ids.numel())
            if batch.ids.numel() > tokens:
                raise error or torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB\nlong advice")
            return batch

        for module in (compute.run, compute.revisit):
            monkeypatch.setattr(module, "make_batch", make)
        return tried

    return limit


@pytest.mark.parametrize("error", [None, RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")])
def test_batches_are_halved_until_they_fit(config, finished, tmp_path, memory_for, capsys, error):
    tried = memory_for(100, error)
    mine = replace(config, out=tmp_path / "out", batch_tokens=400)
    run(mine)
    assert max(tried) > 100
    assert "beginning again with 200" in capsys.readouterr().err
    found, whole = open_dataset(mine.out), open_dataset(finished)
    assert found.manifest.run.batch_tokens == 100
    assert list(verify(mine.out)) == []
    for name in whole.neurons().columns:
        if name.endswith(("_count", "_mean", "_max")):
            np.testing.assert_allclose(found.neurons()[name], whole.neurons()[name], rtol=1e-3, atol=1e-4)
    before = contents(mine.out)
    run(mine)  # the same command finds its run, though that has smaller batches
    assert contents(mine.out) == before


def test_a_resume_keeps_the_batches_that_fitted(config, tmp_path, memory_for, monkeypatch):
    memory_for(100)
    mine = replace(config, out=tmp_path / "out", batch_tokens=400, checkpoint_share=1.0)
    monkeypatch.setattr(compute.run, "write_dataset", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(mine)
    monkeypatch.undo()
    run(mine)
    assert open_dataset(mine.out).manifest.run.batch_tokens == 100


def test_one_text_that_does_not_fit_is_said(config, tmp_path, memory_for):
    memory_for(39)
    with pytest.raises(OutOfMemory, match=r"memory ran out \(CUDA out of memory.*the longest has 40.*--layers"):
        run(replace(config, out=tmp_path / "out", batch_tokens=400))


def test_a_part_of_a_run_is_not_halved(config, tmp_path, memory_for):
    memory_for(100)
    with pytest.raises(OutOfMemory, match="--batch-tokens 200"):
        run(replace(config, out=tmp_path / "out", batch_tokens=400, shard=Shard(0, 2)))


def test_what_fitted_before_is_not_begun_again(config, tmp_path, monkeypatch):
    mine = replace(config, out=tmp_path / "out", checkpoint_share=1.0)
    monkeypatch.setattr(compute.run, "write_dataset", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(mine)
    monkeypatch.undo()
    marker = mine.out / PROGRESS / "checkpoint.json"
    saved = marker.read_bytes()
    monkeypatch.setattr(compute.run, "_compute", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("full")))
    with pytest.raises(OutOfMemory, match="had fitted before: free memory"):
        run(mine)
    assert marker.read_bytes() == saved


def test_other_errors_are_none_of_memory(config, tmp_path, monkeypatch):
    monkeypatch.setattr(compute.run, "_compute", lambda *_: (_ for _ in ()).throw(RuntimeError("shapes do not fit")))
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        run(replace(config, out=tmp_path / "out"))
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(ValueError("can't allocate memory"))


def test_examples_halve_their_batches_until_they_fit(config, finished, tmp_path, memory_for, monkeypatch, capsys):
    monkeypatch.setattr(compute.examples, "_AT_ONCE", 2)
    without_windows(finished, tmp_path / "out")
    mine = ExamplesConfig(tmp_path / "out", WINDOWED, model=config.model, batch_tokens=400)
    tried = memory_for(100)
    examples(mine)
    assert max(tried) > 100
    said = capsys.readouterr().err
    assert (
        f"{mine.dataset}: memory ran out (CUDA out of memory. Tried to allocate 2.00 GiB) at batches of 400 tokens"
        in said
    )
    assert said.count("going on with") == 2  # what fitted stays for the neurons after
    found, whole = open_dataset(mine.dataset), open_dataset(finished)
    assert list(verify(mine.dataset)) == []
    for neuron in ((0, 3), (1, 4), (2, 5)):
        mine_, theirs = found.examples(*neuron), whole.examples(*neuron)
        assert mine_["position"].tolist() == theirs["position"].tolist()
        np.testing.assert_allclose(np.concatenate([*mine_["gate"]]), np.concatenate([*theirs["gate"]]), atol=1e-2)


def test_one_text_of_examples_that_does_not_fit_is_said(config, finished, tmp_path, memory_for):
    without_windows(finished, tmp_path / "out")
    memory_for(1)
    with pytest.raises(
        OutOfMemory,
        match=r"out: memory ran out \(CUDA.*\) at batches of 4 tokens, which is one text.*the longest has 40",
    ):
        examples(ExamplesConfig(tmp_path / "out", WINDOWED, model=config.model))
    assert not open_dataset(tmp_path / "out").has("windows")


def test_weights_that_memory_cannot_hold_go_on_with_more(finished, with_weights, config, tmp_path, monkeypatch):
    shutil.copytree(finished, tmp_path / "out")
    mine = WeightsConfig(dataset=tmp_path / "out", model=config.model, top_neurons=4)

    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")

    with monkeypatch.context() as patch:
        patch.setattr(compute.weights.analysis, "moments", fail)
        with pytest.raises(
            OutOfMemory, match=r"tiny-llama: memory ran out \(CUDA.* 9 GiB\): free some.*repeat the command"
        ):
            weights(mine)
    monkeypatch.setattr(compute.weights.analysis, "take_layer", lambda *_: pytest.fail("it began anew"))
    weights(mine)
    assert contents(tmp_path / "out") == contents(with_weights)


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory\nlong advice")])
def test_memory_that_runs_out_elsewhere_is_said_in_a_line(config, finished, tmp_path, monkeypatch, capsys, error):
    def fail(*_: object) -> None:
        raise error

    without_windows(finished, tmp_path / "out")
    monkeypatch.setattr(compute.examples, "load_model", fail)
    assert main(["examples", str(tmp_path / "out"), "--neurons", "0.1", "--model", config.model]) == 2
    said = capsys.readouterr().err.strip()
    assert re.fullmatch(
        r"error: memory ran out( \(CUDA out of memory\))?: free some, or .* repeat the command, .*", said
    )


def test_a_disk_that_is_too_small_is_refused_before_anything_is_computed(config, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**6, 10**6, 1000))
    monkeypatch.setattr(compute.run, "load_model", lambda *_: pytest.fail("it went on"))
    with pytest.raises(DiskTooSmall, match=r"has room for .* and this takes about .*: choose a folder"):
        run(replace(config, out=tmp_path / "out"))


def test_parts_are_not_joined_on_a_disk_that_is_too_small(config, tmp_path, monkeypatch):
    task = task_of("merge", config, tmp_path, "", tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**6, 10**6, 1000))
    with pytest.raises(DiskTooSmall, match=r"joined has room for .* and this takes about .*: choose a folder"):
        task.act(tmp_path / "joined")
    assert contents(tmp_path / "joined") == {}


def test_nothing_is_imported_to_a_disk_that_is_too_small(tmp_path, monkeypatch):
    write_pages(tmp_path / "pages")
    needed = sum(map(len, contents(tmp_path / "pages").values()))
    for free, fits in ((needed - 1, False), (needed, True)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: Usage(10**6, 10**6, free))
        with nullcontext() if fits else pytest.raises(DiskTooSmall, match=r"out has room for .*: choose a folder"):
            import_original(ImportConfig(tmp_path / "pages", tmp_path / "out"))
        assert bool(contents(tmp_path / "out")) == fits
    assert sum(map(len, contents(tmp_path / "out").values())) < needed


@pytest.mark.parametrize("stage", ["run", "merge"])
def test_no_more_is_taken_than_was_foretold(config, tmp_path, monkeypatch, stage):
    texts = write_texts(tmp_path / "t.parquet", np.random.default_rng(0).integers(0, VOCAB, (64, CONTEXT)).tolist())
    wide = replace(config, texts=texts, top_k=16, random_k=16, window=32, samples=1024, checkpoint_share=1.0)
    task, foretold, taken = task_of(stage, wide, tmp_path, "", tmp_path), [], []
    for module in (compute.durable, compute.saved):
        monkeypatch.setattr(module, "reached", lambda _: taken.append(size_of_content(tmp_path / "out")))
    for module in (compute.run, compute.merge):
        monkeypatch.setattr(module, "refuse_small_disk", lambda _, needed: foretold.append(needed))
    task.act(tmp_path / "out")
    assert 0.3 * foretold[0] < max(taken) < foretold[0]


def size_of_content(folder: Path) -> int:
    """Without the footers of tables, which small datasets consist of."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    footers = (pq.read_metadata(path).serialized_size for path in paths if path.suffix == ".parquet")
    return sum(path.stat().st_size for path in paths) - sum(footers)


def test_halvings():
    asked = 4096
    for tokens in range(asked + 2):
        halves = {2048, 1024, 512, 256, 128, 64, 32, 16, 8, 4, 2, 1}
        assert is_halving_of(tokens, asked) == (tokens in halves)
    assert is_halving_of(2, 5)
    assert not is_halving_of(3, 5)

"""A disk that is too small is found before the work, memory that runs out halves the batches."""

import shutil
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import torch

from compute import run as run_stage
from compute.durable import PROGRESS
from compute.options import Shard
from compute.room import is_halving_of, is_out_of_memory
from compute.run import run
from compute.verify import verify
from gluscope_core import open_dataset
from gluscope_core.errors import DiskTooSmall, OutOfMemory
from tests.conftest import contents


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def memory_for(monkeypatch):
    """A device that holds batches of at most so many tokens."""

    def limit(tokens: int, error: BaseException | None = None) -> list[int]:
        tried: list[int] = []
        make_batch = run_stage.make_batch

        def make(texts, chosen, *rest):
            batch = make_batch(texts, chosen, *rest)
            tried.append(batch.ids.numel())
            if batch.ids.numel() > tokens:
                raise error or torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB\nlong advice")
            return batch

        monkeypatch.setattr(run_stage, "make_batch", make)
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
    monkeypatch.setattr(run_stage, "write_dataset", lambda *_: 1 / 0)
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
    monkeypatch.setattr(run_stage, "write_dataset", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(mine)
    monkeypatch.undo()
    marker = mine.out / PROGRESS / "checkpoint.json"
    saved = marker.read_bytes()
    monkeypatch.setattr(run_stage, "_compute", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("full")))
    with pytest.raises(OutOfMemory, match="had fitted before: free memory"):
        run(mine)
    assert marker.read_bytes() == saved


def test_other_errors_are_none_of_memory(config, tmp_path, monkeypatch):
    monkeypatch.setattr(run_stage, "_compute", lambda *_: (_ for _ in ()).throw(RuntimeError("shapes do not fit")))
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        run(replace(config, out=tmp_path / "out"))
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(ValueError("can't allocate memory"))


def test_a_disk_that_is_too_small_is_refused_before_anything_is_computed(config, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**6, 10**6, 1000))
    monkeypatch.setattr(run_stage, "load_model", lambda *_: pytest.fail("it went on"))
    with pytest.raises(DiskTooSmall, match=r"has room for .* and this takes about .*: choose a folder"):
        run(replace(config, out=tmp_path / "out"))


def test_a_dataset_takes_at_most_what_was_foretold(config, finished, tmp_path, monkeypatch):
    foretold = []
    monkeypatch.setattr(run_stage, "refuse_small_disk", lambda _, needed: foretold.append(needed))
    run(replace(config, out=tmp_path / "out"))
    windows = sum(path.stat().st_size for path in (finished / "windows").iterdir())
    assert foretold[0] > 0.3 * windows


def test_halvings():
    asked = 4096
    for tokens in range(asked + 2):
        halves = {2048, 1024, 512, 256, 128, 64, 32, 16, 8, 4, 2, 1}
        assert is_halving_of(tokens, asked) == (tokens in halves)
    assert is_halving_of(2, 5)
    assert not is_halving_of(3, 5)

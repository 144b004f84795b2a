"""Files whole or absent, one process per folder, and replacements that complete or never began."""

import errno
import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from compute import durable
from compute.checkpoint import Checkpoint
from compute.durable import LOCK_NAME, Step, commit, complete, locked, write_record, write_whole
from compute.run import run
from compute.saved import Saver
from compute.state import LayerState
from gluscope_core.errors import DatasetDamaged, FolderBusy
from gluscope_core.manifest import JOURNAL_NAME
from tests.conftest import contents

ROOT = Path(__file__).parent.parent


class Stopped(Exception):
    pass


def test_write_whole_replaces_or_leaves(tmp_path, monkeypatch):
    target = tmp_path / "file"
    write_whole(target, b"old")
    monkeypatch.setattr(durable, "reached", lambda step: (_ for _ in ()).throw(Stopped(step)))
    with pytest.raises(Stopped):
        write_whole(target, b"new")
    assert target.read_bytes() == b"old"


def test_a_lock_keeps_others_out_and_dies_with_its_process(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from compute.durable import locked\n"
        f"with locked(Path({str(tmp_path)!r})): print('locked', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"locked\n"
    with pytest.raises(FolderBusy, match="another process"), locked(tmp_path):
        pass
    holder.kill()
    holder.wait()
    assert (tmp_path / LOCK_NAME).exists()
    with locked(tmp_path):
        pass
    assert not (tmp_path / LOCK_NAME).exists()


@pytest.fixture
def folder(tmp_path) -> Path:
    """A dataset of two old files, and their successors staged."""
    for place, text in ((tmp_path, "old"), (tmp_path / "progress" / "staged", "new")):
        (place / "part").mkdir(parents=True)
        (place / "part" / "a").write_text(f"{text} a")
        (place / "manifest").write_text(f"{text} manifest")
    (tmp_path / "gone").touch()
    return tmp_path


@pytest.mark.parametrize("step", [step for step in Step if "checkpoint" not in step and step is not Step.SENT])
def test_a_commit_that_is_stopped_completes_or_never_began(folder, monkeypatch, step):
    def stop(now: Step) -> None:
        if now is step:
            raise Stopped

    monkeypatch.setattr(durable, "reached", stop)
    with pytest.raises(Stopped):
        commit(folder, folder / "progress" / "staged", ["part/a", "manifest"], obsolete=["gone"])
    monkeypatch.setattr(durable, "reached", lambda _: None)
    begun = (folder / JOURNAL_NAME).exists() or step is Step.COMMITTED
    assert begun == (step not in (Step.STAGED, Step.FILE_WRITTEN))
    complete(folder)
    text = "new" if begun else "old"
    assert (folder / "part" / "a").read_text() == f"{text} a"
    assert (folder / "manifest").read_text() == f"{text} manifest"
    assert (folder / "gone").exists() != begun
    assert not (folder / JOURNAL_NAME).exists()
    assert complete(folder) is False


def test_a_journal_whose_files_are_lost_is_not_completed(folder):
    write_record(folder / JOURNAL_NAME, {"staged": "progress/staged", "names": ["lost"], "obsolete": []})
    with pytest.raises(DatasetDamaged, match="lost"):
        complete(folder)


@pytest.mark.parametrize("name", ["../victim", "/etc/victim", "part/../../victim"])
def test_a_journal_that_reaches_out_of_its_folder_is_refused(folder, name):
    for place in ("names", "obsolete"):
        journal = {"staged": "progress/staged", "names": [], "obsolete": [], place: [name]}
        write_record(folder / JOURNAL_NAME, journal)
        with pytest.raises(DatasetDamaged, match="outside of the dataset"):
            complete(folder)


def some_states() -> dict[int, LayerState]:
    return {0: LayerState.none(torch.zeros(2, dtype=torch.bool), top_k=2, random_k=1, window=4, samples=3)}


def test_a_checkpoint_that_was_altered_is_not_loaded(tmp_path):
    home = Checkpoint(tmp_path)
    home.save(some_states(), 3)
    marker = home.marker()
    assert marker.done == 3
    home.load(marker, [0])
    path = tmp_path / marker.folder / "layer_000.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(DatasetDamaged, match="layer_000"):
        home.load(marker, [0])
    (tmp_path / "checkpoint.json").write_text("{")
    with pytest.raises(DatasetDamaged, match=r"checkpoint\.json"):
        home.marker()


def test_a_marker_that_was_altered_is_not_believed(tmp_path):
    Checkpoint(tmp_path).save(some_states(), 3)
    path = tmp_path / "checkpoint.json"
    path.write_bytes(path.read_bytes().replace(b'"done":3', b'"done":7'))
    with pytest.raises(DatasetDamaged, match="is damaged"):
        Checkpoint(tmp_path).marker()


def test_a_journal_that_was_altered_is_named(folder):
    (folder / JOURNAL_NAME).write_text("{")
    with pytest.raises(DatasetDamaged, match="is damaged"):
        complete(folder)


def test_only_the_last_checkpoint_is_kept(tmp_path):
    for done in (1, 2, 5):
        Checkpoint(tmp_path).save(some_states(), done)
    assert [path.name for path in tmp_path.glob("state-*")] == ["state-000000005"]


def test_saving_takes_its_share_of_the_time():
    """Each save takes 3 seconds, each batch 1: with a share of a quarter, one save per 9 seconds of batches."""
    now = [0.0]

    saved: list[int] = []

    class Slow(Checkpoint):
        def save(self, _, done: int) -> None:
            now[0] += 3
            saved.append(done)

    saver = Saver(Slow(Path()), 0.25, 0, clock=lambda: now[0])
    for batch in range(1, 101):
        now[0] += 1
        saver.save_if_due({}, batch)
    assert saved[0] == 1  # nothing is known of the cost yet, and there is nothing to save
    assert {b - a for a, b in pairwise(saved)} == {9}
    saver.save({}, 101)
    assert saved[-1] == 101


@pytest.mark.parametrize("nth", [1, 2, 5, 9, 14])
def test_a_full_disk_leaves_nothing_half_written(config, finished, tmp_path, monkeypatch, nth):
    """The nth flush fails as on a full disk: the run ends, and repeating it gives the same bytes."""
    calls = iter(range(1, 10**6))
    real = os.fsync

    def full(descriptor: int) -> None:
        if next(calls) == nth:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    mine = replace(config, out=tmp_path / "out", checkpoint_share=1.0)
    with pytest.raises(OSError, match="No space left"):
        run(mine)
    monkeypatch.setattr(os, "fsync", real)
    run(mine)
    assert contents(tmp_path / "out") == contents(finished)

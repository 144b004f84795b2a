"""A full disk ends a stage cleanly: nothing half-written is taken for whole, and the same command then finishes."""

import errno
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import contents
from tests.faults import FullDisk
from tests.stages import STAGES, task_of
from tests.tasks import SMALL_PIECES, Task
from tests.test_texts_stage import model  # noqa: F401


@pytest.fixture
def task(request, config, finished, model, tmp_path, monkeypatch) -> Task:  # noqa: F811
    """Checkpoints after every piece, and commits of two neurons."""
    for patch in SMALL_PIECES:
        monkeypatch.setattr(*patch)
    few = replace(config, checkpoint_share=1.0, batch_tokens=256, layers=(0, 2))
    return task_of(request.param, few, finished, model, tmp_path)


@pytest.mark.parametrize("task", STAGES, indirect=True)
def test_every_write_that_fails(task, tmp_path, how_many, record_property):
    disk = FullDisk(tmp_path)
    whole = task.prepare(tmp_path / "whole")
    with disk.refusing(None):
        task.act(whole)
    wanted, every = contents(whole), disk.asked
    assert every > 20
    failed = 0
    numbers = range(1, every + 1, how_many(every // 3, 1))
    for number in numbers:
        folder = task.prepare(tmp_path / str(number))
        failed += fails(disk, number, task, folder)
        assert task.honest(folder), number
        task.act(folder)
        assert contents(folder) == wanted, number
        shutil.rmtree(folder)
    assert failed > 0.9 * len(numbers)  # threads may ask in another order, or for a folder that another just made
    record_property("failing writes", failed)


def fails(disk: FullDisk, number: int, task: Task, folder: Path) -> bool:
    """Whether the stage ends with an error that says so; else what it leaves is whole, as the test goes on to see."""
    with disk.refusing(number):
        try:
            task.act(folder)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return True
    return False

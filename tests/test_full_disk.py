"""A full disk ends a stage cleanly: nothing half-written is taken for whole, and the same command then finishes."""

import errno
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from compute.config import ExamplesConfig, TextsConfig, WeightsConfig
from compute.examples import examples
from compute.run import run
from compute.texts import texts
from compute.weights import weights
from tests.conftest import contents
from tests.faults import FullDisk
from tests.tasks import SMALL_PIECES, Task, Texts, without_windows
from tests.test_texts_stage import DOCUMENTS, jsonl, model  # noqa: F401

ROOT = Path(__file__).parent.parent
STAGES = ("run", "weights", "examples", "texts")


@pytest.fixture
def task(request, config, finished, model, model_folder, tmp_path, monkeypatch) -> Task:  # noqa: F811
    """Checkpoints after every piece, and commits of two neurons."""
    for patch in SMALL_PIECES:
        monkeypatch.setattr(*patch)
    if request.param == "run":
        mine = replace(config, checkpoint_share=1.0, batch_tokens=256, layers=(0, 2))
        return Task(lambda out: run(replace(mine, out=out)))
    if request.param == "weights":
        return Task(lambda out: weights(WeightsConfig(dataset=out, model=str(model_folder))), finished)
    if request.param == "examples":
        without_windows(finished, tmp_path / "lists")
        asked = ("0.3", "1.4", "2.5")
        return Task(lambda out: examples(ExamplesConfig(out, asked, model=str(model_folder))), tmp_path / "lists")
    (tmp_path / "source.jsonl").write_bytes(jsonl(DOCUMENTS))
    return Texts(lambda out: texts(TextsConfig(str(tmp_path / "source.jsonl"), model, out, tokens=1500)))


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

"""Ctrl-C and SIGTERM: what was done is saved, the message says how to go on, and going on gives the same bytes."""

import os
import signal
import threading
from dataclasses import replace

import pytest

import compute.examples
import compute.imported
import compute.merge
import compute.pages
import compute.run
import compute.texts
import compute.weights
from compute.cli import main
from compute.durable import PROGRESS
from compute.run import run
from compute.stopping import heeding_stops
from gluscope_core import open_dataset
from gluscope_core.errors import Stopped
from tests.conftest import contents
from tests.stages import run_parts, write_pages, write_source
from tests.tasks import without_windows
from tests.test_texts_stage import model  # noqa: F401


@pytest.fixture(autouse=True)
def signals_as_in_a_shell():
    """Whoever started the tests may have had signals ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_goes_on_where_it_was(config, finished, tmp_path, monkeypatch, by):
    mine, seen = replace(config, out=tmp_path / "out"), []
    make_batch = compute.run.make_batch

    def make_or_stop(*arguments):
        seen.append(None)
        if len(seen) == 3:
            os.kill(os.getpid(), by)
        return make_batch(*arguments)

    monkeypatch.setattr(compute.run, "make_batch", make_or_stop)
    with pytest.raises(Stopped, match=rf"{by.name}: 3 of \d+ batches are done and saved"):
        run(mine)
    assert (mine.out / PROGRESS / "checkpoint.json").exists()
    run(mine)
    assert contents(mine.out) == contents(finished)
    assert len(seen) == open_dataset(finished).manifest.run.batches  # none was run twice


def test_the_second_signal_stops_at_once():
    with heeding_stops() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.by is signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_is_ignored_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with heeding_stops() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.by is None


def test_other_threads_are_told_of_no_signals():
    found = []

    def work():
        with heeding_stops() as stop:
            found.append(stop.by)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [None]


UNHEEDED = {
    "run": (compute.run, "load_model"),
    "merge": (compute.merge, "write_dataset"),
    "weights": (compute.weights, "_write"),
    "examples": (compute.examples, "load_model"),
    "texts": (compute.texts, "_write"),
    "import": (compute.imported, "_write"),
    "site": (compute.pages, "_write_pages"),
}
"""Where each stage loads or writes, and no piece of it can be finished first."""


@pytest.fixture
def command(request, config, finished, model, tmp_path) -> list[str]:  # noqa: F811
    """Of a stage, whose output goes to a folder with a space in its name."""
    match stage := request.param:
        case "run":
            given = ["--model", config.model, "--texts", config.texts]
        case "merge":
            given = [*run_parts(config, tmp_path)]
        case "weights":
            given = ["--model", config.model]
        case "examples":
            without_windows(finished, tmp_path / "an out")
            return [stage, str(tmp_path / "an out"), "--neurons", "0.3", "--model", config.model]
        case "texts":
            given = [write_source(tmp_path / "source.jsonl"), "--model", model, "--tokens", "1500"]
        case "import":
            given = [write_pages(tmp_path / "pages")]
        case _:
            given = [finished, "--neurons", "0.3"]
    return [stage, *map(str, given), "--out", str(tmp_path / "an out")]


@pytest.mark.parametrize("command", UNHEEDED, indirect=True)
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_the_message_holds_the_command_that_goes_on(command, tmp_path, monkeypatch, capsys, by):
    def ask(*_: object, **__: object) -> None:
        assert signal.getsignal(by) is signal.default_int_handler  # else this process would end
        os.kill(os.getpid(), by)

    with monkeypatch.context() as patch:
        patch.setattr(*UNHEEDED[command[0]], ask)
        assert main(command) == 130
    said = capsys.readouterr().err
    assert f"nothing is half-written; this goes on: python -m compute {command[0]} " in said
    assert f"'{tmp_path}/an out'" in said
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert main(command) == 0

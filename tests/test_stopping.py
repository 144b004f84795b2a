"""Ctrl-C and SIGTERM: what was done is saved, the message says how to go on, and going on gives the same bytes."""

import os
import signal
import threading
from dataclasses import replace

import pytest

from compute import run as run_stage
from compute.cli import main
from compute.durable import PROGRESS
from compute.run import run
from compute.stopping import heeding_stops
from gluscope_core import open_dataset
from gluscope_core.errors import Stopped
from tests.conftest import contents


@pytest.fixture(autouse=True)
def signals_as_in_a_shell():
    """Whoever started the tests may have had signals ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_goes_on_where_it_was(config, finished, tmp_path, monkeypatch, by):
    mine, seen = replace(config, out=tmp_path / "out"), []
    make_batch = run_stage.make_batch

    def make_or_stop(*arguments):
        seen.append(None)
        if len(seen) == 3:
            os.kill(os.getpid(), by)
        return make_batch(*arguments)

    monkeypatch.setattr(run_stage, "make_batch", make_or_stop)
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


def test_the_message_holds_the_command_that_goes_on(config, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run_stage, "load_model", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    arguments = ["run", "--model", config.model, "--texts", str(config.texts), "--out", str(tmp_path / "an out")]
    assert main(arguments) == 130
    said = capsys.readouterr().err
    assert f"python -m compute run --model {config.model}" in said
    assert f"'{tmp_path}/an out'" in said

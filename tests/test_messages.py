"""Every message of an error names the thing, the reason and the next step: all that stand in the source here, and all
that any test makes our code say by a fixture of every test (`tests/conftest.py`)."""

import pytest

from gluscope_core.errors import BadSettings
from tests.messages import ROOT, SOURCES, Source, problem_with, problem_with_remedy

READ = [Source(path) for path in SOURCES]


def test_every_message_in_the_source(record_property):
    messages = [message for source in READ for message in source.messages()]
    assert len(messages) > 150
    record_property("messages read", len(messages))
    assert not [f"{each.where}: {each.problem}: {each.text}" for each in messages if each.problem]


def test_every_remedy_that_a_message_ends_in():
    takers = {name: at for source in READ for name, at in source.takers().items()}
    remedies = [remedy for source in READ for remedy in source.remedies(takers)]
    assert {remedy.where.partition(":")[0] for remedy in remedies} >= {
        "compute/checkpoint.py",  # given to a function
        "compute/settings.py",  # bound to a name
        "compute/saved.py",  # returned
        "gluscope_core/hub.py",  # of a class
    }
    assert not [f"{each.where}: {each.text}" for each in remedies if problem_with_remedy(each.text)]


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("small: its files lack the weights w and others", "no next step"),
        ("small: all GPUs together are too small for it: layer 3 finds no place", "no next step"),
        ("text 9 does not exist: here has numbers 0 to 8", "no next step"),
        ("a/b: the Hub does not say which commit it has; is HF_ENDPOINT a Hub's?", "no next step"),
        ("x.parquet cannot be read: give up", None),
        ("x.parquet cannot be read:\n\ngive up", "no next step"),
        ("x.parquet cannot be read (it\nends): fetch it again", "more than a line"),
        (f"{'x' * 2000}.parquet cannot be read: fetch it again", "more than a line"),
        ("damaged: fetch it again", "not what is wrong with what"),
        ("--window 5000: give at most 4096", None),
        ("x.parquet is damaged. To mend it, compute it again", None),
        ("x.parquet is damaged: of the run: `texts`", None),
        ("x.parquet is damaged, and to fetch it might help", "no next step"),
        ("a/b refuses hf_abcdefghijkl: try again later", "what is not for its reader"),
    ],
)
def test_the_rule(message, problem):
    assert problem_with(message) == problem


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ('raise BadSettings("it is wrong: give another")', [("it is wrong: give another", "no thing")]),
        ('raise BadSettings(f"{what} is wrong")', [("{} is wrong", "no next step")]),
        (
            '_AGAIN = "write it again"\nraise errors.TextsUnusable(f"{path} ends: {_AGAIN}")',
            [("{} ends: write it again", None)],
        ),
        ('raise DatasetDamaged(f"{path} ends: {self.place.remedy}")', [("{} ends: {remedy}", None)]),
        (
            'raise JoinRefused(f"{x} ends" + ("; see y" if y else f" at {z}"))',
            [("{} ends; see y", None), ("{} ends at {}", "no next step")],
        ),
        ('def _lacks(): return "no `run`"\nraise BadSettings(_lacks())', [("no `run`", "no next step")]),
        ("raise BadSettings(message)", [("{}", "no next step")]),
        ('require(x, f"--x {x}: give more")', [("--x {}: give more", None)]),
        ('raise ValueError("for programmers")\nraise Stopped("a command is added")', []),
    ],
)
def test_what_the_source_says(tmp_path, monkeypatch, source, texts):
    monkeypatch.setattr("tests.messages.ROOT", tmp_path)
    (tmp_path / "made_up.py").write_text(source)
    found = list(Source(tmp_path / "made_up.py").messages())
    assert [(each.text, each.problem) for each in found] == texts


def test_what_a_test_makes_our_code_say_is_looked_at(said_wrongly):
    for place, message in (("compute", "x ends"), ("gluscope_core", "x is none: give y"), ("tests", "made up")):
        with pytest.raises(BadSettings):
            exec(compile(f"raise BadSettings({message!r})", ROOT / place / "here.py", "exec"))
    assert said_wrongly == ["compute/here.py:1: no next step: x ends"]
    said_wrongly.clear()

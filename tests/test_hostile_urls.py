"""Addresses as attackers write them: what they name is found or not, in little time, and nothing else is opened."""

import socket
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from urllib.parse import quote

import pytest
from streamlit.testing.v1 import AppTest

from gluscope_core import NeuronId, open_dataset
from gluscope_core.discover import ANY_VARIABLE, FOLDERS_VARIABLE, offers, wanted
from gluscope_core.errors import BadNeuronId, BadSettings, DatasetNotFound, GluscopeError, NoSuchNeuron
from gluscope_core.examples_view import Choice
from gluscope_core.io_tables import Cell
from gluscope_core.metrics import METRICS
from gluscope_core.neuron_list import from_file, parse_list
from gluscope_core.pairs import parse_layers
from gluscope_core.places import Place, find_place
from gluscope_core.query import parse
from gluscope_core.token_search import Lexicon
from gluscope_core.ui import choice
from tests.hostile import ATTACKS, ROOT, little_memory, noise, strings

PAGES = tuple(sorted(path.name for path in (ROOT / "pages").glob("*.py")))
KEYS = (
    "data", "revision", "neuron", "case", "quantity", "kind", "list", "text", "every", "signs", "matrix", "a", "b",
    "ids", "view", "cell", "with", "axes", "axis", "x", "y", "color", "colour", "layers", "layer", "tau", "page",
    "token",
    "vector", "sign", "fires", "class", "role", "sort", "values", "gate_in", "gate_out", "in_out", "turn", "find", "p",
)  # fmt: skip
NUMBERS = (
    "-1", "-0", "+1", "0", "00", "0x10", "1e309", "-1e309", "1e-400", "nan", "NaN", "inf", "-inf", "1_000", "1,000",
    "٣.٤", "³.¹", "１.２", "𝟏.𝟐", "Ⅷ.1", "1.", ".1", "1..2", "1.2.3", "1.-2", "-1.2", "L-1N-1", "L1N2N3", "1/2/3",
    "99999999999999999999.1", "1.99999999999999999999", "0000001.1", "1.000000003", "1.3\x00", "1.3\n", " 1 . 3 ",
    "1.3;", "1.3' or 1=1", "1.3#", "1.3?x", "%31.%33", "1%2e3", "1\u20603", "1\u202e.3", "1．3", "true", "None", "0-9,",
    "9-0", "0-999999", "-", "--", ",", ",,,", "..", "0..", "..0", "1..0", "nan..nan", "-inf..inf", "1e309..",
    "0..1e309",
)  # fmt: skip
LONG = ("9", "0", "1.", ",", "-", "a", "%", "\u0663", "0.1,", "0,", "0-1,", "'", " ")
USUAL = ("pp", "nn", "any", "all", "gate+_in+", "post", "top", "1.3", "0.0", "mean_post", "prediction")
PLACES = (
    "/etc", "/etc/passwd", "../", "../../../../etc", "..\\..\\", "/proc/self", "file:///etc/passwd", "~", "~root", ".",
    "http://127.0.0.1:22/", "http://169.254.169.254/latest/meta-data", "//attacker.invalid/x", "attacker.invalid/x",
    "user/name@../..", "user/name?x", "user/../../x", "user/name/../../../x", "a/b", "datasets/a/b", "\\\\host\\share",
    "a\x00b", "a/b\x00", "ftp://a/b", "http:a/b", "user:pass@host/x", "[::1]/x", "0/0", "..../....", "%2e%2e/%2e%2e",
)  # fmt: skip

_MOST_MEMORY = 300
"""MB, of as many addresses as are tried."""


def value(random: Random) -> str:
    makers = (
        lambda: random.choice(NUMBERS),
        lambda: random.choice(PLACES),
        lambda: next(strings(random)),
        lambda: random.choice(LONG) * random.choice((1, 7, 50, 3_000, 60_000)),
        lambda: quote(next(strings(random)))[: random.randint(0, 400)],
        lambda: random.choice(NUMBERS) + random.choice((".", "..", ",", "/", "N", "-")) + random.choice(NUMBERS),
        lambda: noise(random),
        lambda: random.choice(USUAL),
    )
    return random.choice(makers)()


def address(random: Random, keys: tuple[str, ...]) -> dict[str, str | list[str]]:
    """Mostly one page's own keys; some are repeated, some nobody knows."""
    found: dict[str, str | list[str]] = {}
    for _ in range(random.randint(1, 5)):
        key = random.choice(keys) if random.random() < 0.95 else (noise(random) or "x")
        found[key] = [value(random) for _ in range(3)] if random.random() < 0.1 else value(random)
    return found


def parsers(folder: Path) -> dict[str, Callable[[str], object]]:
    manifest = open_dataset(folder).manifest
    lexicon = Lexicon(open_dataset(folder).vocab)
    keys = [
        *("token", "vector", "matrix", "sign", "fires", "case", "class", "role", "layers", "tau", "sort"),
        METRICS[0].key,
    ]
    offered = offers(folder.parent)
    return {
        "neuron": lambda text: NeuronId.existing(text, manifest.layers, manifest.model.d_mlp),
        "id": NeuronId.parse,
        "layers": lambda text: parse_layers(text, manifest.layers),
        "choice": lambda text: Choice.parse(text, text, text),
        "cell": Cell.parse,
        "list": parse_list,
        "file": lambda text: from_file("x", text.encode()),
        "query": lambda text: [parse({key: text, "token": "a"}, manifest) for key in keys],
        "keys": lambda text: parse({text: "0..1", "sort": text}, manifest),
        "token": lexicon.find,
        "data": lambda text: wanted(text, offered),
    }


def test_parsers(with_weights, how_many, record_property, monkeypatch):
    """Named errors alone, each short; a neuron is one that was named, in ASCII digits."""
    monkeypatch.setenv(FOLDERS_VARIABLE, str(with_weights))
    random, tries, read = Random(11), how_many(400, 8_000), parsers(with_weights)
    for number in range(tries):
        text = value(random) if number else "9" * 10**6 + "." + "9" * 10**6
        for name, parser in read.items():
            started = time.perf_counter()
            try:
                found = parser(text)
            except GluscopeError as error:
                assert len(str(error)) < 700, (name, text[:40])
            else:
                if name in ("neuron", "id"):
                    layer, neuron = "".join(c if c in "0123456789" else " " for c in text).split()
                    assert found == (int(layer), int(neuron))
                assert name != "data" or text == with_weights.name
            assert time.perf_counter() - started < 3, (name, text[:40])
    record_property("hostile values parsed", tries * len(read))


@pytest.mark.parametrize("text", [text for text in NUMBERS if text not in ("0", "00")])
def test_rubbish_is_never_neuron_0(text):
    try:
        found = NeuronId.existing(text, range(3), 24)
    except (BadNeuronId, NoSuchNeuron):
        return
    assert str(found) == text.strip()


@pytest.mark.parametrize("text", ["00000014", "1-\u0662", "\u0663", "1" * 10**6, "0," * 10**6, "1--2", "-1"])
def test_layers_are_those_that_were_named(text):
    with pytest.raises(BadSettings):
        parse_layers(text, [0, 1, 2])


@pytest.fixture
def shelf(with_weights, monkeypatch) -> Path:
    monkeypatch.setenv(FOLDERS_VARIABLE, str(with_weights))
    monkeypatch.delenv(ANY_VARIABLE, raising=False)
    return with_weights


@pytest.fixture
def nothing_else(shelf, monkeypatch) -> list[str]:
    """What was opened that is not offered, and hosts that were asked for."""
    touched: list[str] = []

    def connect(_: object, to: object, *__: object) -> None:
        touched.append(str(to))
        raise OSError("not in this test")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: connect(None, host))

    def found(named: str | Path, revision: str | None = None) -> Place:
        if str(named) != str(shelf):
            touched.append(str(named))
        return find_place(named, revision)

    monkeypatch.setattr(choice, "find_place", found)
    return touched


def visit(page: str, query: dict[str, str | list[str]]) -> AppTest:
    app = AppTest.from_file(ROOT / "streamlit_app.py", default_timeout=60)
    for key, values in query.items():
        app.query_params[key] = values
    app.run()
    return app.switch_page(f"pages/{page}").run()


def test_pages(nothing_else, how_many, record_property):
    random, tries = Random(12), how_many(10, 2_000)
    keys = tuple(key for key in KEYS if key not in ("data", "revision"))
    with little_memory(_MOST_MEMORY):
        for number in range(tries):
            page, query = PAGES[number % len(PAGES)], address(random, keys)
            started = time.perf_counter()
            app = visit(page, query)
            assert not app.exception, (page, query, [each.message for each in app.exception])
            assert time.perf_counter() - started < 30
    assert nothing_else == []
    record_property("hostile addresses visited", tries)


def test_datasets_that_are_not_offered_are_not_touched(nothing_else, how_many, record_property):
    """No request and no folder, whatever the address names."""
    named = [*PLACES, *ATTACKS, "openai/x", "x" * 5_000]
    offered = offers(ROOT)
    for name in named:
        with pytest.raises(DatasetNotFound, match="There is no dataset"):
            wanted(name, offered)
    for name in named[: how_many(3, len(named))]:
        app = visit("overview.py", {"data": name, "revision": name})
        assert not app.exception
        assert "There is no dataset" in app.error[0].value
    assert nothing_else == []
    record_property("datasets that are not offered", len(named))


@pytest.mark.parametrize(
    "name", ["a\x00b", "x" * 5_000, "/proc/1/root", "~", "/dev/zero", "\ud800".encode("utf-8", "replace").decode()]
)
def test_where_any_may_be_opened_odd_names_are_explained(monkeypatch, name):
    monkeypatch.setenv(ANY_VARIABLE, "1")
    app = visit("overview.py", {"data": name})
    assert not app.exception
    assert app.error

"""Strings as attackers write them, through everything that shows or exports words: they stay words."""

import csv
import io
import json
import shutil
from pathlib import Path
from random import Random

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from gluscope_core import NeuronId, open_dataset
from gluscope_core.highlight import Opened, counts_html
from gluscope_core.markdown import code, escaped
from gluscope_core.neuron_export import examples_csv, figures_csv, neuron_json
from gluscope_core.neuron_view import NeuronView
from gluscope_core.search_table import results_csv, results_html
from gluscope_core.spreadsheet import csv_bytes, unguarded
from gluscope_core.static_page import page_html, token_texts
from gluscope_core.token_text import visible
from gluscope_core.vocabulary import SignConvention, Vector
from tests.hostile import poison, strings
from tests.test_highlight import read, vocabulary, written
from tests.test_static_page import TAGS, Seen

RENDERER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


@pytest.fixture(scope="module")
def poisoned(with_weights, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("poisoned") / "dataset"
    shutil.copytree(with_weights, folder)
    poison(folder)
    return folder


def some(seed: int, count: int) -> list[str]:
    source = strings(Random(seed))
    return [next(source) for _ in range(count)]


def test_tokens(how_many, record_property):
    """In windows, whole texts and counts: only our tags and attributes, and what is shown is what was there."""
    tries = how_many(600, 12_000)
    texts = [text.encode(errors="ignore").decode() for text in some(1, tries)]
    for start in range(0, tries, 12):
        tokens = texts[start : start + 12]
        shown = read(written(tokens, 3, every=True, opened=Opened("5.3", list(range(len(tokens))))))
        counted = read(counts_html(tokens[0], [(number, 2) for number in range(len(tokens))], vocabulary(tokens)))
        for token in tokens:
            assert visible(token) in shown
        assert all(visible(token) in counted for token in tokens)
    record_property("hostile tokens", tries)


def test_nothing_invisible_is_left():
    for text in some(2, 500):
        assert not any(mark in visible(text) for mark in "\u202e\u2066\u200b\x00\x1b\n\u2028\ufeff\x85")


def test_words_in_markdown(how_many, record_property):
    """Rendered as Streamlit's pages are, with HTML allowed, there is one paragraph of plain text."""
    tries = how_many(1_500, 15_000)
    for text in some(3, tries):
        tokens = RENDERER.parse(f"x {escaped(text)} x")
        assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
        assert {child.type for child in tokens[1].children or []} <= {"text", "text_special", "softbreak"}
        assert "".join(child.content for child in tokens[1].children or []) == f"x {' '.join(text.split())} x".replace(
            "\0", "\ufffd"
        )
        [inline] = [token for token in RENDERER.parse(f"x {code(text)} x") if token.type == "inline"]
        assert [child.type for child in inline.children or []] == ["text", "code_inline", "text"]
    record_property("hostile strings in Markdown", tries)


def test_spreadsheets(how_many, record_property):
    """Nothing that a spreadsheet would run, and back again what it was."""
    texts = some(4, how_many(2_000, 20_000))
    content = csv_bytes(pd.DataFrame({"text": texts, "number": range(len(texts))})).decode()
    rows = list(csv.reader(io.StringIO(content, newline="")))[1:]
    assert len(rows) == len(texts)
    for (cell, _), text in zip(rows, texts, strict=True):
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
        assert unguarded(cell) == text
    record_property("hostile strings in CSV", len(texts))


def test_search_tables():
    rows = pd.DataFrame({"layer": 0, "neuron": range(400), "io_class": some(5, 400), "role": some(6, 400)})
    rows = rows.assign(**{f"{case}_freq": 0.25 for case in ("gate+_in+", "gate+_in-", "gate-_in+", "gate-_in-")})
    words = some(7, 400)
    tokens = {NeuronId(0, number): {Vector.GATE: [words[number]]} for number in range(400)}
    html = results_html(rows, [], lambda neuron: f"neuron?neuron={neuron}&x={words[neuron.neuron]}", tokens)
    seen = Seen(html)
    assert seen.tags <= {
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "span",
        "small",
        "q",
        "a",
        "br",
        "svg",
        "rect",
        "path",
        "title",
    }
    assert not [name for name in seen.attributes if name.startswith("on") or name in ("src", "action", "formaction")]
    assert all(address.startswith("neuron?") for address in seen.addresses)
    shown = "".join(seen.texts)
    assert all(word in shown for word in words if word.isprintable())
    assert len(list(csv.reader(io.StringIO(results_csv(rows).decode(), newline="")))) == 401


def test_pages_and_exports_of_a_poisoned_dataset(poisoned, how_many, record_property):
    pages = how_many(2, 24)
    dataset = open_dataset(poisoned)
    texts = token_texts(dataset)
    for number in range(pages):
        view = NeuronView.of(dataset, NeuronId(1, number), SignConvention.ALIGNED)
        seen = Seen(page_html(view, texts))
        assert seen.tags <= TAGS
        assert not [name for name in seen.attributes if name.startswith("on")]
        assert seen.addresses == []
        assert dataset.manifest.model.id in "".join(seen.texts)
        found = view.examples().all()
        exported = json.loads(neuron_json(view, found, view.weights(), texts))
        assert exported["model"] == dataset.manifest.model.id
        rows = list(csv.reader(io.StringIO(examples_csv(view, found, texts).decode(), newline="")))
        assert len(rows) == len(found) + 1
        text_columns = [rows[0].index(name) for name in ("token", "next_token", "window")]
        assert not any(row[column][:1] in ("=", "@", "+", "-", "\t") for row in rows[1:] for column in text_columns)
        assert len(list(csv.reader(io.StringIO(figures_csv(view.row).decode(), newline="")))) == 2
    record_property("poisoned pages", pages)

"""Examples as HTML: hostile tokens stay text, colours stay readable, sizes stay small."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluscope_core.examples_view import Example
from gluscope_core.highlight import Colouring, ExamplesHtml, Opened, counts_html, legend_html
from gluscope_core.palette import NEGATIVE, POSITIVE
from gluscope_core.provenance import Source, read_source
from gluscope_core.token_text import TokenTexts
from gluscope_core.vocabulary import Case, Matrix, Quantity
from gluscope_core.weight_lists import token_lists_html
from tests.contrast import READABLE, ROOT, THEMES, contrast, mixed, rgb

HOSTILE = [
    "<script>alert(1)</script>",
    "</td></span>",
    "&amp;",
    '" onmouseover="x',
    "[a](javascript:x)",
    "\u202e",
    "'",
    "<",
]
TAGS = {"div", "span", "b", "i", "q", "button", "small", "p", "h3"}
ATTRIBUTES = {
    "class", "role", "title", "style", "data-v", "data-open", "data-quantity", "dir", "tabindex", "aria-label",
    "aria-expanded",
}  # fmt: skip


class Reader(HTMLParser):
    """Keeps to what the view may contain; anything else was let through."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        assert tag in TAGS
        assert {name for name, _ in attrs} <= ATTRIBUTES
        for name, value in attrs:
            if name == "style":
                assert re.fullmatch(r"--(a:\d{1,3}|case:#[0-9a-f]{6})", value)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(html: str) -> str:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader.text


def vocabulary(tokens: list[str]) -> TokenTexts:
    return TokenTexts(pd.DataFrame({"bytes": [token.encode() for token in tokens], "display": tokens}))


def example(size: int, at: int, **others: object) -> Example:
    gate, x_in = np.linspace(-2, 2, size), np.linspace(3, -1, size)
    activations = {Quantity.GATE: gate, Quantity.IN: x_in, Quantity.ACT: gate / 2, Quantity.POST: gate * x_in / 2}
    tokens = np.arange(size, dtype=np.int32)
    return Example(Case.GATE_POS_IN_POS, Quantity.POST, 0, 1.23456789, 5, at, 0, tokens, activations, **others)


def written(tokens: list[str], at: int, *, every: bool = False, opened: Opened | None = None) -> str:
    source = {5: Source("<b>short</b>", '"><script>full')}
    html = ExamplesHtml(vocabulary(tokens), Colouring(Quantity.POST, 2.0, every_token=every), source)
    return html.listing([example(len(tokens), at)], opened)


@given(st.lists(st.sampled_from(HOSTILE) | st.text(max_size=6), min_size=1, max_size=12), st.data())
def test_tokens_are_text_and_nothing_else(tokens, data):
    tokens = [token.encode(errors="ignore").decode() for token in tokens]
    at = data.draw(st.integers(0, len(tokens) - 1))
    opened = Opened(f"5.{at}", list(range(len(tokens))))
    text = read(written(tokens, at, every=True, opened=opened))
    assert "\u202e" not in text


def test_other_parts_escape_too():
    texts = vocabulary(HOSTILE)
    shown = read(counts_html("fired <on>", [(token, 2) for token in range(len(HOSTILE))], texts))
    assert HOSTILE[0] in shown
    tokens = pd.DataFrame(
        {
            "vector": ["w_gate", "w_in"] * 4,
            "matrix": "W_U",
            "sign": 1,
            "token": range(8),
            "dot": np.float16(1.5),
            "cosine": np.float16(0.25),
        }
    )
    assert HOSTILE[1] in read(token_lists_html(tokens, Matrix.UNEMBED, texts))


def test_only_tokens_of_the_case_are_coloured_unless_all_are():
    tokens = list("abcdefgh")
    coloured = re.compile(r"--a:\d+")
    of_case = [gate > 0 and x_in > 0 for gate, x_in in zip(np.linspace(-2, 2, 8), np.linspace(3, -1, 8), strict=True)]
    assert len(coloured.findall(written(tokens, 5))) == sum(of_case)
    assert len(coloured.findall(written(tokens, 5, every=True))) == len(tokens)


def test_values_of_a_token_in_the_order_of_the_tip():
    html = written(list("abcdefgh"), 7)
    assert '<b class="t n"' not in html
    assert 'data-v="2.00 -1.00 1.00 -1.00" tabindex=0>h</b>' in html
    assert 'title="1.23456789">1.23<' in html


def test_one_symmetric_scale():
    colouring = Colouring(Quantity.POST, 2.0)
    assert [colouring.strength(value) for value in (-4, -2, -1, 0, 1, 2, 4)] == [-100, -100, -50, 0, 50, 100, 100]
    assert colouring.strength(float("nan")) == 0
    assert Colouring(Quantity.POST, 0.0).strength(1) == 0
    assert "−2.00" in legend_html(colouring)


def test_the_whole_text():
    html = written(list("abc"), 1, opened=Opened("5.1", [0, 1, 2, 1, 0]))
    assert read(html).endswith("abcba")
    assert 'aria-expanded="true"' in html


def test_twins_and_the_end():
    texts = vocabulary(list("abc"))
    one = example(3, 2).with_twin(example(3, 2))
    html = ExamplesHtml(texts, Colouring(Quantity.POST, 2.0), {}).listing([one])
    assert "×2" in read(html)
    assert "end" in read(html)


def test_the_text_of_a_twin_is_opened_in_the_row_that_stands_for_it():
    one = replace(example(3, 2), text=5).with_twin(replace(example(3, 1), text=6))
    writer = ExamplesHtml(vocabulary(list("abc")), Colouring(Quantity.POST, 2.0), {})
    html = writer.listing([one], Opened("6.1", [0, 1, 2, 0]))
    assert read(html).endswith("abca")
    assert 'data-open="6.1" aria-expanded="true"' in html
    assert 'data-open="5.2" aria-expanded="false"' in writer.listing([one], Opened("7.1", [0]))


def test_sources():
    assert read_source(None) == Source()
    assert read_source("books/1").short == "books/1"
    named = read_source('{"place": "a.jsonl:3", "metadata": {"title": "Opticks", "language": "en"}}')
    assert named == Source("Opticks", "place: a.jsonl:3\ntitle: Opticks\nlanguage: en")
    assert read_source("[1]").short == "[1]"
    assert read_source('{"metadata": 3}').short == ""


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("hue", [POSITIVE, NEGATIVE])
def test_text_on_the_strongest_colour_is_readable(theme, hue):
    css = (ROOT / "gluscope_core" / "view.css").read_text()
    assert hue in css
    [share] = {float(share) for share in re.findall(r"calc\(var\(--a\) \* (\.\d+)%\)", css)}
    coloured = mixed(hue, theme["backgroundColor"], share)
    assert contrast(coloured, rgb(theme["textColor"])) >= READABLE


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_lesser_text_is_readable(theme):
    css = (ROOT / "gluscope_core" / "view.css").read_text()
    share = int(re.search(r"--soft: color-mix\(in srgb, var\(--text\) (\d+)%", css)[1]) / 100
    page = theme["backgroundColor"]
    assert contrast(mixed(theme["textColor"], page, share), rgb(page)) >= READABLE

"""Tables whose rows lead on: relative links, numbers to read, words that stay words."""

import numpy as np

from gluscope_core.linked_table import Button, Link, Share, linked_table, page_address
from tests.test_static_page import NASTY, Seen


def test_links_are_relative_and_keep_the_session():
    address = page_address("neuron", {"data": "a/b c", "neuron": "8.997"})
    html = linked_table([("neuron", [Link("8.997", address)])], "Neurons")
    assert Seen(html).addresses == ["neuron?data=a%2Fb+c&neuron=8.997"]
    assert "data-go" in Seen(html).attributes
    assert page_address(".", {}) == "."


def test_numbers_words_and_nothing():
    cells = [
        ("neuron", [Link("1.2", "."), Link("1.3", ".")]),
        ("layer", [12_345, None]),
        ("cos", [-0.123456, np.nan]),
        ("freq", [Share(0.0123456), Share(0.5)]),
        ("class", ["depletion", None]),
        ("", [Button("card", "1.2"), Button("card", "1.3")]),
    ]
    html = linked_table(cells, "Neurons")
    assert '<td>12,345</td><td title="-0.123456">−0.123</td><td title="0.0123456">1.23\u202f%</td>' in html
    assert html.count("<td>–</td>") == 3
    assert '<th scope="col" class="word">class</th>' in html
    assert '<button data-neuron="1.3" aria-label="card of 1.3">card</button>' in html


def test_words_stay_words():
    html = linked_table([(NASTY, [Link(NASTY, NASTY)]), ("a", [NASTY]), ("b", [Button(NASTY, NASTY)])], NASTY)
    assert Seen(html).tags <= {"div", "table", "thead", "tbody", "tr", "th", "td", "a", "button"}
    assert Seen(html).addresses == [NASTY]
    assert Seen(html).texts == [NASTY, "a", "b", NASTY, NASTY, NASTY]

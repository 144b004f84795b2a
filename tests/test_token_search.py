"""Tokens are found as people type them."""

import pandas as pd
import pytest

from gluscope_core.token_search import Lexicon

STRINGS = [
    b" again",
    b"again",
    b"Again",
    b" Again",
    b"5",
    b"\n",
    b" ",
    b"  ",
    b"dis",
    b"est",
    b" dis",
    b"ab",
    b"\xf0\x9f",
    b"=x",
]


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    rows = [*((raw, raw.decode(errors="replace")) for raw in STRINGS), (None, "<pad>"), (b"again", "again")]
    return Lexicon(pd.DataFrame(rows, columns=["bytes", "display"]))


@pytest.mark.parametrize(
    ("typed", "token"),
    [
        *(("again", 1), (" again", 0), ("·again", 0), ("Again", 2), ("5", 4), ("\n", 5), ("↵", 5), (" ", 6)),
        *(("··", 7), ("<pad>", 14)),
    ],
)  # fmt: skip
def test_exactly(lexicon, typed, token):
    found = lexicon.find(typed)
    assert (found.token, found.exact) == (token, True)


def test_others_with_the_same_letters_are_offered_the_same_capitals_first(lexicon):
    assert lexicon.find("again").variants == (15, 0, 3, 2)
    assert lexicon.find(" again").variants == (1, 15, 3, 2)


def test_without_an_exact_one_the_nearest_is_taken(lexicon):
    found = lexicon.find("AGAIN")
    assert (found.token, found.exact, found.variants) == (3, False, (0, 2, 1, 15))


def test_by_number(lexicon):
    assert lexicon.find("id:7").token == 7
    assert lexicon.find(" id: 7 ").token == 7
    assert lexicon.find("7").token == 7  # no token is "7"
    assert lexicon.find("id:99").token is None
    assert lexicon.find("99").token is None


def test_a_word_of_several_tokens_offers_the_longest(lexicon):
    assert lexicon.find("disest").pieces == (8, 9)
    assert lexicon.find("disestdis").pieces == (8, 9, 8)
    assert lexicon.find("disx").pieces == ()
    assert lexicon.find("x" * 10_000).token is None


@pytest.mark.parametrize("hostile", ["", "\x00", "<script>", "id:", "id:-1", "id:999999999999999", "%s", "٣", "\ud800"])
def test_nothing_else_is_found(lexicon, hostile):
    assert lexicon.find(hostile).token is None


def test_what_is_found_again(lexicon):
    for token in range(16):
        assert lexicon.find(lexicon.spelling(token)).token == token
    assert lexicon.spelling(15) == "id:15"  # looks like 1


def test_labels_show_spaces(lexicon):
    assert [lexicon.label(token) for token in (0, 5, 7, 99)] == ["·again", "↵", "··", "[99]"]

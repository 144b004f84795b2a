"""Tokens as people read them, the hostile ones too."""

import pandas as pd
import pytest

from gluscope_core.token_text import Piece, TokenTexts, visible


def texts(*tokens: bytes | None) -> TokenTexts:
    display = [token.decode(errors="replace") if token else f"id {at}" for at, token in enumerate(tokens)]
    return TokenTexts(pd.DataFrame({"bytes": tokens, "display": display}))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" again", " again"),
        ("  ", "··"),
        ("\n", "↵"),
        ("\t", "⇥"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("\u200b", "⟨U+200B⟩"),
        ("\x00", "⟨U+0000⟩"),
        ("👩\u200d🔬", "👩\u200d🔬"),
        ("<script>", "<script>"),
    ],
)
def test_nothing_is_invisible(text, shown):
    assert visible(text) == shown


def test_pieces_of_a_character_are_joined():
    euro = "€".encode()
    vocabulary = texts(b"5", euro[:1], euro[1:], b"!")
    assert vocabulary.pieces([0, 1, 2, 3]) == [Piece("5", 0, 1), Piece("€", 1, 2), Piece("!", 3, 1)]
    assert vocabulary.plain([0, 1, 2, 3]) == "5€!"


def test_a_lone_piece_is_shown_by_its_bytes():
    euro = "€".encode()
    vocabulary = texts(euro[:1], b"a")
    assert [piece.text for piece in vocabulary.pieces([0, 1])] == ["\\xe2", "a"]


def test_without_bytes_ids_are_shown():
    assert texts(None, b"a").one(0) == "id 0"
    assert texts(b"a").one(7) == "[7]"
    assert texts(None, b"a").plain([0, 1, 0]) == "id 0aid 0"

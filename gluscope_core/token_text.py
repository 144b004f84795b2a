"""Tokens as people read them: pieces of split characters joined, whitespace and invisible characters made visible."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gluscope_core.columns import VocabColumn

_LONGEST_CHARACTER = 4
"""Bytes of UTF-8."""
_SHOWN = {"\n": "\u21b5", "\r": "\u240d", "\t": "\u21e5"}
_HIDDEN = {"Cc", "Cf", "Zl", "Zp", "Co", "Cn", "Cs"}
_JOINERS = {"\u200c", "\u200d"}
"""They shape letters and emoji, and turn nothing round."""


@dataclass(frozen=True)
class Piece:
    """What is shown as one: a token, or several that make up one character."""

    text: str
    first: int
    """Where its first token stands."""
    size: int


class TokenTexts:
    """The strings of token ids, from the vocabulary of a dataset."""

    def __init__(self, vocab: pd.DataFrame) -> None:
        self._bytes = vocab[VocabColumn.BYTES].to_dict()
        self._display = vocab[VocabColumn.DISPLAY].to_dict()

    @classmethod
    def unknown(cls) -> "TokenTexts":
        """Where there is no vocabulary: ids stand for their tokens."""
        return cls(pd.DataFrame({VocabColumn.BYTES.value: [], VocabColumn.DISPLAY.value: []}))

    def one(self, token: int) -> str:
        """A token alone."""
        return self._visible(self._raw(token), token)

    def pieces(self, tokens: Sequence[int] | np.ndarray) -> list[Piece]:
        """A text, piece by piece."""
        pieces, at = [], 0
        while at < len(tokens):
            size = self._size_of_piece(tokens, at)
            raw = b"".join(self._raw(int(token)) or b"" for token in tokens[at : at + size])
            pieces.append(
                Piece(self._visible(raw if size > 1 else self._raw(int(tokens[at])), int(tokens[at])), at, size)
            )
            at += size
        return pieces

    def plain(self, tokens: Sequence[int] | np.ndarray) -> str:
        """A text as a string, for searching and for downloads."""
        return "".join(
            raw.decode(errors="replace") if isinstance(raw, bytes) else part for raw, part in self._runs(tokens)
        )

    def _runs(self, tokens: Sequence[int] | np.ndarray) -> list[tuple[bytes | None, str]]:
        """Bytes of neighbours together, so that characters split between them are whole."""
        runs: list[tuple[bytes | None, str]] = []
        for token in tokens:
            raw = self._raw(int(token))
            if raw is not None and runs and runs[-1][0] is not None:
                runs[-1] = (runs[-1][0] + raw, "")
            else:
                runs.append((raw, "" if raw is not None else self._display.get(int(token), f"[{token}]")))
        return runs

    def _raw(self, token: int) -> bytes | None:
        raw = self._bytes.get(token)
        return raw if isinstance(raw, bytes) else None

    def _size_of_piece(self, tokens: Sequence[int] | np.ndarray, at: int) -> int:
        """How many tokens it takes until their bytes are whole characters; 1 where they never are."""
        raw = b""
        for size in range(1, _LONGEST_CHARACTER + 1):
            if at + size > len(tokens):
                return 1
            part = self._raw(int(tokens[at + size - 1]))
            if part is None:
                return 1
            raw += part
            if _is_whole(raw):
                return size
        return 1

    def _visible(self, raw: bytes | None, token: int) -> str:
        if raw is None:
            return visible(self._display.get(token, f"[{token}]"))
        if not _is_whole(raw):
            return visible(raw.decode(errors="backslashreplace"))
        return visible(raw.decode())


def visible(text: str) -> str:
    """Nothing in it is invisible, breaks a line, or turns the direction of writing."""
    if text and not text.strip(" "):
        return "\u00b7" * len(text)
    return "".join(_visible_character(character) for character in text)


def _visible_character(character: str) -> str:
    if character in _SHOWN:
        return _SHOWN[character]
    if character in _JOINERS or unicodedata.category(character) not in _HIDDEN:
        return character
    return f"\u27e8U+{ord(character):04X}\u27e9"


def _is_whole(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True

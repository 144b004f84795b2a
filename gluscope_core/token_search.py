"""Finding a token by its string: exactly, with a space before it, in other capitals, by its number, or in pieces."""

import re
from collections import defaultdict
from dataclasses import dataclass

import pandas as pd

from gluscope_core.columns import VocabColumn
from gluscope_core.token_text import visible

_BY_NUMBER = re.compile(r"id:\s*([0-9]{1,9})")
_LONGEST_WORD = 120
_SPACE, _SHOWN_SPACE = " ", "·"
_TYPED = {"↵": "\n", "⇥": "\t"}
"""What is shown for whitespace may be typed for it."""


@dataclass(frozen=True)
class TokenMatch:
    """What a string may mean in a vocabulary."""

    asked: str
    token: int | None
    """None where no token looks like it."""
    exact: bool = True
    variants: tuple[int, ...] = ()
    """Other tokens with the same letters."""
    pieces: tuple[int, ...] = ()
    """Where it is several tokens: the longest ones that make it up."""


class Lexicon:
    """The strings of a vocabulary, made ready for looking up."""

    def __init__(self, vocab: pd.DataFrame) -> None:
        strings = map(_string, vocab[VocabColumn.BYTES], vocab[VocabColumn.DISPLAY])
        self._strings = dict(zip(vocab.index.tolist(), strings, strict=True))
        self._ids: dict[str, list[int]] = defaultdict(list)
        self._folded: dict[str, list[int]] = defaultdict(list)
        for token, string in self._strings.items():
            self._ids[string].append(token)
            self._folded[string.strip().casefold()].append(token)
        self._longest = max(map(len, self._ids), default=0)

    def __contains__(self, token: int) -> bool:
        return token in self._strings

    def label(self, token: int) -> str:
        """Where spaces at the beginning must be seen."""
        text = self._strings.get(token, f"[{token}]")
        bare = text.lstrip(_SPACE)
        return _SHOWN_SPACE * (len(text) - len(bare)) + visible(bare)

    def spelling(self, token: int) -> str:
        """What finds this very token: its string, or its number where others look the same."""
        string = self._strings[token]
        return string if self._ids[string][0] == token and string.strip() else f"id:{token}"

    def find(self, text: str) -> TokenMatch:
        if named := _BY_NUMBER.fullmatch(text.strip()):
            token = int(named[1])
            return TokenMatch(text, token if token in self else None)
        exact = self._exact(text)
        variants = [token for token in self._same_letters(text) if token not in exact]
        if exact:
            return TokenMatch(text, exact[0], variants=(*exact[1:], *variants))
        if variants:
            return TokenMatch(text, variants[0], exact=False, variants=tuple(variants[1:]))
        if text.strip().isascii() and text.strip().isdigit() and int(text.strip()[:9]) in self:
            return TokenMatch(text, int(text.strip()[:9]), exact=False)
        return TokenMatch(text, None, pieces=self._pieces(text[:_LONGEST_WORD]))

    def _exact(self, text: str) -> list[int]:
        return self._ids.get(text) or self._ids.get(_as_meant(text)) or []

    def _same_letters(self, text: str) -> list[int]:
        """Those with a space before them and the same capitals first."""
        bare = _as_meant(text).strip()
        found = self._folded.get(bare.casefold(), []) if bare else []
        return sorted(found, key=lambda token: (self._strings[token].strip() != bare, self._strings[token], token))

    def _pieces(self, text: str) -> tuple[int, ...]:
        """Of the word alone or with a space before it, whichever takes fewer."""
        bare = text.strip()
        ways = [self._longest_first(start + bare) for start in ("", _SPACE)]
        return min(ways, key=lambda pieces: (pieces is None, len(pieces or ()))) or ()

    def _longest_first(self, text: str) -> tuple[int, ...] | None:
        pieces, at = [], 0
        while at < len(text):
            ends = range(min(len(text), at + self._longest), at, -1)
            end = next((end for end in ends if text[at:end] in self._ids), None)
            if end is None:
                return None
            pieces.append(self._ids[text[at:end]][0])
            at = end
        return tuple(pieces)


def _as_meant(text: str) -> str:
    """Marks that stand for whitespace where tokens are shown, as that whitespace."""
    bare = text.lstrip(_SHOWN_SPACE)
    meant = _SPACE * (len(text) - len(bare)) + bare
    return "".join(_TYPED.get(character, character) for character in meant)


def _string(raw: bytes | float | None, display: str) -> str:
    """Of bytes that are no whole characters, what is displayed."""
    if not isinstance(raw, bytes):
        return display
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return display

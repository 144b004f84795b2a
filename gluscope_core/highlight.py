"""Examples as HTML: tokens coloured by one scale, their values in an attribute, everything escaped."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from gluscope_core.examples_view import Example
from gluscope_core.formats import count, exact, number
from gluscope_core.palette import CASE_COLOURS
from gluscope_core.provenance import Source
from gluscope_core.token_text import Piece, TokenTexts
from gluscope_core.vocabulary import Quantity

HOVERED = (Quantity.GATE, Quantity.IN, Quantity.ACT, Quantity.POST)
"""The order of the values in a token's attribute."""
_COUNTED_TOKENS = 12


@dataclass(frozen=True)
class Colouring:
    """Which quantity colours the tokens, and which tokens."""

    quantity: Quantity
    bound: float
    every_token: bool = False
    """Else only those of the example's case."""

    def strength(self, value: float) -> int:
        """From −100 to 100."""
        if not self.bound or math.isnan(value):
            return 0
        return round(100 * max(-1.0, min(1.0, value / self.bound)))


@dataclass(frozen=True)
class Opened:
    """The whole text of an example, shown below it."""

    place: str
    """Of the example: text and position."""
    tokens: list[int]
    string: str = ""
    """What is shown where there are no tokens."""


class ExamplesHtml:
    """Writes a list of examples."""

    def __init__(
        self, texts: TokenTexts, colouring: Colouring, sources: Mapping[int, Source], *, openable: bool = True
    ) -> None:
        """`openable`: whether whole texts are at hand."""
        self._openable = openable
        self._texts = texts
        self._colouring = colouring
        self._sources = sources

    def listing(self, examples: Sequence[Example], opened: Opened | None = None, *, lists: bool = False) -> str:
        """All rows. With `lists` each says which list it comes from."""
        heads = ("", self._colouring.quantity.label, "text", "next token", "from")
        head = "".join(f'<span role="columnheader">{name}</span>' for name in heads)
        rows = "".join(self._row(example, opened, lists=lists) for example in examples)
        return (
            f'<div class="examples" role="table" aria-label="Examples" data-quantity="{heads[1]}">'
            f'<div class="row head" role="row">{head}</div>{rows}</div>'
        )

    def _row(self, example: Example, opened: Opened | None, *, lists: bool) -> str:
        open_one = next((each for each in (example, *example.twins) if opened and each.place == opened.place), None)
        before, after = self._window(example)
        cells = [
            ("rank", _rank(example, lists=lists)),
            ("value", f'<span title="{exact(example.value)}">{number(example.value)}</span>'),
            (
                "window",
                f"<span class=before dir=auto><span>{before}</span></span><span class=after>{after}</span>",
            ),
            ("next", self._next(example)),
            ("from", self._from(example, open_one)),
        ]
        row = "".join(f"<span role=cell class={name}>{content}</span>" for name, content in cells)
        full = self._full(open_one, opened) if open_one and opened else ""
        return f"<div class=row role=row{self.attributes(example)}>{row}</div>{full}"

    def _window(self, example: Example) -> tuple[str, str]:
        """What precedes the token of interest, and the token with what follows it."""
        if not example.has_window:
            return "", f'<span class="place">{position(example)}</span>'
        parts: tuple[list[str], list[str]] = ([], [])
        for piece in self._texts.pieces(example.tokens):
            is_interest = value_at(example, piece) == example.at
            parts[piece.first + piece.size > example.at].append(self._token(example, piece, is_interest=is_interest))
        return "".join(parts[0]), "".join(parts[1])

    def _token(self, example: Example, piece: Piece, *, is_interest: bool) -> str:
        at = value_at(example, piece)
        value = float(example.activations[self._colouring.quantity][at])
        strength = self._colouring.strength(value) if self._is_coloured(example, at) else 0
        name, focus = ("b", " tabindex=0") if is_interest else ("i", "")
        attributes = f"{self.colour(strength, is_interest=is_interest)}{self.values(example, at)}{focus}"
        return f"<{name}{attributes}>{escape(piece.text)}</{name}>"

    def colour(self, strength: int, *, is_interest: bool) -> str:
        """The attributes of a token by which it is coloured and marked."""
        classes = [*("t" * is_interest), *("p" * (strength > 0)), *("n" * (strength < 0))]
        style = f" style=--a:{abs(strength)}" if strength else ""
        named = f'"{" ".join(classes)}"' if len(classes) > 1 else "".join(classes)
        return (f" class={named}" if classes else "") + style

    def values(self, example: Example, at: int) -> str:
        """The attribute of a token that holds its values."""
        numbers = " ".join(_compact(example.activations[quantity][at]) for quantity in HOVERED)
        return f' data-v="{numbers}"'

    def attributes(self, example: Example) -> str:  # noqa: ARG002
        """What a row says of its example beside its cells."""
        return ""

    def _is_coloured(self, example: Example, at: int) -> bool:
        if self._colouring.every_token:
            return True
        gate, x_in = example.activations[Quantity.GATE][at], example.activations[Quantity.IN][at]
        return gate * example.case.gate_sign > 0 and x_in * example.case.in_sign > 0

    def _next(self, example: Example) -> str:
        if not example.has_window:
            return ""
        token = example.next_token
        return (
            '<span class="end" title="no token after it was run">end</span>'
            if token is None
            else f"→ <q>{escape(self._texts.one(token))}</q>"
        )

    def _from(self, example: Example, open_one: Example | None) -> str:
        twins = ""
        if example.twins:
            others = "; ".join(f"text {count(each.text)}: {number(each.value)}" for each in example.twins)
            twins = f'<span class="twins" title="nearly identical: {escape(others)}">×{len(example.twins) + 1}</span> '
        shown = twins + self.source(example, self._sources.get(example.text, Source()))
        return shown + (self.button(open_one or example, is_open=open_one is not None) if self._openable else "")

    def source(self, example: Example, source: Source) -> str:
        """Where its text comes from, in full where one hovers."""
        where = f"{source.full}\n{position(example)}".strip()
        short = f" · {escape(source.short)}" if source.short else ""
        return f'<span class="source" title="{escape(where)}">text {count(example.text)}{short}</span>'

    def button(self, example: Example, *, is_open: bool) -> str:
        """It opens the whole text."""
        return (
            f'<button data-open="{example.place}" aria-expanded="{str(is_open).lower()}" '
            f'aria-label="{"Close" if is_open else "Open"} text {example.text}">{"×" if is_open else "⤢"}</button>'
        )

    def _full(self, example: Example, opened: Opened) -> str:
        """The whole text; tokens outside the window have no values."""
        tokens = np.asarray(opened.tokens, dtype=np.int64)
        end = example.start + len(example.tokens)
        before, after = self._window(example) if example.has_window else ("", "")
        if not len(tokens) or example.position is None:
            before, after, end = (self._plain(tokens) if len(tokens) else escape(opened.string)), "", len(tokens)
        elif not example.has_window:
            before, end = self._plain(tokens[: example.position]), example.position + 1
            after = f"<b class=t>{escape(self._texts.one(int(tokens[example.position])))}</b>"
        else:
            before, after = (part.replace("↵<", "↵\n<") for part in (before, after))
            before = self._plain(tokens[: example.start]) + before
        whole = f"{before}{after}{self._plain(tokens[end:])}"
        return f'<div class="full" role="row"><span role="cell" dir="auto">{whole}</span></div>'

    def _plain(self, tokens: Sequence[int] | np.ndarray) -> str:
        return escape(
            "".join(f"{piece.text}\n" if piece.text == "↵" else piece.text for piece in self._texts.pieces(tokens))
        )


def value_at(example: Example, piece: Piece) -> int:
    """The token whose values a piece of several shows: the one of interest, or else its last."""
    end = piece.first + piece.size
    return example.at if piece.first <= example.at < end else end - 1


def _rank(example: Example, *, lists: bool) -> str:
    if lists:
        kind = example.quantity.label if example.quantity else "random"
        colour = CASE_COLOURS[example.case]
        return (
            f'<span class="list" style="--case:{colour}">{escape(example.case.label)} {kind} {example.rank + 1}</span>'
        )
    if example.share is None:
        return str(example.rank + 1)
    title = "share of the case's tokens whose |post| is smaller, estimated from the random choice"
    return f'<span title="{title}">{100 * example.share:.0f}\u202f%</span>'


def position(example: Example) -> str:
    return "position not recorded" if example.position is None else f"position {count(example.position)}"


def _compact(value: float) -> str:
    """Three significant digits, for the attribute."""
    return f"{float(value):#.3g}".removesuffix(".")


def legend_html(colouring: Colouring) -> str:
    """The scale of colours, with its numbers."""
    bound = number(colouring.bound)
    title = f"one scale for all examples of {colouring.quantity.label}; bound {exact(colouring.bound)}"
    marks = f'<span>−{bound}</span><i></i><span>0</span><i class="p"></i><span>{bound}</span>'
    return f'<span class="scale-of-colours" title="{title}">{marks}</span>'


def counts_html(name: str, counts: Iterable[tuple[int, int]], texts: TokenTexts) -> str:
    """Tokens and how often each occurs."""
    counts = list(counts)
    shown = "".join(
        f"<span class=counted><q>{escape(texts.one(token))}</q>{f' {times}' if times > 1 else ''}</span>"
        for token, times in counts[:_COUNTED_TOKENS]
    )
    more = f"<span class=more>and {len(counts) - _COUNTED_TOKENS} more</span>" if len(counts) > _COUNTED_TOKENS else ""
    return f"<p class=counts><span class=name>{escape(name)}</span>{shown}{more}</p>"

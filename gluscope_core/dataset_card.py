"""A dataset's own card, `README.md`, and the notices beside it: read, and shown as words. Anybody can write one, so
that nothing in it becomes a link, a picture or a tag."""

import re
from collections.abc import Iterator
from html import escape
from itertools import groupby
from pathlib import Path

from gluscope_core.places import Place

CARD_NAME = "README.md"
NOTICES_NAME = "NOTICES.txt"
"""Where there is one: the licences of the texts, word for word. Like the card it is no part of the manifest."""
_MOST_BYTES = 2**20
_MOST_SHOWN = 2**16
_METADATA = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_HEADING = re.compile(r"#{1,6}\s+(.+)")
_RULE = re.compile(r"[|:\s-]+")
"""The line below a table's head."""
_Piece = tuple[str, list[str]]


def read_card(place: Place) -> str:
    """Nothing where there is none."""
    return read_words(place, CARD_NAME)


def read_words(place: Place, name: str) -> str:
    """The beginning of a file that no manifest bounds; of one on the Hub that is larger no more is fetched."""
    if not place.has(name):
        return ""
    fits = place.size(name) <= _MOST_BYTES
    found = place.whole(name) if fits else place.span(name, 0, _MOST_BYTES)
    with found.open("rb") if isinstance(found, Path) else found as file:
        return file.read(_MOST_BYTES).decode(errors="replace")


def card_html(card: str) -> str:
    """Its headings, lists, tables and code."""
    words = _METADATA.sub("", card)
    parts = re.split(r"^```.*$", words[:_MOST_SHOWN], flags=re.MULTILINE)
    shown = "".join(
        f'<pre tabindex="0">{escape(part.strip())}</pre>' if number % 2 else "".join(_prose(part))
        for number, part in enumerate(parts)
    )
    more = "<p>… It is longer than what is shown here.</p>" if len(words) > _MOST_SHOWN else ""
    return f'<div class="card">{shown}{more}</div>'


def _prose(part: str) -> Iterator[str]:
    for kind, pieces in groupby(_pieces(part), key=lambda piece: piece[0]):
        found = [lines for _, lines in pieces]
        if kind == "item":
            yield f"<ul>{''.join(f'<li>{_inline(_joined(lines)[2:])}</li>' for lines in found)}</ul>"
        else:
            yield from map({"heading": _heading, "table": _table}.get(kind, _paragraph), found)


def _pieces(part: str) -> list[_Piece]:
    """Lines that belong together, by what they begin with."""
    pieces: list[_Piece] = []
    for line in part.splitlines():
        kind, last = _kind(line), pieces[-1][0] if pieces else ""
        if kind == last == "table" or (kind == "words" and last in ("words", "item")):
            pieces[-1][1].append(line)
        else:
            pieces.append((kind, [line]))
    return [piece for piece in pieces if piece[0] != "nothing"]


def _kind(line: str) -> str:
    if not line.strip():
        return "nothing"
    if _HEADING.match(line):
        return "heading"
    if line.startswith("|"):
        return "table"
    return "item" if line.startswith(("- ", "* ")) else "words"


def _heading(lines: list[str]) -> str:
    return f"<h3>{_inline(lines[0].lstrip('#').strip())}</h3>"


def _paragraph(lines: list[str]) -> str:
    return f"<p>{_inline(_joined(lines))}</p>"


def _table(lines: list[str]) -> str:
    rows = [_cells(line) for line in lines if not _RULE.fullmatch(line)]
    if not rows:
        return ""
    head = "".join(f'<th scope="col" class="word">{_inline(cell)}</th>' for cell in rows[0])
    others = ("".join(f'<td class="word">{_inline(cell)}</td>' for cell in row) for row in rows[1:])
    body = "".join(f"<tr>{cells}</tr>" for cells in others)
    return (
        '<div class="scrolls" tabindex="0" role="region" aria-label="Table of the card"><table class="crosstab">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _joined(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines)


def _inline(words: str) -> str:
    """Bold and fixed width, after everything else has become words."""
    bold = re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", escape(words))
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", bold)

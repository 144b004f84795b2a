"""HTML to plain text: paragraphs apart by empty lines, lists and tables by line, code as it stands."""

import re
from html.parser import HTMLParser

_BLOCKS = frozenset(
    (
        "address", "article", "blockquote", "body", "dd", "div", "dl", "dt", "figure", "h1", "h2", "h3", "h4", "h5",
        "h6", "hr", "ol", "p", "pre", "section", "ul",
    )
)  # fmt: skip
_LINES = {"br": "\n", "li": "\n- ", "tr": "\n", "td": " | ", "th": " | "}
_UNSEEN_TAGS = frozenset(("head", "script", "style", "nav", "button", "svg", "form"))
_UNSEEN = frozenset(  # classes and ids of what surrounds texts: menus, tables of contents, marks to link to
    (
        "bottomlang", "comments_section", "copyright", "contributors", "fancy_title", "fancy_toc", "feedback",
        "headerlink", "nosearch", "permalink", "quickview", "seealso", "toc", "top", "toplang", "translation", "up",
    )
)  # fmt: skip


class _Reader(HTMLParser):
    def __init__(self, within: str) -> None:
        super().__init__()
        self._within = within
        self._inside = _Depth()
        self._unseen = _Depth()
        self._verbatim = 0
        self._cell = False
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        names = {*(given.get("class") or "").split(), given.get("id") or ""}
        self._unseen.open(tag, begins=tag in _UNSEEN_TAGS or bool(names & _UNSEEN))
        self._inside.open(tag, begins=self._within in names)
        self._verbatim += tag == "pre"
        if tag in {"table", "tr", "td", "th"}:
            self._cell = tag in {"td", "th"}
        self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        self._verbatim = max(0, self._verbatim - (tag == "pre"))
        self._cell = self._cell and tag not in {"td", "th", "table"}
        self._break(tag if tag in _BLOCKS else "")
        self._unseen.close(tag)
        self._inside.close(tag)

    def _break(self, tag: str) -> None:
        """A cell of a table stays on one line."""
        if self._cell and tag not in {"td", "th"}:
            self._write(" " if tag else "")
        else:
            self._write("\n\n" if tag in _BLOCKS else _LINES.get(tag, ""))

    def handle_data(self, data: str) -> None:
        self._write(data if self._verbatim else re.sub(r"\s+", " ", data))

    def _write(self, part: str) -> None:
        if self._unseen.depth == 0 and (self._inside.depth or not self._within):
            self.parts.append(part)


class _Depth:
    """How deep within an element: counted by its own tag alone, for many another is never closed."""

    def __init__(self) -> None:
        self.depth = 0
        self._tag = ""

    def open(self, tag: str, *, begins: bool) -> None:
        if self.depth:
            self.depth += tag == self._tag
        elif begins:
            self.depth, self._tag = 1, tag

    def close(self, tag: str) -> None:
        if self.depth and tag == self._tag:
            self.depth -= 1


def text_of_html(page: str, within: str = "") -> str:
    reader = _Reader(within)
    reader.feed(page)
    reader.close()
    text = "".join(reader.parts).replace("\xa0", " ")
    text = re.sub(r"(?m)^(?:[ ]*\|)+[ ]*", "", text)  # before a row's first cell
    text = re.sub(r"(?<=\S) +\| +(?=\S)", " | ", text)
    text = re.sub(r"(?m)^- \s*\n+", "- ", text)  # an item whose text is a paragraph
    return re.sub(r"(?m)^ (?=\S)", "", text)

"""What a file says, as plain text whose paragraphs are apart by empty lines: one reader for each form of file."""

import gzip
import re
from collections.abc import Callable

from demo.markup import text_of_html

_WRAPPED = 45
"""Lines at least as long go on in the next one, where prose was broken into lines of equal length."""


_GZIP = b"\x1f\x8b"


def decoded(content: bytes, encoding: str = "utf-8") -> str:
    if content.startswith(_GZIP):
        content = gzip.decompress(content)
    return (
        content.decode(encoding).removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ")
    )


def tidied(text: str) -> str:
    """Without spaces at the ends of lines, and with single empty lines between paragraphs."""
    text = re.sub(r"[^\S\n]+$", "", text, flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")


def between(text: str, begins: str, ends: str) -> str:
    """The part after the one expression and before the other; an empty one stands for the text's own end."""
    if begins:
        found = re.search(begins, text, re.MULTILINE)
        if found is None:
            raise ValueError(f"the text has no {begins!r}, after which it should begin")
        text = text[found.end() :]
    if ends:
        found = re.search(ends, text, re.MULTILINE)
        if found is None:
            raise ValueError(f"the text has no {ends!r}, before which it should end")
        text = text[: found.start()]
    return text


def plain(text: str) -> str:
    return text


def prose(text: str) -> str:
    """With each paragraph on one line, but for verse, tables and all else that has short lines."""
    return "\n\n".join(map(_unwrapped, re.split(r"\n[^\S\n]*\n", text)))


def _unwrapped(paragraph: str) -> str:
    lines = [line.strip() for line in paragraph.strip("\n").split("\n")]
    if any(len(line) < _WRAPPED for line in lines[:-1]):
        return paragraph
    return re.sub(r"(?<=\w-) (?=[a-z])", "", " ".join(line for line in lines if line))


def unspaced_prose(text: str) -> str:
    """As `prose`, of a text without empty lines: a short line that ends a sentence ends its paragraph."""
    return prose(re.sub(r'(?m)^(.{0,60}[.!?"\'])\n(?=["A-Z])', r"\1\n\n", text))


def verse(text: str) -> str:
    """A line set in begins a paragraph."""
    return re.sub(r"\n {2,}(?=\S)", "\n\n", text)


def dedented(text: str) -> str:
    """Of a text that is set in as a whole."""
    return prose(re.sub(r"(?m)^ {3}", "", text))


def play(text: str) -> str:
    """Speakers stand before a tab, what they say after it."""
    text = re.sub(r"(?m)^([A-Z][A-Z ]+)\t+", r"\1: ", text)
    return re.sub(r"(?m)^\t+", "", text)


def session(text: str) -> str:
    """A recorded game: what was typed after `> `, what the game said as sentences, not in capitals alone."""
    text = re.sub(r"(?m)^<BLANKLINE>$", "", text)
    text = re.sub(r"(?m)^>>> (.*)$", lambda typed: f"\n> {typed[1].strip().removesuffix('()')}", text)
    return re.sub(r"\n\n+(?!\n*> )", "\n", text.lstrip("\n"))


def sentence_case(text: str) -> str:
    """Of a text in capitals."""
    lowered = re.sub(r"\bi\b", "I", text.lower())
    return re.sub(r"(?:^|[.!?]['\")]*\s+)[\"'(]*[a-z]", lambda start: start[0].upper(), lowered)


def old_game(text: str) -> str:
    said = re.split(r"(?m)^(> .*)$", session(text))
    return "".join(part if part.startswith("> ") else f"\n{sentence_case(part.strip())}\n\n" for part in said)


def conversations(text: str) -> str:
    """ChatterBot's YAML: exchanges, each as lines that begin with a dash; each exchange once."""
    body = text.partition("conversations:")[2]
    exchanges = re.split(r"(?m)^\s*- - ", body)[1:]
    spoken = ["\n".join(f"– {line}" for line in _utterances(each)) for each in exchanges]
    return "\n\n".join(dict.fromkeys(each for each in spoken if "\n" in each))


def _utterances(exchange: str) -> list[str]:
    parts = re.split(r"(?m)^\s+- ", exchange)
    joined = [re.sub(r"\s+", " ", part).strip().strip("\"'") for part in parts]
    return [part.replace("''", "'") for part in joined if part and not part.startswith(("|", ">"))]


def rst(text: str) -> str:
    """reStructuredText without what only its own tools read: labels, index entries, comments, roles."""
    text = re.sub(r"(?m)^[ \t]*(?:\.\. _|__ )[^\n]*\n?(?:[ \t]{2,}\S+\n)?", "", text)
    text = re.sub(r"(?m)^[ \t]*\.\. [\w|](?:(?!::)[^\n])*$\n?", "", text)
    hidden = r"index|currentmodule|module|highlight|contents|meta|default-domain|sectionauthor|moduleauthor|testsetup"
    text = re.sub(rf"(?m)^([ \t]*)\.\. (?:{hidden})::[^\n]*\n(?:(?:\1[ \t]+[^\n]*|[ \t]*)\n)*", "", text)
    text = re.sub(r":[\w:+-]+:`[!~]?([^`<]*?)\s*<[^`>]*>`", r"\1", text)
    text = re.sub(r"(:[\w:+-]+:`[!~]?)_\w+\.", r"\1", text)
    text = re.sub(r":[\w:+-]+:`~[^`]*?([^`.]+)`", r"\1", text)
    text = re.sub(r":[\w:+-]+:`!?\.?([^`]+)`", r"\1", text)
    return re.sub(r"`([^`<]+?)\s*<[^`>]+>`__?", r"\1", text)


def catalogue(text: str) -> str:
    """A gettext catalogue's messages, without its header and those not translated."""
    entries = re.split(r"\n\n+", text)[1:]
    return "\n\n".join(each for each in entries if not re.search(r'(?m)^msgstr ""$(?!\n")', each))


def tutorial(text: str) -> str:
    """Vim's, without the rules between its screens and the spaces before its lines."""
    text = re.sub(r"(?m)^(?:[~=]{10,}|=.*=)$", "", text)
    return re.sub(r"(?m)^[ \t]+(?=\S)", "", text)


def chinese(text: str) -> str:
    """With paragraphs apart that stand on lines of their own, set in by wide spaces."""
    lines = (line.strip(" \t\u3000\u00a0") for line in text.split("\n"))
    return "\n\n".join(line for line in lines if line and not re.match(r"_分节阅读|-{3}", line))


READERS: dict[str, Callable[[str], str]] = {
    each.__name__: each
    for each in (
        plain, prose, unspaced_prose, verse, dedented, play, old_game, conversations, rst, catalogue, tutorial, chinese,
    )
}  # fmt: skip
"""`html`, which needs to know where in a page to look, is `text_of_html`."""


def read(
    content: bytes, reader: str, encoding: str = "utf-8", *, begins: str = "", ends: str = "", within: str = ""
) -> str:
    text = between(decoded(content, encoding), begins, ends)
    return tidied(text_of_html(text, within) if reader == "html" else READERS[reader](text))

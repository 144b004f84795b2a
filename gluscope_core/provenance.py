"""Where a text comes from, in a few words and in full."""

import json
from dataclasses import dataclass

_TELLING = ("title", "kind", "language")
_SHORT = 28


@dataclass(frozen=True)
class Source:
    short: str = ""
    full: str = ""


def read_source(source: str | None) -> Source:
    """What `compute texts` wrote, or whatever else stands there."""
    if not source:
        return Source()
    try:
        content = json.loads(source)
    except (ValueError, RecursionError):
        return Source(_cut(source), source)
    if not isinstance(content, dict):
        return Source(_cut(source), source)
    metadata = content.get("metadata")
    known = metadata if isinstance(metadata, dict) else {}
    telling = [str(known[name]) for name in _TELLING if known.get(name)]
    lines = [f"{name}: {value}" for name, value in {"place": content.get("place"), **known}.items() if value]
    return Source(_cut(telling[0] if telling else str(content.get("place", ""))), "\n".join(lines))


def _cut(text: str) -> str:
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"

"""A list of neurons with notes and tags: read from what people paste, written to files, and read back the same."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import pandas as pd

from gluscope_core.errors import BadNeuronId, BadNeuronList, NoSuchNeuron
from gluscope_core.ids import SPELLING, NeuronId
from gluscope_core.schema import LAYER, NEURON
from gluscope_core.spreadsheet import csv_bytes, unguarded

MOST, IN_ADDRESS = 2_000, 60
"""Neurons in a list, and in a list that the address holds."""
MOST_BYTES = 2 * 2**20
NOTE, TAGS = "note", "tags"
_LONGEST_NOTE, _LONGEST_TAG, _LONGEST_NAME = 500, 40, 200
_STARTS = re.compile(rf"({SPELLING})(?!\w|\.[0-9])[\s:;,|–—-]*", re.IGNORECASE)
_ANYTHING = re.compile(r"[^\s,;]")
_BETWEEN = re.compile(rf"[,;]\s*(?={SPELLING}(?:[\s,;:|]|$))", re.IGNORECASE)
"""A comma parts neurons where another id follows it; in a note it is a comma."""
_TAG = re.compile(r"(?:^|(?<=\s))#([^\s#,;]+)")


@dataclass(frozen=True)
class Entry:
    """One neuron of a list."""

    neuron: NeuronId
    note: str = ""
    tags: tuple[str, ...] = ()

    @classmethod
    def of(cls, neuron: NeuronId, note: object = "", tags: Iterable[object] = ()) -> "Entry":
        """In one line, nothing longer than needed, each tag once."""
        plain = " ".join(note.split())[:_LONGEST_NOTE] if isinstance(note, str) else ""
        words = [
            word.lstrip("#")[:_LONGEST_TAG]
            for tag in tags
            if isinstance(tag, str)
            for word in re.split(r"[\s,;]+", tag)
        ]
        return cls(neuron, plain, tuple(dict.fromkeys(word for word in words if word)))


@dataclass(frozen=True)
class About:
    """What a list was made of, as far as its file says."""

    model: str | None = None
    revision: str | None = None
    dataset_sha256: str | None = None

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> "About":
        given = (content.get(each.name) for each in fields(cls))
        return cls(*(text[:_LONGEST_NAME] if isinstance(text, str) and text else None for text in given))

    def differs(self, here: "About") -> str | None:
        """What is another here, and what follows; None where nothing is, or nobody says."""
        if _others(self.model, here.model):
            return f"This list is of neurons of {self.model}: in {here.model} their ids name others"
        if _others(self.revision, here.revision):
            return f"This list is of another revision of the model, {self.revision}: its neurons may have changed"
        if _others(self.dataset_sha256, here.dataset_sha256):
            return "This list was made with another dataset of the same model: its notes may speak of other figures"
        return None


def _others(one: str | None, other: str | None) -> bool:
    return None not in (one, other) and one != other


@dataclass(frozen=True)
class NeuronList:
    """What could be read, and what could not, one sentence each."""

    entries: tuple[Entry, ...]
    problems: tuple[str, ...] = ()
    about: About = About()


def parse_list(text: str, existing: Callable[[str], NeuronId] = NeuronId.parse) -> NeuronList:
    """One neuron per line or between commas, in any spelling, each with a note and #tags after it."""
    found: list[Entry] = []
    problems: list[str] = []
    pieces = (piece.strip(" \t,;") for line in text.splitlines() for piece in _BETWEEN.split(line))
    for piece in filter(_ANYTHING.search, pieces):
        start = _STARTS.match(piece)
        try:
            neuron = existing(start[1] if start else piece.split()[0])
        except (BadNeuronId, NoSuchNeuron) as error:
            problems.append(str(error))
            continue
        rest = piece[start.end() :] if start else ""
        found.append(Entry.of(neuron, _TAG.sub("", rest), _TAG.findall(rest)))
    return _checked(found, problems)


def _checked(found: Sequence[Entry], problems: list[str]) -> NeuronList:
    entries = merged((), found)
    if len(entries) > MOST:
        problems = [*problems, f"A list holds at most {MOST:,} neurons: the other {len(entries) - MOST:,} are left out"]
    return NeuronList(entries[:MOST], tuple(problems))


def merged(entries: Sequence[Entry], added: Iterable[Entry]) -> tuple[Entry, ...]:
    """Each neuron once, where it first stood; of a later mention what it says, and its tags with those before."""
    kept = {entry.neuron: entry for entry in entries}
    for entry in added:
        before = kept.get(entry.neuron)
        if before is None:
            kept[entry.neuron] = entry
        else:
            tags = tuple(dict.fromkeys((*before.tags, *entry.tags)))
            kept[entry.neuron] = replace(before, note=entry.note or before.note, tags=tags)
    return tuple(kept.values())


def to_csv(entries: Sequence[Entry]) -> bytes:
    """Layer and number apart, since a spreadsheet takes 8.10 for 8.1."""
    rows = [(*entry.neuron, entry.note, " ".join(entry.tags)) for entry in entries]
    return csv_bytes(pd.DataFrame(rows, columns=pd.Index([LAYER, NEURON, NOTE, TAGS])))


def to_json(entries: Sequence[Entry], about: About) -> bytes:
    rows = [{NEURON: str(entry.neuron), NOTE: entry.note, TAGS: list(entry.tags)} for entry in entries]
    return json.dumps({**asdict(about), "neurons": rows}, ensure_ascii=False, indent=1).encode()


def from_file(name: str, content: bytes, existing: Callable[[str], NeuronId] = NeuronId.parse) -> NeuronList:
    """A file of either kind, ours or made by hand; `BadNeuronList` where it is none."""
    if len(content) > MOST_BYTES:
        most = MOST_BYTES // 2**20
        raise BadNeuronList(f"{name[:60]} is larger than {most} MB, as no list of neurons is: open the one exported")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadNeuronList(f"{name[:60]} is no text: save it as CSV or JSON in UTF-8") from error
    about = About()
    if text.lstrip().startswith(("{", "[")):
        content = _json(name, text)
        rows, about = _rows_of_json(name, content), About.read(content) if isinstance(content, dict) else about
    else:
        rows = _rows_of_csv(name, text)
    found: list[Entry] = []
    problems: list[str] = []
    for row in rows:
        try:
            neuron = existing(_id_of(row))
        except (BadNeuronId, NoSuchNeuron) as error:
            problems.append(str(error))
            continue
        tags = row.get(TAGS) or ()
        found.append(Entry.of(neuron, row.get(NOTE), [tags] if isinstance(tags, str) else tags))
    return replace(_checked(found, problems), about=about)


def _id_of(row: Mapping[str, Any]) -> str:
    """Of a layer and a number apart, or of both as one."""
    layer, neuron = row.get(LAYER), row.get(NEURON)
    return str(neuron if layer in (None, "") else f"{layer}.{neuron}")


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadNeuronList(f"{name[:60]} is not whole JSON ({error}): export the list again") from error


def _rows_of_json(name: str, content: Any) -> list[dict[str, Any]]:
    rows = content.get("neurons") if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise BadNeuronList(f"{name[:60]} has no list of neurons: export it again, or write a list of ids")
    plain = [{NEURON: row} if isinstance(row, str) else row for row in rows]
    if not all(isinstance(row, dict) and isinstance(row.get(TAGS, []), list | str | None) for row in plain):
        raise BadNeuronList(
            f"{name[:60]}: some entry is no neuron: write each as an id, or an object with {NEURON}, {NOTE}, {TAGS}"
        )
    return plain


def _rows_of_csv(name: str, text: str) -> list[dict[str, Any]]:
    """Everything as text: as a number 8.10 would be 8.1."""
    try:
        rows = list(csv.DictReader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise BadNeuronList(f"{name[:60]} is not whole CSV ({error}): export the list again") from error
    if rows and NEURON not in rows[0]:
        raise BadNeuronList(
            f"{name[:60]} has no column {NEURON}: name the columns in the first line, {NEURON}, {NOTE}, {TAGS}"
        )
    return [{key: unguarded(value) for key, value in row.items() if key and isinstance(value, str)} for row in rows]

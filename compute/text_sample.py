"""A random part of a stream of documents, and how it survives a kill.

Every document has a random number, which its place in the source and the seed decide. Those with the lowest are kept,
as many as it takes to reach the wanted number of tokens: so one pass over the source, in little memory, gives a uniform
sample, and the same one however often it is cut off and begun again."""

import heapq
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from compute.chance import lots
from compute.durable import read_sealed, write_sealed
from gluscope_core.errors import ResumeRefused


@dataclass(frozen=True)
class Document:
    """One that is tokenised: its texts, of which there are several where a long one is split."""

    number: int
    lot: int
    ids: tuple[np.ndarray, ...]
    strings: tuple[str, ...]
    source: str
    cut: bool

    @property
    def tokens(self) -> int:
        return sum(map(len, self.ids))


@dataclass
class Sample:
    """The documents with the lowest lots, as many as it takes to reach the wanted number of tokens."""

    wanted: int
    tokens: int = 0
    kept: dict[int, Document] = field(default_factory=dict)
    _worst_first: list[tuple[int, int]] = field(default_factory=list)

    def may_enter(self, lot: int) -> bool:
        return self.tokens < self.wanted or lot < -self._worst_first[0][0]

    def add(self, document: Document) -> None:
        heapq.heappush(self._worst_first, (-document.lot, document.number))
        self.kept[document.number] = document
        self.tokens += document.tokens
        while self.tokens - self.kept[self._worst_first[0][1]].tokens >= self.wanted:
            _, worst = heapq.heappop(self._worst_first)
            self.tokens -= self.kept.pop(worst).tokens

    def in_order(self) -> list[Document]:
        return [self.kept[number] for number in sorted(self.kept)]


@dataclass
class Counts:
    """Documents of the source."""

    seen: int = 0
    empty: int = 0
    unreadable: int = 0


_CHECKPOINT_SCHEMA = pa.schema(
    [
        pa.field("number", pa.int64()),
        pa.field("ids", pa.list_(pa.list_(pa.int32()))),
        pa.field("strings", pa.list_(pa.string())),
        pa.field("source", pa.string()),
        pa.field("cut", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class SampleOnDisk:
    """What a stage that was cut off goes on from."""

    home: Path
    settings: dict[str, str]

    def save(self, sample: Sample, counts: Counts) -> None:
        self.home.mkdir(exist_ok=True)
        about = {b"settings": msgspec.json.encode(self.settings), b"counts": msgspec.json.encode(counts)}
        rows = [{**vars(each), "ids": [ids.tolist() for ids in each.ids]} for each in sample.in_order()]
        table = pa.Table.from_pylist(rows, schema=_CHECKPOINT_SCHEMA).replace_schema_metadata(about)
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        write_sealed(self._path, sink.getvalue().to_pybytes())

    def load(self, sample: Sample, seed: int) -> tuple[Sample, Counts]:
        """The sample as it was saved last, or as given."""
        content = read_sealed(self._path, f"remove {self.home} and repeat the command")
        if content is None:
            return sample, Counts()
        table = pq.read_table(pa.BufferReader(content))
        about = table.schema.metadata
        refuse_other_texts(msgspec.json.decode(about[b"settings"], type=dict[str, str]), self.settings, self.home)
        drawn = lots(table.column("number").to_numpy(), seed)
        for lot, row in zip(drawn, table.to_pylist(), strict=True):
            ids = tuple(np.array(each, np.int32) for each in row["ids"])
            sample.add(Document(row["number"], lot, ids, tuple(row["strings"]), row["source"], row["cut"]))
        return sample, msgspec.json.decode(about[b"counts"], type=Counts)

    def remove(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def _path(self) -> Path:
        return self.home / "sample"


def refuse_other_texts(found: dict[str, str], wanted: dict[str, str], where: Path) -> None:
    differing = [f"{key} was {found.get(key)}, is {value}" for key, value in wanted.items() if found.get(key) != value]
    if differing:
        raise ResumeRefused(
            f"{where} holds texts with other settings: {'; '.join(differing)}. "
            "Repeat that command, or choose another --out"
        )

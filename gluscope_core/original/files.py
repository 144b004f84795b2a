"""The files of a dataset that is not ours: some parquet files, read as one table, and the card."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import BinaryIO, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from gluscope_core.errors import DatasetDamaged
from gluscope_core.footer_columns import Chunk, FooterColumns
from gluscope_core.footers import TAIL, columns_of, footer_length, parse_footer
from gluscope_core.page_headers import NOTHING, Leaf, Sizes, check_unpacked, stored_leaves
from gluscope_core.places import Place

_Read = TypeVar("_Read")
_DATA = "data"
_USUAL_FOOTER, _MOST_FOOTER = 2**18, 2**26
_MOST_IN_PARTS = 2**26
"""Bytes of a row group that are fetched alone; who needs more of one gets the whole file, once."""


def names_in(place: Place) -> list[str]:
    """Files that lie in the dataset's folder itself or in `data`, as on the Hub."""
    return [name for name in place.files() if (name.rpartition("/")[0] in ("", _DATA)) and "/." not in f"/{name}"]


def _footer_of(place: Place, name: str) -> bytes:
    """By the end of the file, which on the Hub comes alone: whoever looks what a dataset is need not fetch it."""
    tail = place.tail(name, _USUAL_FOOTER)
    length = footer_length(tail, _MOST_FOOTER)
    if length is None:
        raise OSError("not a whole parquet file")
    needed = length + TAIL
    return (tail if len(tail) >= needed else place.tail(name, needed))[-needed:]


class ParquetFiles:
    """Several files as one table; bytes that cannot be read are named, not raised as what they break."""

    def __init__(self, place: Place, rows_at_once: int = 256) -> None:
        self._rows_at_once = rows_at_once
        self._names = [name for name in names_in(place) if name.endswith(".parquet")]
        self._place = place
        self._last: tuple[int, pa.Table, tuple[str, ...]] | None = None

    def __len__(self) -> int:
        return len(self._names)

    @cached_property
    def _footers(self) -> list[bytes]:
        return [self.guard(lambda name=name: _footer_of(self._place, name), name) for name in self._names]

    @cached_property
    def _chunks(self) -> list[FooterColumns]:
        named = zip(self._footers, self._names, strict=True)
        return [self.guard(lambda footer=footer: columns_of(footer), name) for footer, name in named]

    @cached_property
    def _metadata(self) -> list[pq.FileMetaData]:
        named = zip(self._footers, self._chunks, self._names, strict=True)
        return [self.guard(lambda f=footer, c=chunks: parse_footer(f, c), name) for footer, chunks, name in named]

    @cached_property
    def _leaves(self) -> list[list[Leaf]]:
        named = zip(self._metadata, self._names, strict=True)
        return [self.guard(lambda m=metadata: stored_leaves(m.schema), name) for metadata, name in named]

    @cached_property
    def schema(self) -> pa.Schema:
        return self.guard(self._metadata[0].schema.to_arrow_schema, self._names[0])

    @property
    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for name, footer in zip(self._names, self._footers, strict=True):
            digest.update(f"{name}\0{len(footer)}\0".encode() + footer)
        return digest.hexdigest()

    @property
    def rows(self) -> int:
        return sum(sum(chunks.rows) for chunks in self._chunks)

    def missing(self) -> list[str]:
        """Files that are not on this machine yet."""
        return [name for name in self._names if not self._place.kept(name)]

    def chunks(self, column: str) -> list[Chunk]:
        """What the footers say of a column, by row group; nothing of files that lack it."""
        found = []
        for chunks, leaves, name in zip(self._chunks, self._leaves, self._names, strict=True):
            tops = [leaf.name for leaf in leaves]
            if column in tops:
                at = tops.index(column)
                groups = range(len(chunks.rows))
                found += [self.guard(lambda c=chunks, g=group, a=at: c.chunk(g, a), name) for group in groups]
        return found

    def groups(
        self, columns: Sequence[str], wanted: Callable[[int, int], bool] | None = None, *, in_parts: bool = False
    ) -> Iterator[pa.Table]:
        """Row group by row group, those whose first row and number of rows are wanted. Who wants little of each has
        it fetched in parts."""
        first, kept = 0, NOTHING
        for number, chunks in enumerate(self._chunks):
            for group, rows in enumerate(chunks.rows):
                if wanted is None or wanted(first, rows):
                    read = partial(self._read_group, number, group, columns, kept, in_parts=in_parts)
                    kept, found = self.guard(read, self._names[number])
                    yield found
                first += rows

    def _read_group(
        self, file: int, group: int, columns: Sequence[str], before: Sizes, *, in_parts: bool
    ) -> tuple[Sizes, pa.Table]:
        """With what it takes, and those before it."""
        names = self._have(file, columns)
        with self._source(file, group, names, in_parts=in_parts) as source:
            sizes = check_unpacked(self._leaves[file], self._chunks[file], [group], names, source, before=before)
            return sizes, self._open(file, source).read_row_group(group, names)

    def row(self, number: int, columns: Sequence[str]) -> pa.Table:
        """One row, decoding no more of its row group than the rows up to it, a few at a time. The last few are kept:
        who reads a row often reads its neighbours next."""
        first, around = self.around(number, columns)
        return around.slice(number - first, 1)

    def around(self, number: int, columns: Sequence[str]) -> tuple[int, pa.Table]:
        """Some rows that a row is among, and the number of the first."""
        first, kept, names = self._last or (0, None, ())
        if kept is None or names != tuple(columns) or not first <= number < first + kept.num_rows:
            first, kept = self._rows_around(number, columns)
            self._last = first, kept, tuple(columns)
        return first, kept

    def _rows_around(self, number: int, columns: Sequence[str]) -> tuple[int, pa.Table]:
        first = 0
        for file, chunks in enumerate(self._chunks):
            for group, rows in enumerate(chunks.rows):
                if number >= first + rows:
                    first += rows
                    continue
                skip, found = self.guard(
                    lambda f=file, g=group, n=number - first: self._some_rows(f, g, n, columns), self._names[file]
                )
                return first + skip, found
        raise DatasetDamaged(f"{self._place.name} has no row {number}: fetch its files again")

    def _some_rows(self, file: int, group: int, number: int, columns: Sequence[str]) -> tuple[int, pa.Table]:
        first, names = 0, self._have(file, columns)
        with self._source(file, group, names, in_parts=True) as source:
            check_unpacked(self._leaves[file], self._chunks[file], [group], names, source, at_once=self._rows_at_once)
            for batch in self._open(file, source).iter_batches(self._rows_at_once, [group], names):
                if number < first + batch.num_rows:
                    return first, pa.Table.from_batches([batch])
                first += batch.num_rows
        raise OSError(f"no row {number} in group {group}")

    def _open(self, number: int, source: BinaryIO) -> pq.ParquetFile:
        return pq.ParquetFile(source, metadata=self._metadata[number])

    def _source(self, number: int, group: int, names: Sequence[str], *, in_parts: bool) -> BinaryIO:
        """Some columns of a row group, and what lies between them; the whole file, where it is here or that is much."""
        name, wanted = self._names[number], set(names)
        places = (at for at, leaf in enumerate(self._leaves[number]) if leaf.name in wanted)
        chunks = [self._chunks[number].chunk(group, at) for at in places] if in_parts else []
        start, stop = min((each.start for each in chunks), default=0), max((each.stop for each in chunks), default=0)
        if self._place.kept(name) or not start < stop <= start + _MOST_IN_PARTS:
            return self._place.whole(name).open("rb")
        part = self._place.span(name, start, stop)
        return part.open("rb") if isinstance(part, Path) else part

    def _have(self, number: int, columns: Sequence[str]) -> list[str]:
        known = set(self._metadata[number].schema.to_arrow_schema().names)
        return [name for name in columns if name in known]

    def guard(self, read: Callable[[], _Read], name: str | None = None) -> _Read:
        """`name` is the file's that is read, where it is one."""
        try:
            return read()
        except (pa.ArrowException, OSError, ValueError, LookupError, OverflowError) as error:
            where = self._place.name if name is None else self._place.locate(name)
            raise DatasetDamaged(
                f"{where} cannot be read ({' '.join(str(error).split())[:300]}): {self._place.remedy}"
            ) from error

"""The files of a dataset that is not ours: some parquet files, read as one table, and the card."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from gluscope_core.errors import DatasetDamaged
from gluscope_core.footers import TAIL, footer_length, parse_footer
from gluscope_core.places import Place

_Read = TypeVar("_Read")
_DATA = "data"
_ROWS_AT_ONCE = 256
_USUAL_FOOTER, _MOST_FOOTER = 2**18, 2**26


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

    def __init__(self, place: Place) -> None:
        self._names = [name for name in names_in(place) if name.endswith(".parquet")]
        self._place = place
        self._last: tuple[int, pa.Table, tuple[str, ...]] | None = None

    def __len__(self) -> int:
        return len(self._names)

    @cached_property
    def _footers(self) -> list[bytes]:
        return [self.guard(lambda name=name: _footer_of(self._place, name), name) for name in self._names]

    @cached_property
    def _metadata(self) -> list[pq.FileMetaData]:
        named = zip(self._footers, self._names, strict=True)
        return [self.guard(lambda footer=footer: parse_footer(footer), name) for footer, name in named]

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
        return sum(metadata.num_rows for metadata in self._metadata)

    def groups(self, columns: Sequence[str], wanted: Callable[[int, int], bool] | None = None) -> Iterator[pa.Table]:
        """Row group by row group, those whose first row and number of rows are wanted."""
        first = 0
        for number, metadata in enumerate(self._metadata):
            for group in range(metadata.num_row_groups):
                rows = metadata.row_group(group).num_rows
                if wanted is None or wanted(first, rows):
                    yield self.guard(
                        lambda n=number, g=group: self._open(n).read_row_group(g, self._have(n, columns)),
                        self._names[number],
                    )
                first += rows

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
        for file, metadata in enumerate(self._metadata):
            for group in range(metadata.num_row_groups):
                rows = metadata.row_group(group).num_rows
                if number >= first + rows:
                    first += rows
                    continue
                skip, rows = self.guard(
                    lambda f=file, g=group, n=number - first: self._some_rows(f, g, n, columns), self._names[file]
                )
                return first + skip, rows
        raise DatasetDamaged(f"{self._place.name} has no row {number}: fetch its files again")

    def _some_rows(self, file: int, group: int, number: int, columns: Sequence[str]) -> tuple[int, pa.Table]:
        first = 0
        for batch in self._open(file).iter_batches(_ROWS_AT_ONCE, [group], self._have(file, columns)):
            if number < first + batch.num_rows:
                return first, pa.Table.from_batches([batch])
            first += batch.num_rows
        raise OSError(f"no row {number} in group {group}")

    def _open(self, number: int) -> pq.ParquetFile:
        return pq.ParquetFile(self._place.whole(self._names[number]), metadata=self._metadata[number])

    def _have(self, number: int, columns: Sequence[str]) -> list[str]:
        known = set(self._metadata[number].schema.to_arrow_schema().names)
        return [name for name in columns if name in known]

    def guard(self, read: Callable[[], _Read], name: str | None = None) -> _Read:
        """`name` is the file's that is read, where it is one."""
        try:
            return read()
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            where = self._place.name if name is None else self._place.locate(name)
            raise DatasetDamaged(f"{where} cannot be read ({error}): {self._place.remedy}") from error

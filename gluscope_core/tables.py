"""Reading one parquet file of a dataset: its footer is checked against the manifest before it is parsed."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gluscope_core.errors import ColumnMissing, DatasetDamaged
from gluscope_core.footers import columns_of, parse_footer
from gluscope_core.ids import NeuronId
from gluscope_core.kept import Kept
from gluscope_core.page_headers import Implausible, check_unpacked, leaves_of
from gluscope_core.places import Place
from gluscope_core.records import FileRecord
from gluscope_core.schema import LAYER, NEURON, NEURONS_TABLE, STRIKING_TABLE, TABLES, TEXTS_TABLE, VOCAB_TABLE

_Read = TypeVar("_Read")

_READ_WHOLE = (NEURONS_TABLE.name, STRIKING_TABLE.name, TEXTS_TABLE.name, VOCAB_TABLE.name)
_WHOLE_AT_MOST = 256 * 2**20
"""Of these tables pages need most, or much of it in many places: where they come over a network, they come whole and
once. Larger files are read in parts like the rest."""
_FOOTER_PER_PAGE = 110
"""Bytes that the footer takes for each column of each row group, a little more than seen."""
_GROUPS: Kept[pa.Table] = Kept(64 * 2**20, pa.Table.get_total_buffer_size)
"""Bytes of row groups that are kept, of all datasets that are open: however many they are, there is one bound."""
_MOST_OF_GROUP = 2**28
"""Bytes of a row group in the file; it is fetched at once."""
_AGAIN = "compute the dataset again"


class TableFile:
    """One file, opened without trust: every read raises `DatasetDamaged` where the bytes are not those written."""

    def __init__(self, place: Place, record: FileRecord, of: object | None = None) -> None:
        """What is kept of it stays if the same is opened again, `of` the same."""
        self.place, self.record = place, record
        self.where = place.locate(record.path)
        self._of = of if of is not None else object()
        footer = self._guard(self._verified_footer)
        self.footer_bytes = len(footer)
        self._chunks = self._guard(lambda: columns_of(footer))
        self.metadata = self._guard(lambda: parse_footer(footer, self._chunks))
        # `metadata.schema` refers back to the metadata: what is no longer kept would wait for a collection of garbage.
        self._schema: pa.Schema = self._guard(lambda: self._open(pa.BufferReader(footer)).schema_arrow)
        self._leaves = self._guard(lambda: leaves_of(self._schema))
        self._check_columns()

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        def read() -> pa.Table:
            names, source = self._projection(columns), self.place.whole(self.record.path)
            self._check_unpacked(source, range(self.metadata.num_row_groups), names)
            return _sound(self._open(source).read(names), self.record.table)

        return self._guard(read)

    def read_group(self, group: int) -> pa.Table:
        def read() -> pa.Table:
            source = self._source(group)
            self._check_unpacked(source, [group])
            # Groups are small: to share their columns among threads takes longer than to read them.
            return _sound(self._open(source).read_row_group(group, use_threads=False), self.record.table)

        return self._guard(read)

    def read_row(self, neuron_id: NeuronId) -> pa.Table | None:
        """The row of one neuron, reading only its row group; None where the file has no such row."""
        group = self._first_group_up_to(neuron_id)
        while group < self.metadata.num_row_groups and self._bounds(group)[0] <= neuron_id:
            rows = self._kept_group(group)
            layers, neurons = rows.column(LAYER).to_numpy(), rows.column(NEURON).to_numpy()
            found = np.flatnonzero((layers == neuron_id.layer) & (neurons == neuron_id.neuron))
            if len(found):
                return rows.slice(int(found[0]), 1)
            group += 1
        return None

    def _kept_group(self, group: int) -> pa.Table:
        """Who reads a neuron often reads it again, or its neighbours."""
        return _GROUPS.get((self._of, self.record.path, group), lambda: self.read_group(group))

    def read_at(self, row: int) -> pa.Table:
        """The row at a place in the file, reading only its row group."""
        first = 0
        for group in range(self.metadata.num_row_groups):
            rows = self._chunks.rows[group]
            if first <= row < first + rows:
                return self._kept_group(group).slice(row - first, 1)
            first += rows
        raise DatasetDamaged(f"{self.where} has no row {row}, which the dataset refers to: {self.place.remedy}")

    def _source(self, group: int) -> Path | BinaryIO:
        if read_whole(self.record):
            return self.place.whole(self.record.path)
        start, stop = self._chunks.span(group)
        if not 0 <= start <= stop <= min(self.record.bytes, start + _MOST_OF_GROUP):
            raise Implausible(f"row group {group} lies from byte {start} to {stop}")
        return self.place.span(self.record.path, start, stop)

    def _check_unpacked(self, source: Path | BinaryIO, groups: Iterable[int], names: list[str] | None = None) -> None:
        with source.open("rb") if isinstance(source, Path) else nullcontext(source) as file:
            check_unpacked(self._leaves, self._chunks, groups, names, file)

    def _open(self, source: Path | BinaryIO | pa.BufferReader) -> pq.ParquetFile:
        return pq.ParquetFile(source, metadata=self.metadata, page_checksum_verification=True)

    def _verified_footer(self) -> bytes:
        table = TABLES[self.record.table]
        pages = len(table.schema) * (self.record.rows // table.rows_per_group + 1)
        footer = self.place.footer(self.record, 2**14 + _FOOTER_PER_PAGE * pages)
        if hashlib.sha256(footer).hexdigest() != self.record.footer_sha256:
            raise DatasetDamaged(f"{self.where}: its footer is not the one in the manifest; {self.place.remedy}")
        return footer

    def _check_columns(self) -> None:
        if self.metadata.num_rows != self.record.rows:
            raise DatasetDamaged(
                f"{self.where} has {self.metadata.num_rows} rows, and {self.record.rows} in the manifest: "
                f"{self.place.remedy}"
            )
        have = self._schema
        for field in TABLES[self.record.table].schema:
            position = have.get_field_index(field.name)
            if position < 0:
                raise DatasetDamaged(f"{self.where}: column {field.name} is missing: {_AGAIN}")
            if have.field(position).type != field.type:
                raise DatasetDamaged(
                    f"{self.where}: column {field.name} is {have.field(position).type}, expected {field.type}: {_AGAIN}"
                )

    def _projection(self, columns: Sequence[str] | None) -> list[str] | None:
        if columns is None:
            return None
        known = set(self._schema.names)
        unknown = [name for name in columns if name not in known]
        if unknown:
            named = ", ".join(map(repr, unknown))
            raise ColumnMissing(f"{self.where} has no column {named}: name some of those in docs/dataset.md")
        return list(columns)

    def _first_group_up_to(self, neuron_id: NeuronId) -> int:
        """Binary search over the row groups, which are sorted by layer and neuron. Where a file holds all of a layer,
        the first look finds it."""
        low, high = 0, self.metadata.num_row_groups
        likely = neuron_id.neuron // max(1, self._chunks.rows[0]) if high else 0
        if likely < high:
            first, last = self._bounds(likely)
            if first < neuron_id <= last:  # were it equal to the first, a group before might have it too
                return likely
        while low < high:
            middle = (low + high) // 2
            if self._bounds(middle)[1] < neuron_id:
                low = middle + 1
            else:
                high = middle
        return low

    def _bounds(self, group: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Two ids that no row of the group lies outside of; a group that spans layers says little of its neurons."""
        layer, neuron = (self._guard(lambda column=column: self._chunks.chunk(group, column)) for column in range(2))
        if layer.low is None or layer.high is None or neuron.low is None or neuron.high is None:
            raise DatasetDamaged(f"{self.where}: row group {group} does not say which neurons it has: {_AGAIN}")
        if layer.low != layer.high:
            return (layer.low, 0), (layer.high, 2**31 - 1)
        return (layer.low, neuron.low), (layer.high, neuron.high)

    def _guard(self, read: Callable[[], _Read]) -> _Read:
        try:
            return read()
        except FileNotFoundError as error:
            raise DatasetDamaged(f"{self.where} is missing: {self.place.remedy}") from error
        except (pa.ArrowException, OSError, ValueError, IndexError, OverflowError) as error:
            raise DatasetDamaged(f"{self.where} cannot be read ({str(error)[:300]}): {self.place.remedy}") from error


def _sound(rows: pa.Table, table: str) -> pa.Table:
    """What was read, if strings are UTF-8 and nothing lacks that must be there."""
    rows.validate(full=True)
    for field in TABLES[table].schema:
        name = field.name
        if not field.nullable and name in rows.column_names and rows.column(name).null_count:
            raise Implausible(f"column {name} has gaps")
    return rows


def read_whole(record: FileRecord) -> bool:
    return record.table in _READ_WHOLE and record.bytes <= _WHOLE_AT_MOST

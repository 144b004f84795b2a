"""Reading one parquet file of a dataset: its footer is checked against the manifest before it is parsed."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gluscope_core.errors import ColumnMissing, DatasetDamaged
from gluscope_core.footers import parse_footer, span_of
from gluscope_core.ids import NeuronId
from gluscope_core.kept import Kept
from gluscope_core.manifest import FileRecord
from gluscope_core.places import Place
from gluscope_core.schema import LAYER, NEURON, NEURONS_TABLE, STRIKING_TABLE, TABLES, TEXTS_TABLE, VOCAB_TABLE

_Read = TypeVar("_Read")

_READ_WHOLE = (NEURONS_TABLE.name, STRIKING_TABLE.name, TEXTS_TABLE.name, VOCAB_TABLE.name)
_WHOLE_AT_MOST = 256 * 2**20
"""Of these tables pages need most, or much of it in many places: where they come over a network, they come whole and
once. Larger files are read in parts like the rest."""
_FOOTER_PER_PAGE = 110
"""Bytes that the footer takes for each column of each row group, a little more than seen."""
_MOST_GROUPS = 64 * 2**20


class TableFile:
    """One file, opened without trust: every read raises `DatasetDamaged` where the bytes are not those written."""

    def __init__(self, place: Place, record: FileRecord, kept: Kept[pa.Table] | None = None) -> None:
        self.place, self.record = place, record
        self.where = place.locate(record.path)
        self._kept = kept if kept is not None else kept_groups()
        footer = self._guard(self._verified_footer)
        self.footer_bytes = len(footer)
        self.metadata = self._guard(lambda: parse_footer(footer))
        # `metadata.schema` refers back to the metadata: what is no longer kept would wait for a collection of garbage.
        self._schema: pa.Schema = self._guard(lambda: self._open(pa.BufferReader(footer)).schema_arrow)
        self._check_columns()

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        return self._guard(lambda: self._open(self.place.whole(self.record.path)).read(self._projection(columns)))

    def read_group(self, group: int) -> pa.Table:
        return self._guard(lambda: self._open(self._source(group)).read_row_group(group))

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
        return self._kept.get((self.record.path, group), lambda: self.read_group(group))

    def read_at(self, row: int) -> pa.Table:
        """The row at a place in the file, reading only its row group."""
        first = 0
        for group in range(self.metadata.num_row_groups):
            rows = self.metadata.row_group(group).num_rows
            if first <= row < first + rows:
                return self._kept_group(group).slice(row - first, 1)
            first += rows
        raise DatasetDamaged(f"{self.where} has no row {row}: the dataset refers to a row that does not exist")

    def _source(self, group: int) -> Path | BinaryIO:
        if read_whole(self.record):
            return self.place.whole(self.record.path)
        return self.place.span(self.record.path, *span_of(self.metadata, group))

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
        have = self._schema
        for field in TABLES[self.record.table].schema:
            position = have.get_field_index(field.name)
            if position < 0:
                raise DatasetDamaged(f"{self.where}: column {field.name} is missing; compute the dataset again")
            if have.field(position).type != field.type:
                raise DatasetDamaged(
                    f"{self.where}: column {field.name} is {have.field(position).type}, expected {field.type}; "
                    "compute the dataset again"
                )

    def _projection(self, columns: Sequence[str] | None) -> list[str] | None:
        if columns is None:
            return None
        known = set(self._schema.names)
        unknown = [name for name in columns if name not in known]
        if unknown:
            raise ColumnMissing(f"{self.where} has no column {', '.join(map(repr, unknown))}")
        return list(columns)

    def _first_group_up_to(self, neuron_id: NeuronId) -> int:
        """Binary search over the row groups, which are sorted by layer and neuron."""
        low, high = 0, self.metadata.num_row_groups
        while low < high:
            middle = (low + high) // 2
            if self._bounds(middle)[1] < neuron_id:
                low = middle + 1
            else:
                high = middle
        return low

    def _bounds(self, group: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Two ids that no row of the group lies outside of; a group that spans layers says little of its neurons."""
        layer, neuron = (self.metadata.row_group(group).column(i).statistics for i in range(2))
        if layer.min != layer.max:
            return (layer.min, 0), (layer.max, 2**31 - 1)
        return (layer.min, neuron.min), (layer.max, neuron.max)

    def _guard(self, read: Callable[[], _Read]) -> _Read:
        try:
            return read()
        except FileNotFoundError as error:
            raise DatasetDamaged(f"{self.where} is missing: {self.place.remedy}") from error
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise DatasetDamaged(f"{self.where} cannot be read ({error}): {self.place.remedy}") from error


def read_whole(record: FileRecord) -> bool:
    return record.table in _READ_WHOLE and record.bytes <= _WHOLE_AT_MOST


def kept_groups() -> Kept[pa.Table]:
    """Of all files of a dataset together."""
    return Kept(_MOST_GROUPS, pa.Table.get_total_buffer_size)

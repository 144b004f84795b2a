"""Reading one parquet file of a dataset: its footer is checked against the manifest before it is parsed."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gluscope_core.errors import ColumnMissing, DatasetDamaged
from gluscope_core.ids import NeuronId
from gluscope_core.manifest import FileRecord
from gluscope_core.schema import LAYER, NEURON, TABLES

_Read = TypeVar("_Read")

_MAGIC = b"PAR1"
_TAIL = 8  # four bytes of footer length, four of magic


class TableFile:
    """One file, opened without trust: every read raises `DatasetDamaged` where the bytes are not those written."""

    def __init__(self, folder: Path, record: FileRecord) -> None:
        self.path = folder / record.path
        self.record = record
        self.metadata = self._guard(lambda: parse_footer(self._verified_footer()))
        self._check_columns()
        self._last_group: tuple[int, pa.Table] | None = None

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        return self._guard(lambda: self._open().read(self._projection(columns)))

    def read_group(self, group: int) -> pa.Table:
        return self._guard(lambda: self._open().read_row_group(group))

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
        """The last one is kept: who reads a neuron often reads its neighbours next."""
        kept = self._last_group
        if kept is None or kept[0] != group:
            kept = group, self.read_group(group)
            self._last_group = kept
        return kept[1]

    def read_at(self, row: int) -> pa.Table:
        """The row at a place in the file, reading only its row group."""
        first = 0
        for group in range(self.metadata.num_row_groups):
            rows = self.metadata.row_group(group).num_rows
            if first <= row < first + rows:
                return self.read_group(group).slice(row - first, 1)
            first += rows
        raise DatasetDamaged(f"{self.path} has no row {row}: the dataset refers to a row that does not exist")

    def _open(self) -> pq.ParquetFile:
        return pq.ParquetFile(self.path, metadata=self.metadata, page_checksum_verification=True)

    def _verified_footer(self) -> bytes:
        footer = read_footer(self.path)
        if hashlib.sha256(footer).hexdigest() != self.record.footer_sha256:
            raise DatasetDamaged(f"{self.path}: its footer is not the one in the manifest; fetch or compute it again")
        return footer

    def _check_columns(self) -> None:
        have = self.metadata.schema.to_arrow_schema()
        for field in TABLES[self.record.table].schema:
            position = have.get_field_index(field.name)
            if position < 0:
                raise DatasetDamaged(f"{self.path}: column {field.name} is missing; compute the dataset again")
            if have.field(position).type != field.type:
                raise DatasetDamaged(
                    f"{self.path}: column {field.name} is {have.field(position).type}, expected {field.type}; "
                    "compute the dataset again"
                )

    def _projection(self, columns: Sequence[str] | None) -> list[str] | None:
        if columns is None:
            return None
        known = set(self.metadata.schema.to_arrow_schema().names)
        unknown = [name for name in columns if name not in known]
        if unknown:
            raise ColumnMissing(f"{self.path} has no column {', '.join(map(repr, unknown))}")
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
            raise DatasetDamaged(f"{self.path} is missing: fetch or compute the dataset again") from error
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise DatasetDamaged(f"{self.path} cannot be read ({error}): fetch or compute it again") from error


def read_footer(path: Path) -> bytes:
    """The footer with its length and magic, bounded by the file's size before anything is allocated."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _TAIL))
        tail = file.read(_TAIL)
        length = int.from_bytes(tail[:4], "little")
        if len(tail) < _TAIL or tail[4:] != _MAGIC or length > size - _TAIL - len(_MAGIC):
            raise DatasetDamaged(f"{path} is not a whole parquet file: fetch or compute it again")
        file.seek(size - _TAIL - length)
        return file.read(length + _TAIL)


def parse_footer(footer: bytes) -> pq.FileMetaData:
    return pq.read_metadata(pa.BufferReader(_MAGIC + footer))

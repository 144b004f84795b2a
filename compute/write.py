"""Tables to files: one parquet dialect for the whole dataset, and the record of each file for the manifest."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from compute.durable import flush, sha256_of
from gluscope_core.footers import read_footer
from gluscope_core.records import FileRecord
from gluscope_core.schema import LAYER, Table


def write_table(folder: Path, path: str, table: Table, rows: Iterable[pa.Table]) -> FileRecord:
    """Writes one file of a table, in pieces as they come. Groups hold `table.rows_per_group` rows, except the last
    of each piece."""
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    layers: list[int] = []
    with pq.ParquetWriter(target, table.schema, **_dialect(table.schema)) as writer:
        for piece in rows:
            writer.write_table(piece, row_group_size=table.rows_per_group)
            if table.keyed_by_neuron and piece.num_rows:
                layers += [piece.column(LAYER)[0].as_py(), piece.column(LAYER)[-1].as_py()]
    flush(target)  # here, where other threads go on meanwhile; committing would otherwise wait for all files at once
    return record_of(folder, path, table, (min(layers), max(layers)) if layers else None)


def record_of(folder: Path, path: str, table: Table, layers: tuple[int, int] | None) -> FileRecord:
    target = folder / path
    return FileRecord(
        path=path,
        table=table.name,
        rows=pq.read_metadata(target).num_rows,
        bytes=target.stat().st_size,
        sha256=sha256_of(target),
        footer_sha256=hashlib.sha256(read_footer(target)).hexdigest(),
        layers=layers,
    )


def is_whole(folder: Path, record: FileRecord) -> bool:
    """Whether a file is as it was written."""
    target = folder / record.path
    return target.is_file() and target.stat().st_size == record.bytes and sha256_of(target) == record.sha256


def _dialect(schema: pa.Schema) -> dict[str, Any]:
    """Bytes of floats compress better when their exponents lie together. Lists go without a dictionary, which would
    hide from the compressor that they repeat each other, and without extremes, which nobody asks for."""
    plain = [field for field in schema if not pa.types.is_list(field.type)]
    return {
        "compression": "zstd",
        "use_dictionary": [field.name for field in plain if not pa.types.is_floating(field.type)],
        "use_byte_stream_split": [_leaf(field) for field in schema if pa.types.is_floating(_value_type(field.type))],
        "write_statistics": [field.name for field in plain],
        "write_page_checksum": True,
        "write_page_index": True,
    }


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_list(kind) else kind


def _leaf(field: pa.Field) -> str:
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name

"""The end of a parquet file: where everything lies in it, bounded by the file's size before anything is allocated."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gluscope_core.footer_columns import FooterColumns, Unsound

_MAGIC = b"PAR1"
TAIL = 8
"""Bytes at the very end: four of the footer's length, four of magic."""
_MOST = 2**25
"""Twice what the windows of the widest layer need; parsed it takes eleven times as much."""


def footer_length(tail: bytes, size: int) -> int | None:
    """What the end of a parquet file of some size says of its footer's length; None where it can be no such file."""
    length = int.from_bytes(tail[-TAIL:-4], "little")
    whole = len(tail) >= TAIL and tail.endswith(_MAGIC) and length <= min(size - TAIL - len(_MAGIC), _MOST)
    return length if whole else None


def read_footer(path: Path) -> bytes:
    """The footer with its length and magic, bounded by the file's size before anything is allocated."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - TAIL))
        length = footer_length(file.read(TAIL), size)
        if length is None:
            raise OSError("not a whole parquet file")
        file.seek(size - TAIL - length)
        return file.read(length + TAIL)


def end_of(path: Path, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - length))
        return file.read(length)


def parse_footer(footer: bytes, groups: FooterColumns | None = None) -> pq.FileMetaData:
    """For reading rows; of what lies where, `columns_of` tells."""
    metadata = pq.read_metadata(pa.BufferReader(_MAGIC + footer))
    groups = groups or columns_of(footer)
    if metadata.num_row_groups != len(groups.rows) or any(
        groups.columns(group) != metadata.num_columns for group in range(metadata.num_row_groups)
    ):
        raise Unsound("its footer has row groups of other columns")  # Arrow would end the process when asked for one
    return metadata


def columns_of(footer: bytes) -> FooterColumns:
    return FooterColumns(footer[:-TAIL])

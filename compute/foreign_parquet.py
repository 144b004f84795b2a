"""Rows of parquet files that anybody may have written: a few at a time, and no more than their bytes account for."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gluscope_core.footers import columns_of, parse_footer, read_footer
from gluscope_core.page_headers import MOST_TIMES, NOTHING, Bound, check_unpacked, stored_leaves

_ALLOWED = 512 * 2**20
"""Bytes in memory that nobody minds where models are run: who writes long strings often writes many to a page."""


class ForeignFile:
    """Raises OSError, or an error of Arrow's, where a file is not what it says."""

    def __init__(self, path: Path) -> None:
        footer = read_footer(path)
        self._path, self._chunks = path, columns_of(footer)
        self._metadata = parse_footer(footer, self._chunks)
        self._leaves = stored_leaves(self._metadata.schema)

    @property
    def schema(self) -> pa.Schema:
        return self._metadata.schema.to_arrow_schema()

    def batches(
        self, rows: int, columns: Sequence[str] | None = None, *, all_are_kept: bool = False, times: int = MOST_TIMES
    ) -> Iterator[pa.RecordBatch]:
        """So many rows at most. Whoever keeps all of them is told before they are too many."""
        file = pq.ParquetFile(self._path, metadata=self._metadata, page_checksum_verification=True)
        read = NOTHING
        with self._path.open("rb") as raw:
            for group in range(self._metadata.num_row_groups):
                before = read if all_are_kept else NOTHING
                bound = Bound(_ALLOWED, times)
                read = check_unpacked(
                    self._leaves, self._chunks, [group], columns, raw, before=before, at_once=rows, bound=bound
                )
                yield from file.iter_batches(rows, [group], columns and list(columns))

"""Texts that lists refer to by their row: parquet files with token ids, as strings, or both."""

import pyarrow as pa

from gluscope_core.columns import TextColumn
from gluscope_core.errors import JoinRefused, NoSuchText
from gluscope_core.original.files import ParquetFiles
from gluscope_core.places import Place

_AT_ONCE = 16
"""Rows in memory together, of which each may be as long as the longest."""


class TextFiles:
    """Any parquet files with a column `input_ids` or `text`; the number of a text is its row over them in order."""

    def __init__(self, place: Place) -> None:
        self._where = place.name
        self._files = ParquetFiles(place, _AT_ONCE)
        if not len(self._files):
            raise JoinRefused(f"{self._where} holds no parquet files of texts: give a folder that does")
        schema = self._files.schema
        self._columns = [
            name for name in (TextColumn.INPUT_IDS, TextColumn.TEXT, TextColumn.SOURCE) if _fits(schema, name)
        ]
        if not {TextColumn.INPUT_IDS, TextColumn.TEXT} & set(self._columns):
            raise JoinRefused(
                f"{self._where} has neither a column {TextColumn.INPUT_IDS} nor {TextColumn.TEXT}: give files with one"
            )

    def __len__(self) -> int:
        return self._files.rows

    def text(self, index: int) -> dict[str, object]:
        if not 0 <= index < len(self):
            raise NoSuchText.among(f"text {index}", self._where, len(self))
        row = self._files.guard(lambda: self._files.row(index, self._columns).to_pylist()[0])
        return {TextColumn.INDEX.value: index, **{name.value: row.get(name.value) for name in list(TextColumn)[1:]}}


def _fits(schema: pa.Schema, name: TextColumn) -> bool:
    if name not in schema.names:
        return False
    kind = schema.field(name).type
    if name is TextColumn.INPUT_IDS:
        return (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and pa.types.is_integer(kind.value_type)
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)

"""Where the columns of a parquet file lie, and their extremes, read from the footer without Arrow's help.

Arrow's Python classes let no C++ exception through that `FileMetaData.row_group`, `RowGroupMetaData.column`, or
`statistics` and `compression` of a column throw: a footer made for it ends the process. What reads rows does not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_ROW_GROUPS, _COLUMNS, _ROWS, _META = 4, 1, 3, 3
_VALUES, _STORED, _DATA, _DICTIONARY, _STATISTICS = 5, 7, 9, 11, 12
_MAX, _MIN = 5, 6
"""Numbers of fields: in the file, a row group and a column; what holds of the column as a whole; its extremes."""
_BYTE, _DOUBLE, _STRING, _LIST, _SET, _STRUCT = 3, 7, 8, 9, 10, 12
_BOOLEANS, _NUMBERS = (1, 2), (4, 5, 6)
"""Kinds of value in Thrift's compact protocol; a boolean is said by its kind."""
_NUMBER = rb"[\x80-\xff]{0,9}+[\x00-\x7f]"
_MOST_DEEP, _MOST_SHAPES, _FEW = 32, 4, 16
_WIDTHS = (4, 8)


class Unsound(OSError):
    """Why a footer is not as any program writes it."""


@dataclass(frozen=True)
class Chunk:
    """A column of a row group."""

    start: int
    stored: int
    """Bytes in the file."""
    values: int
    low: int | None
    high: int | None
    """Extremes, where they are said: the integers that their bytes are, of a column of int32 or int64."""

    @property
    def stop(self) -> int:
        return self.start + self.stored


class FooterColumns:
    """Walks through Thrift's compact protocol: numbers of any length, strings, lists and structs.

    Row groups are many and alike. Of a column that was walked through, `_shapes` keeps a pattern in which numbers and
    extremes may be others: what it matches ends where walking would end, and takes a tenth of the time."""

    def __init__(self, footer: bytes) -> None:
        """Without length and magic."""
        self._raw, self._at = footer, 0
        self._free: list[tuple[int, int, bytes]] = []
        """Where numbers, and the bytes of extremes, stand in a column, and what else may stand there."""
        self._shapes: dict[int, list[re.Pattern[bytes]]] = {}
        self._begins: list[list[int]] = []
        """By row group, where its columns stand in the footer."""
        self.rows: list[int] = []
        """By row group."""
        try:
            self._walk()
        except IndexError as error:
            raise Unsound("its footer is cut off") from error

    def columns(self, group: int) -> int:
        return len(self._begins[group])

    def chunk(self, group: int, column: int) -> Chunk:
        self._at = self._begins[group][column]
        found = self._column()
        start, dictionary = found.get(_DATA), found.get(_DICTIONARY)
        stored, values = found.get(_STORED), found.get(_VALUES)
        _must(start is not None and stored is not None and values is not None)
        starts = [each for each in (start, dictionary) if each]
        chunk = Chunk(min(starts, default=0), stored or 0, values or 0, found.get(-_MIN), found.get(-_MAX))
        _must(chunk.start >= 0 and chunk.stored >= 0 and chunk.values >= 0)
        return chunk

    def span(self, group: int) -> tuple[int, int]:
        """Where the pages of a row group begin and end in the file."""
        chunks = [self.chunk(group, column) for column in range(self.columns(group))]
        return min((each.start for each in chunks), default=0), max((each.stop for each in chunks), default=0)

    def _walk(self) -> None:
        for number, kind in self._fields():
            if number == _ROW_GROUPS:
                groups = self._structs(kind)
                for _ in range(groups):
                    self._row_group(learns=groups > _FEW)
            else:
                self._skip(kind)

    def _row_group(self, *, learns: bool) -> None:
        rows, begins = -1, []
        for number, kind in self._fields():
            if number == _COLUMNS:
                for column in range(self._structs(kind)):
                    begins.append(self._at)
                    self._pass_column(column, learns=learns)
            elif number == _ROWS and kind in _NUMBERS:
                rows = self._signed()
            else:
                self._skip(kind)
        _must(rows >= 0)
        self.rows.append(rows)
        self._begins.append(begins)

    def _pass_column(self, column: int, *, learns: bool) -> None:
        shapes = self._shapes.setdefault(column, [])
        for shape in shapes:
            if (match := shape.match(self._raw, self._at)) is not None:
                self._at = match.end()
                return
        begin, self._free = self._at, []
        self._column()
        if learns and len(shapes) < _MOST_SHAPES:
            shapes.append(self._shape_since(begin))

    def _shape_since(self, begin: int) -> re.Pattern[bytes]:
        parts, at = [], begin
        for start, end, pattern in self._free:
            parts += [re.escape(self._raw[at:start]), pattern]
            at = end
        return re.compile(b"".join([*parts, re.escape(self._raw[at : self._at])]), re.DOTALL)

    def _column(self) -> dict[int, int]:
        """Numbers by their fields, extremes by those of fields made negative."""
        found: dict[int, int] = {}
        for number, kind in self._fields():
            if number == _META and kind == _STRUCT:
                self._meta(found)
            else:
                self._skip(kind)
        return found

    def _meta(self, found: dict[int, int]) -> None:
        for number, kind in self._fields():
            if number == _STATISTICS and kind == _STRUCT:
                self._statistics(found)
            elif kind in _NUMBERS:
                begin = self._at
                found[number] = self._signed()
                self._free.append((begin, self._at, _NUMBER))
            else:
                self._skip(kind)

    def _statistics(self, found: dict[int, int]) -> None:
        for number, kind in self._fields():
            if kind != _STRING:
                self._skip(kind)
                continue
            length = self._varint()
            if number in (_MIN, _MAX) and length in _WIDTHS:
                found[-number] = int.from_bytes(self._raw[self._at : self._at + length], "little", signed=True)
            self._free.append((self._at, self._at + length, b".{%d}" % length))
            self._pass(length)

    def _fields(self) -> Iterator[tuple[int, int]]:
        """Number and kind of each field of a struct; whoever takes one reads its value before the next."""
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._signed()
            yield number, head & 15

    def _structs(self, kind: int) -> int:
        """How many there are in a list of structs."""
        _must(kind == _LIST)
        size, inner = self._list()
        _must(inner == _STRUCT)
        return size

    def _list(self) -> tuple[int, int]:
        head = self._byte()
        size = head >> 4 if head < 0xF0 else self._varint()
        _must(size <= len(self._raw))
        return size, head & 15

    def _skip(self, kind: int, depth: int = 0) -> None:
        if kind in _NUMBERS:
            begin = self._at
            self._varint()
            self._free.append((begin, self._at, _NUMBER))
        elif kind == _STRING:
            self._pass(self._varint())
        elif kind in (_BYTE, _DOUBLE):
            self._pass(1 if kind == _BYTE else 8)
        elif kind == _STRUCT and depth < _MOST_DEEP:
            for _, inner in self._fields():
                self._skip(inner, depth + 1)
        elif kind in (_LIST, _SET) and depth < _MOST_DEEP:
            size, inner = self._list()
            for _ in range(size):
                self._skip(_BYTE if inner in _BOOLEANS else inner, depth + 1)
        else:
            _must(kind in _BOOLEANS)

    def _pass(self, length: int) -> None:
        self._at += length
        _must(self._at <= len(self._raw))

    def _byte(self) -> int:
        self._at += 1
        return self._raw[self._at - 1]

    def _varint(self) -> int:
        number = shift = 0
        while (byte := self._byte()) > 127:
            number |= (byte & 127) << shift
            shift += 7
            _must(shift < 64)
        return number | byte << shift

    def _signed(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)


def _must(is_so: bool) -> None:  # noqa: FBT001
    if not is_so:
        raise Unsound("its footer describes its columns as no program does")

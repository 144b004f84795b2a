"""What a parquet footer says of its columns, checked before Arrow is asked: what it cannot take ends the process.

Arrow's Python classes let no C++ exception through that `RowGroupMetaData.column`, or `statistics` of a column, throws:
an encrypted column, or extremes that are too short, abort the whole server."""

import re
from collections.abc import Iterator

_ROW_GROUPS, _COLUMNS, _META, _CRYPTO, _TYPE, _STATISTICS = 4, 1, 3, 8, 1, 12
_SIZES = {0: 1, 1: 4, 2: 8, 3: 12, 4: 4, 5: 8}
"""Bytes of an extreme by physical type; strings have any."""
_EXTREMES = (1, 2, 5, 6)
_BYTE, _DOUBLE, _STRING, _LIST, _SET, _STRUCT = 3, 7, 8, 9, 10, 12
_BOOLEANS, _NUMBERS = (1, 2), (4, 5, 6)
"""Kinds of value in Thrift's compact protocol; a boolean is said by its kind."""
_NUMBER = rb"[\x80-\xff]{0,9}+[\x00-\x7f]"
_MOST_DEEP, _MOST_SHAPES, _FEW = 32, 4, 16


class Unsound(OSError):
    """Why a footer is not as any program writes it."""


def check_footer(footer: bytes) -> None:
    """Raises where asking Arrow for a column would end the process."""
    try:
        _Footer(footer).check()
    except IndexError as error:
        raise Unsound("its footer is cut off") from error


class _Footer:
    """Walks through Thrift's compact protocol: numbers of any length, strings, lists and structs.

    Row groups are many and alike. Of a column that was walked through, `_shapes` keeps a pattern in which numbers and
    extremes may be others: what it matches is as sound, and takes a tenth of the time."""

    def __init__(self, raw: bytes) -> None:
        self._raw, self._at = raw, 0
        self._free: list[tuple[int, int, bytes]] = []
        """Where numbers, and the bytes of extremes, stand in a column, and what else may stand there."""
        self._shapes: dict[int, list[re.Pattern[bytes]]] = {}

    def check(self) -> None:
        for number, kind in self._fields():
            if number == _ROW_GROUPS:
                groups = self._structs(kind)
                for _ in range(groups):
                    self._row_group(learns=groups > _FEW)
            else:
                self._skip(kind)

    def _row_group(self, *, learns: bool) -> None:
        for number, kind in self._fields():
            if number == _COLUMNS:
                for column in range(self._structs(kind)):
                    self._column_of_known_shape(column, learns=learns)
            else:
                self._skip(kind)

    def _column_of_known_shape(self, column: int, *, learns: bool) -> None:
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

    def _column(self) -> None:
        known = False
        for number, kind in self._fields():
            _must(number != _CRYPTO)
            if number == _META:
                _must(kind == _STRUCT)
                known = True
                self._meta()
            else:
                self._skip(kind)
        _must(known)

    def _meta(self) -> None:
        physical = None
        for number, kind in self._fields():
            if number == _TYPE:
                _must(kind in _NUMBERS and physical is None)
                physical = self._signed()
            elif number == _STATISTICS:
                _must(kind == _STRUCT and physical is not None)
                self._statistics(_SIZES.get(physical or 0))
            else:
                self._skip(kind)

    def _statistics(self, size: int | None) -> None:
        for number, kind in self._fields():
            if number not in _EXTREMES:
                self._skip(kind)
                continue
            _must(kind == _STRING)
            length = self._varint()
            _must(size in (None, length))
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
        raise Unsound("its footer describes a column as no program writes it")

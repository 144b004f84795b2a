"""How much a parquet file's pages unpack to, by their headers, before any is: a few bytes can say gigabytes.

Arrow takes a page's header at its word, and repeats one string of a dictionary as often as the page says."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from gluscope_core.footer_columns import Chunk, FooterColumns

_DATA, _DICTIONARY, _DATA_2 = 0, 2, 3
"""Kinds of page."""
_OF_DICTIONARY = (2, 8)
_SHARING = 7
"""The encoding of strings that says how much each shares with the one before: a page of it can hold anything."""
_MOST_PAGES = 4_096
_MOST_OF_DICTIONARY = 2**24
"""Bytes, and more only of long strings: who writes one ends it at a sixteenth of that, but looks at the size now and
then."""
_USUAL_HEADER, _LONGEST_HEADER = 512, 2**17
_CODECS = ("zstd", "snappy", "gzip", "brotli", "lz4_raw")
_NARROWEST = 4
"""Bytes in which a file has numbers of fewer."""
_WIDTHS = {"INT64": 8, "INT96": 12, "DOUBLE": 8}
"""Of the physical types that are wider."""
_LEVELS = 4
"""Bytes of a list's value beside its own: where lists begin and end."""
ALLOWED, MOST_TIMES = 64 * 2**20, 32
"""Bytes in memory that nobody minds, and how many more there may be for each in the file; ours take up to 6."""


class Implausible(OSError):
    """Why pages are not as anybody writes them."""


@dataclass(frozen=True)
class Leaf:
    """What there is to know of a column."""

    name: str
    width: int | None
    """Bytes of a value; None of strings, which have as many as they have."""
    lists: int
    """In how many lists, one within the other, each value lies."""


@dataclass(frozen=True)
class Sizes:
    """Bytes of some columns: in the file, and in memory."""

    stored: int
    unpacked: int


NOTHING = Sizes(0, 0)


@dataclass(frozen=True)
class Bound:
    """Bytes in memory that nobody minds, and how many more there may be for each in the file."""

    allowed: int
    times: int


USUAL = Bound(ALLOWED, MOST_TIMES)


@dataclass(frozen=True)
class _Page:
    kind: int
    unpacked: int
    stored: int
    values: int
    encoding: int
    at: int
    """Where its content begins."""


def leaves_of(schema: pa.Schema) -> list[Leaf]:
    """In the order of a file's columns, of the kinds that tables here have: values, and lists of values."""
    return [_leaf_of(field) for field in schema]


def stored_leaves(schema: pq.ParquetSchema) -> list[Leaf]:
    """The same of files of others, which may have columns of any kind: as they are stored, by the names of columns."""
    return [_stored_leaf(schema.column(number)) for number in range(len(schema))]


def _stored_leaf(column: pq.ColumnSchema) -> Leaf:
    kind = column.physical_type
    width = column.length if kind == "FIXED_LEN_BYTE_ARRAY" else _WIDTHS.get(kind, _NARROWEST)
    name = column.path.partition(".")[0]
    return Leaf(name, None if kind == "BYTE_ARRAY" else width, column.max_repetition_level)


def _leaf_of(field: pa.Field) -> Leaf:
    lists = int(pa.types.is_list(field.type))
    kind = field.type.value_type if lists else field.type
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return Leaf(field.name, None, lists)
    if not pa.types.is_primitive(kind):
        raise Implausible(f"column {field.name} is of a kind that no table has: {field.type}")
    return Leaf(field.name, max(_NARROWEST, kind.bit_width // 8), lists)


def check_unpacked(
    leaves: Sequence[Leaf],
    chunks: FooterColumns,
    groups: Iterable[int],
    names: Sequence[str] | None,
    file: BinaryIO,
    *,
    before: Sizes = NOTHING,
    at_once: int | None = None,
    bound: Bound = USUAL,
) -> Sizes:
    """Raises where some columns of row groups (None: all) would take more memory than they may, with what was read
    before. `at_once` is how many rows are in memory together, where a row group is read in parts."""
    wanted = None if names is None else set(names)
    stored, unpacked = before.stored, before.unpacked
    for group in groups:
        for number, leaf in enumerate(leaves):
            if wanted is None or leaf.name in wanted:
                chunk = chunks.chunk(group, number)
                unpacked += _size_of_chunk(chunk, leaf, chunks.rows[group], file, at_once)
                stored += chunk.stored
        if unpacked > bound.allowed + bound.times * stored:
            raise Implausible(f"{stored:,} bytes of it unpack to {unpacked:,} or more")
    return Sizes(stored, unpacked)


def _size_of_chunk(chunk: Chunk, leaf: Leaf, rows: int, file: BinaryIO, at_once: int | None) -> int:
    values = size = again = longest = 0
    for page in _pages(chunk, file):
        size += page.unpacked
        if page.kind == _DICTIONARY:
            longest = max(longest, _longest(page, file)) if leaf.width is None else 0
            continue
        values += page.values
        size += page.values * (_LEVELS * leaf.lists + (_LEVELS if leaf.width is None else leaf.width))
        if leaf.width is None and page.encoding in (*_OF_DICTIONARY, _SHARING):
            again += page.values
            longest = max(longest, _longest_shared(page, at_once) if page.encoding == _SHARING else 0)
    if values != chunk.values or values < rows or (values > rows and not leaf.lists):
        raise Implausible(f"column {leaf.name} has {values} values for {rows} rows, and says {chunk.values}")
    return size + longest * (again if at_once is None or leaf.lists else min(again, at_once))


def _longest_shared(page: _Page, at_once: int | None) -> int:
    """Each string may have all that those before it have; whole row groups of such ones nobody can hold."""
    if at_once is None:
        raise Implausible("a page of strings is in an encoding that is not read")
    return page.unpacked


def _pages(chunk: Chunk, file: BinaryIO) -> Iterator[_Page]:
    at, end = chunk.start, chunk.stop
    for _ in range(_MOST_PAGES):
        if at >= end:
            return
        page = _page_at(file, at)
        at = page.at + page.stored
        if at > end:
            raise Implausible("a page is larger than its column")
        yield page
    raise Implausible(f"a column has more than {_MOST_PAGES} pages")


def _page_at(file: BinaryIO, at: int) -> _Page:
    for length in (_USUAL_HEADER, _LONGEST_HEADER):
        file.seek(at)
        reader = _Compact(file.read(length))
        try:
            header = reader.struct()
        except IndexError:
            continue
        return _page_of(header, at + reader.at)
    raise Implausible("a page's header is cut off")


def _page_of(header: dict[int, Any], at: int) -> _Page:
    kind = header.get(1)
    of_kind = header.get({_DATA: 5, _DICTIONARY: 7, _DATA_2: 8}.get(kind, 0) if isinstance(kind, int) else 0)
    if not isinstance(kind, int) or not isinstance(of_kind, dict):
        raise Implausible("a page is of no kind")
    numbers = [header.get(2), header.get(3), of_kind.get(1), of_kind.get(4 if kind == _DATA_2 else 2)]
    if any(not isinstance(each, int) or each < 0 for each in numbers):
        raise Implausible("a page's header lacks its sizes")
    unpacked, stored, values, encoding = (int(each or 0) for each in numbers)
    return _Page(kind, unpacked, stored, values, encoding, at)


def _longest(page: _Page, file: BinaryIO) -> int:
    """The longest string of a dictionary, whatever it is compressed with: to be asked for a codec that it does not
    know ends Arrow."""
    if page.unpacked > max(_MOST_OF_DICTIONARY, MOST_TIMES * page.stored):
        raise Implausible(f"a dictionary unpacks to {page.unpacked:,} bytes")
    file.seek(page.at)
    stored = file.read(page.stored)
    contents = [stored]
    for codec in _CODECS:
        with suppress(pa.ArrowException, OSError, ValueError):
            contents.append(pa.Codec(codec).decompress(stored, decompressed_size=page.unpacked, asbytes=True))
    found = [longest for content in contents if (longest := _longest_of(content)) is not None]
    if not found:
        raise Implausible("a dictionary is in a compression that is not read, or no list of strings")
    return max(found)


def _longest_of(content: bytes) -> int | None:
    """None where it is no list of strings."""
    at = longest = 0
    while at + 4 <= len(content):
        length = int.from_bytes(content[at : at + 4], "little")
        longest, at = max(longest, length), at + 4 + length
    return longest if at == len(content) else None


class _Compact:
    """As much of Thrift's compact protocol as headers of pages are written in."""

    def __init__(self, content: bytes) -> None:
        self._content, self.at = content, 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Values by the numbers of fields. Raises IndexError where the bytes end."""
        fields: dict[int, Any] = {}
        number = 0
        while (head := self._byte()) != 0:
            number = number + (head >> 4) if head >> 4 else self._signed()
            fields[number] = self._value(head & 15, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2):
            return kind == 1
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._signed()
        if kind == 7:
            return self._skip(8)
        if kind == 8:
            return self._skip(self._varint())
        if kind == 12 and depth < 4:
            return self.struct(depth + 1)
        raise Implausible("a page's header holds what none does")

    def _byte(self) -> int:
        self.at += 1
        return self._content[self.at - 1]

    def _skip(self, length: int) -> None:
        self.at += length
        if self.at > len(self._content):
            raise IndexError

    def _varint(self) -> int:
        number = shift = 0
        while True:
            byte = self._byte()
            number |= (byte & 127) << shift
            if byte < 128:
                return number
            shift += 7
            if shift > 63:
                raise Implausible("a page's header holds a number that is too long")

    def _signed(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)

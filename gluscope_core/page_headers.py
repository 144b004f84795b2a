"""How much a parquet file's pages unpack to, by their headers, before any is: a few bytes can say gigabytes.

Arrow takes a page's header at its word, and repeats one string of a dictionary as often as the page says."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa

from gluscope_core.footer_columns import Chunk, FooterColumns

_DATA, _DICTIONARY, _DATA_2 = 0, 2, 3
"""Kinds of page."""
_OF_DICTIONARY = (2, 8)
_UNBOUNDED = 7
"""The encoding of strings that says how much each shares with the one before: a page of it can hold anything."""
_MOST_PAGES = 4_096
_MOST_OF_DICTIONARY = 2**24
"""Bytes; who writes one ends it at a sixteenth of that."""
_USUAL_HEADER, _LONGEST_HEADER = 512, 2**17
_CODECS = ("zstd", "snappy", "gzip", "brotli", "lz4_raw")
_NARROWEST = 4
"""Bytes in which a file has numbers of fewer."""
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
    repeated: bool


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


def _leaf_of(field: pa.Field) -> Leaf:
    repeated = pa.types.is_list(field.type)
    kind = field.type.value_type if repeated else field.type
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return Leaf(field.name, None, repeated)
    if not pa.types.is_primitive(kind):
        raise Implausible(f"column {field.name} is of a kind that no table has: {field.type}")
    return Leaf(field.name, max(_NARROWEST, kind.bit_width // 8), repeated)


def check_unpacked(
    leaves: Sequence[Leaf], chunks: FooterColumns, groups: Iterable[int], names: Sequence[str] | None, file: BinaryIO
) -> None:
    """Raises where some columns of row groups (None: all) would take more memory than they may."""
    wanted = None if names is None else set(names)
    unpacked = stored = 0
    for group in groups:
        for number, leaf in enumerate(leaves):
            if wanted is None or leaf.name in wanted:
                chunk = chunks.chunk(group, number)
                unpacked += _size_of_chunk(chunk, leaf, chunks.rows[group], file)
                stored += chunk.stored
        if unpacked > ALLOWED + MOST_TIMES * stored:
            raise Implausible(f"{stored:,} bytes of it unpack to {unpacked:,} or more")


def _size_of_chunk(chunk: Chunk, leaf: Leaf, rows: int, file: BinaryIO) -> int:
    values = size = longest = 0
    for page in _pages(chunk, file):
        if page.kind == _DICTIONARY:
            size += page.unpacked
            longest = _longest(page, file) if leaf.width is None else 0
            continue
        values += page.values
        size += _size_of_page(page, leaf, longest)
    if values != chunk.values or values < rows or (values > rows and not leaf.repeated):
        raise Implausible(f"column {leaf.name} has {values} values for {rows} rows, and says {chunk.values}")
    return size


def _size_of_page(page: _Page, leaf: Leaf, longest: int) -> int:
    if leaf.width is not None:
        width = leaf.width
    elif page.encoding in _OF_DICTIONARY:
        width = longest + _LEVELS
    elif page.encoding == _UNBOUNDED:
        raise Implausible("a page of strings is in an encoding that is not read")
    else:
        width = _LEVELS
    return page.unpacked + page.values * (width + _LEVELS * leaf.repeated)


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
    know ends Arrow. What else does not add up, it will say."""
    if page.unpacked > _MOST_OF_DICTIONARY:
        raise Implausible(f"a dictionary unpacks to {page.unpacked:,} bytes")
    file.seek(page.at)
    stored = file.read(page.stored)
    contents = [stored]
    for codec in _CODECS:
        with suppress(pa.ArrowException, OSError, ValueError):
            contents.append(pa.Codec(codec).decompress(stored, decompressed_size=page.unpacked, asbytes=True))
    return max(map(_longest_of, contents))


def _longest_of(content: bytes) -> int:
    """0 where it is no list of strings."""
    at = longest = 0
    while at + 4 <= len(content):
        length = int.from_bytes(content[at : at + 4], "little")
        longest, at = max(longest, length), at + 4 + length
    return longest if at == len(content) else 0


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

"""Where texts come from: local files of several formats, or a dataset on the Hub, as a stream of records."""

import hashlib
import json
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import fsspec
import pyarrow as pa

from compute.config import TextsConfig
from compute.foreign_parquet import ForeignFile
from gluscope_core.errors import TextsUnusable

_SHARDS_ONLY = 1
"""Size of the buffer that `datasets` shuffles in: the sample is random already, so only the files' order need be."""

_DOCUMENTS_OF_HUB = 1_000_000
_ROWS_AT_ONCE = 16
_MOST_OF_TEXT = 64 * 2**20
"""Bytes of a file that is one text, or of a line: unpacked, a small file may be of any length."""


@dataclass(frozen=True)
class Record:
    """One document. Its text is None where it has none that can be read."""

    place: str
    text: str | None
    metadata: dict[str, Any]


@dataclass(frozen=True)
class Source:
    id: str
    revision: str | None
    licence: str | None
    records: Callable[[], Iterator[Record]]
    """Always the same, in the same order."""
    fingerprint: str | None = None
    """Of local files: their names and sizes."""
    default_scan: int | None = None
    """How many are looked at where nobody says."""


def open_source(config: TextsConfig) -> Source:
    path = Path(config.source)
    if not path.exists():
        return _hub_source(config)
    files = _text_files(path)
    sizes = "".join(f"{each.relative_to(path.parent)} {each.stat().st_size}\n" for each in files)
    return Source(
        path.name,
        revision=None,
        licence=config.licence,
        records=lambda: _local_records(path, files, config.text_column),
        fingerprint=hashlib.sha256(sizes.encode()).hexdigest(),
    )


_Reader = Callable[[Path, str], Iterator[dict[str, Any] | None]]
"""From a file, and the name of the column with the text, to its records; None for one that cannot be read."""


def _text_files(path: Path) -> dict[Path, _Reader]:
    """A file, or those of a folder, with all that lies below it, in the order of their names."""
    if path.is_file():
        found = [path]
    else:
        found = sorted(each for each in path.rglob("*") if each.is_file() and not each.name.startswith("."))
    known = {each: reader for each in found if (reader := _reader(each)) is not None}
    if not known:
        kinds = ", ".join(f".{suffix}" for suffix in _READERS)
        raise TextsUnusable(f"{path} holds no texts: give files that end with {kinds}, which may be compressed")
    return known


def _local_records(root: Path, files: dict[Path, _Reader], column: str) -> Iterator[Record]:
    for path, reader in files.items():
        name = path.name if path == root else str(path.relative_to(root))
        try:
            for row, content in enumerate(reader(path, column)):
                place = name if reader is _read_text else f"{name}:{row}"
                yield _record(place, content, column)
        except (pa.ArrowException, OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
            raise TextsUnusable(f"{path} cannot be read ({error}): fetch it again, or leave it out") from error


def _record(place: str, content: dict[str, Any] | None, column: str) -> Record:
    if content is None:
        return Record(place, None, {})
    text = content.get(column)
    metadata = {key: value for key, value in content.items() if key != column}
    return Record(place, without_half_pairs(text) if isinstance(text, str) else None, metadata)


def without_half_pairs(text: str) -> str:
    """Halves of surrogate pairs, which JSON can spell and no tokenizer takes, become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _reader(path: Path) -> _Reader | None:
    suffixes = [suffix.lstrip(".").lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSIONS:
        suffixes.pop()
    return _READERS.get(suffixes[-1]) if suffixes else None


def _read_parquet(path: Path, column: str) -> Iterator[dict[str, Any] | None]:
    file = ForeignFile(path)
    _require_column(path, file.schema.names, column)
    for batch in file.batches(_ROWS_AT_ONCE):
        texts = batch.column(column)
        if pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type):
            # Parquet files may hold bytes that are no UTF-8 under the name of strings.
            raw = texts.cast(pa.large_binary()).to_pylist()
            strings = [None if each is None else each.decode(errors="replace") for each in raw]
        else:
            strings = texts.to_pylist()
        others = batch.drop_columns([column]).to_pylist()
        yield from ({**other, column: string} for other, string in zip(others, strings, strict=True))


def _read_lines(path: Path, column: str) -> Iterator[dict[str, Any] | None]:
    """JSON, one object a line. None for a line that is none."""
    first = True
    with fsspec.open(path, "rb", compression="infer") as file:
        for line in _lines(file):  # pyright: ignore[reportArgumentType]
            if line is not None and not line.strip():
                continue
            try:
                content = None if line is None else json.loads(line.decode(errors="replace"))
            except (ValueError, RecursionError):
                content = None
            if first and isinstance(content, dict):
                _require_column(path, list(content), column)
                first = False
            yield content if isinstance(content, dict) else None


def _lines(file: BinaryIO) -> Iterator[bytes | None]:
    """None for one that is too long, of which little is held: what is compressed may go on for ever."""
    while line := file.readline(_MOST_OF_TEXT):
        if len(line) < _MOST_OF_TEXT or line.endswith(b"\n"):
            yield line
            continue
        yield None
        while line and not line.endswith(b"\n"):
            line = file.readline(_MOST_OF_TEXT)


def _read_text(path: Path, column: str) -> Iterator[dict[str, Any] | None]:
    """The whole file is one text."""
    with fsspec.open(path, "rb", compression="infer") as file:
        content: bytes = file.read(_MOST_OF_TEXT + 1)  # pyright: ignore[reportAttributeAccessIssue]
    if len(content) > _MOST_OF_TEXT:
        raise TextsUnusable(
            f"{path} is one text of more than {_MOST_OF_TEXT // 2**20} MB: split it, or write its documents as JSONL"
        )
    yield {column: content.decode(errors="replace")}


_READERS: dict[str, _Reader] = {
    "parquet": _read_parquet,
    "jsonl": _read_lines,
    "ndjson": _read_lines,
    "json": _read_lines,
    "txt": _read_text,
    "text": _read_text,
    "md": _read_text,
}
_COMPRESSIONS = ("gz", "bz2", "xz", "zst")


def _require_column(path: Path | str, names: list[str], column: str) -> None:
    if column not in names:
        raise TextsUnusable(f"{path} has no column {column!r}: name the one with the texts, --text-column {_or(names)}")


def _or(names: list[str]) -> str:
    return " or ".join(map(str, names[:8])) or "…"


def _reason(error: Exception) -> str:
    """Its first line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _hub_source(config: TextsConfig) -> Source:
    from datasets import load_dataset  # noqa: PLC0415  # slow to import, and not needed for local files
    from huggingface_hub import HfApi  # noqa: PLC0415

    name = config.source
    try:
        info = HfApi().dataset_info(name, revision=config.source_revision)
        stream = load_dataset(name, config.source_config, split=config.split, streaming=True, revision=info.sha)
    except Exception as error:  # these libraries raise many kinds
        raise TextsUnusable(
            f"{name}: neither a file or folder here, nor a dataset on the Hub ({_reason(error)}): see that the name, "
            "--source-config and --split are right, and log in by `hf auth login` if it is private"
        ) from error
    if stream.column_names is not None:
        _require_column(name, stream.column_names, config.text_column)
    shuffled = stream.shuffle(seed=config.seed, buffer_size=_SHARDS_ONLY)

    def records() -> Iterator[Record]:
        read = 0
        try:
            for read, content in enumerate(shuffled, 1):
                yield _record(str(read - 1), content, config.text_column)
        except Exception as error:  # as many kinds, where the network fails or a file is not what its name says
            raise TextsUnusable(
                f"{name}: its document {read} cannot be read ({_reason(error)}): wait, and repeat the command, which "
                "goes on where it last saved"
            ) from error

    said = info.card_data.get("license") if info.card_data is not None else None
    licence = config.licence or (str(said) if said else None)
    return Source(name, info.sha, licence, records, default_scan=_DOCUMENTS_OF_HUB)

"""Tokenised texts as they are: the ids of every row of some parquet files, in name order."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from compute.durable import sha256_of
from compute.foreign_parquet import ForeignFile
from gluscope_core.columns import TextColumn
from gluscope_core.errors import TextsUnusable
from gluscope_core.plain_files import OddFile, read_at_most

ORIGIN_NAME = "texts.json"
_WRITE_AGAIN = "remove the folder and repeat `texts`"
_MOST_OF_ORIGIN = 8 * 2**20
_STRINGS_AT_ONCE = 16
_MOST_TIMES = 256
"""How many bytes in memory there may be for each in the file: texts that were padded to one length are mostly the same
token."""


@dataclass(frozen=True)
class TextsOrigin:
    """What the stage `texts` says, beside its texts, about where they come from."""

    id: str
    revision: str | None
    licence: str | None
    tokenizer: str
    bos_policy: str
    texts: int
    tokens: int
    cut: int
    """Documents longer than the limit, of which only the beginning is there."""
    seen: int
    """Documents of the source that were looked at."""
    empty: int
    unreadable: int
    settings: dict[str, str]
    vocabulary: str | None = None
    """SHA-256 over the tokens of the tokenizer, each with its id. This and the next two are younger than the rest."""
    files: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each file of texts."""
    sha256: str = ""
    """Of all of this, without the hash itself."""

    def to_json(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(replace(self, sha256=self.own_hash())), indent=1)

    def own_hash(self) -> str:
        return hashlib.sha256(msgspec.json.encode(replace(self, sha256=""))).hexdigest()

    @classmethod
    def read(cls, folder: Path) -> "TextsOrigin | None":
        """None for texts that something else wrote."""
        path = folder / ORIGIN_NAME
        if not path.is_file():
            return None
        try:
            found = msgspec.json.decode(read_at_most(path, _MOST_OF_ORIGIN), type=cls)
        except (OddFile, msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
            raise TextsUnusable(f"{path} is damaged ({error}): {_WRITE_AGAIN}") from error
        if found.sha256 and found.sha256 != found.own_hash():
            raise TextsUnusable(f"{path} is damaged: {_WRITE_AGAIN}")
        return found

    def check_files(self, folder: Path) -> None:
        for name, wanted in self.files.items():
            path = folder / name
            if not path.is_file() or sha256_of(path) != wanted:
                raise TextsUnusable(f"{path} is missing, or not as it was written: {_WRITE_AGAIN}")

    def refuse_other_vocabulary(self, folder: Path, model: str, tokenizer: PreTrainedTokenizerBase | None) -> None:
        """Nothing is known where nobody said, or a model comes without a tokenizer."""
        if self.vocabulary and tokenizer is not None and vocabulary_fingerprint(tokenizer) != self.vocabulary:
            raise TextsUnusable(
                f"{folder} was tokenised by {self.tokenizer}, whose vocabulary is not that of {model}: run "
                "`texts` for this model; or, where the same ids mean the same tokens, give the parquet file itself"
            )


@dataclass(frozen=True)
class TokenTexts:
    """All ids end to end; text i is `ids[bounds[i]:bounds[i + 1]]`. Rows without tokens keep their number."""

    id: str
    paths: tuple[Path, ...]
    ids: np.ndarray
    bounds: np.ndarray

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, text: int | np.integer) -> np.ndarray:
        return self.ids[self.bounds[text] : self.bounds[text + 1]]

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.bounds)

    def cut(self, context: int) -> "TokenTexts":
        """The same texts, each at most `context` tokens long."""
        return self.cut_each(np.full(len(self), context))

    def cut_each(self, most: np.ndarray) -> "TokenTexts":
        """The same texts, each at most so many tokens long."""
        lengths = np.minimum(self.lengths, most)
        if (lengths == self.lengths).all():
            return self
        within = np.arange(len(self.ids)) - np.repeat(self.bounds[:-1], self.lengths)
        return TokenTexts(self.id, self.paths, self.ids[within < np.repeat(most, self.lengths)], _bounds(lengths))

    def check_vocabulary(self, size: int) -> None:
        wrong = np.flatnonzero((self.ids < 0) | (self.ids >= size))
        if len(wrong):
            text = int(np.searchsorted(self.bounds, wrong[0], side="right")) - 1
            raise TextsUnusable(
                f"{self.id}: text {text} has token id {self.ids[wrong[0]]}, but the model's vocabulary ends at "
                f"{size - 1}; tokenise the texts for this model"
            )

    def strings(self) -> Iterator[tuple[str | None, str | None]]:
        """Text and source of every row, where the files have such columns, of strings."""
        for path in self.paths:
            with _named(path):
                file = ForeignFile(path)
                have = [name for name in (TextColumn.TEXT, TextColumn.SOURCE) if _holds_strings(file.schema, name)]
                for batch in file.batches(_STRINGS_AT_ONCE, [*have, TextColumn.INPUT_IDS], times=_MOST_TIMES):
                    columns = [
                        _decoded(batch.column(name)) if name in have else [None] * batch.num_rows
                        for name in (TextColumn.TEXT, TextColumn.SOURCE)
                    ]
                    yield from zip(*columns, strict=True)


def fingerprint(ids: np.ndarray, bounds: np.ndarray) -> str:
    """SHA-256 over the token ids of all texts, in order."""
    digest = hashlib.sha256(bounds.astype(np.int64).tobytes())
    digest.update(ids.astype(np.int32).tobytes())
    return digest.hexdigest()


def vocabulary_fingerprint(tokenizer: PreTrainedTokenizerBase) -> str:
    """SHA-256 over all tokens, each with its id."""
    tokens = sorted((number, token) for token, number in tokenizer.get_vocab().items())
    return hashlib.sha256(msgspec.json.encode(tokens)).hexdigest()


def first_token(ids: np.ndarray, bounds: np.ndarray) -> int | None:
    """The id that every text starts with, if they all do; empty texts start with none."""
    starts = np.unique(ids[bounds[:-1][np.diff(bounds) > 0]])
    return int(starts[0]) if len(starts) == 1 else None


def read_texts(path: Path) -> TokenTexts:
    """The texts of a parquet file, or of all of a folder: as they were written, where that is recorded."""
    origin = TextsOrigin.read(path)
    if origin is not None:
        origin.check_files(path)
    paths = tuple(sorted(path.glob("*.parquet"))) if path.is_dir() else (path,)
    if not paths or not paths[0].is_file():
        raise TextsUnusable(f"{path} holds no parquet file: give one with a column input_ids, or a folder of them")
    parts = [part for each in paths for part in _read_ids(each)]
    ids = np.concatenate([values for values, _ in parts]) if parts else np.empty(0, np.int32)
    lengths = np.concatenate([lengths for _, lengths in parts]) if parts else np.empty(0, np.int64)
    return TokenTexts(path.stem, paths, ids, _bounds(lengths))


def _holds_strings(schema: pa.Schema, name: str) -> bool:
    if name not in schema.names:
        return False
    kind = schema.field(name).type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _decoded(strings: pa.Array) -> list[str | None]:
    """Parquet files may hold bytes that are no UTF-8 under the name of strings."""
    return [
        None if raw is None else raw.decode(errors="replace") for raw in strings.cast(pa.large_binary()).to_pylist()
    ]


def _read_ids(path: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    with _named(path):
        file = ForeignFile(path)
        _check_type(path, file.schema)
        for batch in file.batches(4096, [TextColumn.INPUT_IDS], all_are_kept=True, times=_MOST_TIMES):
            column = batch.column(0).cast(pa.list_(pa.int64()))
            if column.flatten().null_count:
                raise TextsUnusable(f"{path}: a text has a token id that is null; write the file again")
            values = column.flatten().to_numpy()
            if len(values) and not (-(2**31) <= values.min() <= values.max() < 2**31):
                raise TextsUnusable(f"{path}: a token id is beyond 32 bits; write the file again")
            yield values.astype(np.int32), column.value_lengths().fill_null(0).to_numpy().astype(np.int64)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        raise TextsUnusable(f"{path} cannot be read as parquet ({error}): write it again") from error


def _check_type(path: Path, schema: pa.Schema) -> None:
    if TextColumn.INPUT_IDS not in schema.names:
        raise TextsUnusable(f"{path} has no column input_ids: tokenise the texts first")
    kind = schema.field(TextColumn.INPUT_IDS).type
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    if not is_list or not pa.types.is_integer(kind.value_type):
        raise TextsUnusable(
            f"{path}: column input_ids is {kind}, expected lists of integers: tokenise the texts with `texts`"
        )


def _bounds(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)

"""A dataset on the Hub at a pinned revision: whole files kept by the Hub's own client, or parts of them.

The client's environment variables hold here too: HF_ENDPOINT, HF_HOME, HF_TOKEN, HF_HUB_OFFLINE and the others."""

import hashlib
import os
import re
from contextlib import suppress
from functools import cached_property
from io import RawIOBase
from pathlib import Path
from threading import get_ident
from typing import BinaryIO, cast

import msgspec
from huggingface_hub import (
    _CACHED_NO_EXIST,
    HfApi,
    cached_assets_path,
    constants,
    hf_hub_download,
    snapshot_download,
    try_to_load_from_cache,
)
from huggingface_hub.errors import LocalEntryNotFoundError
from huggingface_hub.hf_api import RepoFile

from gluscope_core.errors import DatasetDamaged, DatasetNotFound, HubUnreachable
from gluscope_core.footers import TAIL, end_of, footer_length
from gluscope_core.hub_errors import FROM_DOWNLOADS, explained, explanation, passing
from gluscope_core.hub_patience import patiently
from gluscope_core.hub_ranges import RangeReader, RangesIgnored
from gluscope_core.manifest import MANIFEST_NAME, Manifest, read_manifest_file
from gluscope_core.records import FileRecord

_COMMIT = re.compile(r"[0-9a-f]{40}")
_DATASET = constants.REPO_TYPE_DATASET


class HubRevision:
    """One commit of a dataset, which later commits do not change."""

    remedy = "ask who published it to publish it again"

    def __init__(self, repo_id: str, revision: str) -> None:
        self.name, self.revision = repo_id, revision
        self._ranges = RangeReader(repo_id, revision)
        self._served_in_parts = True

    @classmethod
    def find(cls, repo_id: str, revision: str | None = None) -> "HubRevision":
        """The commit that a branch, tag or commit names now; by default that of the main branch."""
        try:
            commit: str | None = _downloaded(repo_id, MANIFEST_NAME, revision).parent.name  # the cache has one for each
        except FileNotFoundError:
            with explained(repo_id, revision):
                commit = HfApi().dataset_info(repo_id, revision=revision, timeout=constants.HF_HUB_ETAG_TIMEOUT).sha
        except HubUnreachable:
            commit = _kept_without_manifest(repo_id, revision)
            if commit is None:
                raise
        if commit is None or not _COMMIT.fullmatch(commit):
            raise HubUnreachable(
                f"{repo_id}: the Hub does not say which commit it has: set HF_ENDPOINT to a Hub, or unset it"
            )
        return cls(repo_id, commit)

    def __str__(self) -> str:
        return f"{self.name}@{self.revision[:7]}"

    def locate(self, path: str) -> str:
        return f"{self}: {path}"

    def has(self, path: str) -> bool:
        return self.kept(path) or path in self.files()

    def files(self) -> list[str]:
        return sorted(self._sizes)

    def size(self, path: str) -> int:
        return self._sizes[path]

    @cached_property
    def _sizes(self) -> dict[str, int]:
        """Of all files. A commit's do not change, so what the Hub said once is kept on disk."""
        kept = _assets("listings") / f"{self.name.replace('/', '--')}@{self.revision}.json"
        with suppress(OSError, msgspec.DecodeError, msgspec.ValidationError):
            return msgspec.json.decode(kept.read_bytes(), type=dict[str, int])
        with explained(self.name, self.revision):
            listed = HfApi().list_repo_tree(self.name, recursive=True, repo_type=_DATASET, revision=self.revision)
            sizes = {each.path: each.size for each in listed if isinstance(each, RepoFile)}
        _keep(kept, msgspec.json.encode(sizes))
        return sizes

    def manifest(self) -> Manifest:
        try:
            return read_manifest_file(self.whole(MANIFEST_NAME), self.locate(MANIFEST_NAME))
        except FileNotFoundError as error:
            raise DatasetNotFound(
                f"{self} holds no dataset of GLUScope's (no {MANIFEST_NAME}, which comes last while one is published): "
                "wait for it, or name another"
            ) from error

    def kept(self, path: str) -> bool:
        return self._on_disk(path) is not None

    def whole(self, path: str) -> Path:
        return _downloaded(self.name, path, self.revision)

    def span(self, path: str, start: int, stop: int) -> Path | BinaryIO:
        if (kept := self._on_disk(path)) is not None:
            return kept
        content = self._part(path, start, stop - start)
        if content is None:
            return self.whole(path)
        return cast("BinaryIO", _Span(content, start))

    def footer(self, record: FileRecord, expected: int) -> bytes:
        """Kept on disk by its hash, since a large file's takes as long to fetch as many of its rows."""
        kept = _assets("footers") / record.footer_sha256
        if kept.is_file() and hashlib.sha256(content := kept.read_bytes()).hexdigest() == record.footer_sha256:
            return content
        footer = self._fetched_footer(record, expected)
        if hashlib.sha256(footer).hexdigest() == record.footer_sha256:
            _keep(kept, footer)
        return footer

    def check_settled(self, manifest: Manifest) -> None:
        """A commit does not change."""

    def _fetched_footer(self, record: FileRecord, expected: int) -> bytes:
        tail = self.tail(record.path, min(expected, record.bytes))
        length = footer_length(tail, record.bytes)
        if length is None:
            raise OSError("not a whole parquet file")
        needed = length + TAIL
        return (tail if len(tail) >= needed else self.tail(record.path, needed))[-needed:]

    def tail(self, path: str, length: int) -> bytes:
        if (kept := self._on_disk(path)) is None:
            content = self._part(path, None, length)
            if content is not None:
                return content
            kept = self.whole(path)
        return end_of(kept, length)

    def _part(self, path: str, start: int | None, length: int) -> bytes | None:
        """None where the server has whole files only."""
        if not self._served_in_parts:
            return None
        try:
            with explained(self.name, self.revision):
                content = self._ranges.read(path, start, length)
        except RangesIgnored:
            self._served_in_parts = False
            return None
        if start is not None and len(content) < length:
            raise DatasetDamaged(f"{self.locate(path)} is shorter than it was written: {self.remedy}")
        return content

    def _on_disk(self, path: str) -> Path | None:
        kept = try_to_load_from_cache(self.name, path, repo_type=_DATASET, revision=self.revision)
        return Path(kept) if isinstance(kept, str) else None


class _Span(RawIOBase):
    """Part of a file, at its place in it."""

    def __init__(self, content: bytes, start: int) -> None:
        self._content, self._start, self._at = memoryview(content), start, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._start + len(self._content)}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        first = self._at - self._start
        if first < 0:
            raise OSError("outside the part of the file that was fetched")
        part = self._content[first : first + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


def _downloaded(repo_id: str, path: str, revision: str | None) -> Path:
    """By the Hub's client, which gives up on some of what passes, with errors of many kinds."""

    def ask() -> Path:
        try:
            return Path(hf_hub_download(repo_id, path, repo_type=_DATASET, revision=revision))
        except FROM_DOWNLOADS as error:
            raise passing(error) or explanation(error, repo_id, revision) from error

    return patiently(ask, repo_id, path)


def _kept_without_manifest(repo_id: str, revision: str | None) -> str | None:
    """The commit of a dataset that is not ours, as it was when the Hub was last asked."""
    if try_to_load_from_cache(repo_id, MANIFEST_NAME, repo_type=_DATASET, revision=revision) is not _CACHED_NO_EXIST:
        return None
    try:
        kept = snapshot_download(
            repo_id, repo_type=_DATASET, revision=revision, local_files_only=True, allow_patterns=[MANIFEST_NAME]
        )
        return Path(kept).name
    except LocalEntryNotFoundError:
        return None


def _assets(kind: str) -> Path:
    return cached_assets_path("gluscope", namespace=kind)


def _keep(path: Path, content: bytes) -> None:
    """What a disk does not take is asked for again."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.{get_ident()}")
    with suppress(OSError):
        try:
            aside.write_bytes(content)
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)

"""Files that are whole or absent, locks that die with their process, and replacements that complete or never began."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TypeVar

import msgspec

from gluscope_core.errors import DatasetDamaged, DatasetNotFound, FolderBusy, ResumeRefused
from gluscope_core.manifest import JOURNAL_NAME
from gluscope_core.plain_files import OddFile, read_at_most

OWN_PREFIX = ".gluscope."
"""Of hidden files that may lie in a dataset's folder while something is at work there."""
LOCK_NAME = f"{OWN_PREFIX}lock"
PROGRESS = "progress"
"""Folder within a dataset's: everything of an unfinished run."""
_MOST_OF_RECORD = 8 * 2**20

_Record = TypeVar("_Record")


class Step(StrEnum):
    """Points between which a process may die. Tests stop it at each."""

    FILE_WRITTEN = "file written aside"
    FILE_REPLACED = "file in place"
    STATE_WRITTEN = "checkpoint's state written"
    CHECKPOINT_MARKED = "checkpoint marked"
    STAGED = "new tables staged"
    JOURNALED = "journal written"
    MOVED = "one staged file moved"
    REMOVED = "old files removed"
    COMMITTED = "journal removed"
    SENT = "commit sent to the Hub"


def reached(step: Step) -> None:
    """Does nothing; tests replace it to stop the process here."""


def write_whole(path: Path, content: bytes) -> None:
    """Writes aside, flushes to disk and replaces, so that the file is never seen half-written."""
    aside = path.with_name(f"{OWN_PREFIX}{path.name}.new")
    aside.unlink(missing_ok=True)
    with aside.open("xb") as file:  # not through a link, which may lead to somebody's file
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    reached(Step.FILE_WRITTEN)
    move(aside, path)
    reached(Step.FILE_REPLACED)


def write_record(path: Path, record: object) -> None:
    """JSON under its own SHA-256."""
    write_sealed(path, msgspec.json.encode(record))


def read_record(path: Path, kind: type[_Record], remedy: str) -> _Record | None:
    """None where there is none."""
    content = read_sealed(path, remedy, _MOST_OF_RECORD)
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise ResumeRefused(f"{path} is of another release ({error}): {remedy}") from error


def write_sealed(path: Path, content: bytes) -> None:
    write_whole(path, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)


def read_sealed(path: Path, remedy: str, most: int | None = None) -> bytes | None:
    """`most` bounds files that may come with what others made."""
    if not path.exists():
        return None
    try:
        raw = read_at_most(path, path.stat().st_size if most is None else most)
    except OddFile as error:
        raise DatasetDamaged(f"{path} {error}: {remedy}") from error
    claimed, _, content = raw.partition(b"\n")
    if hashlib.sha256(content).hexdigest().encode() != claimed:
        raise DatasetDamaged(f"{path} is damaged: {remedy}")
    return content


def move(source: Path, target: Path) -> None:
    source.replace(target)
    flush_folder(target.parent)


def flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def remove_work(folder: Path, stage: str) -> None:
    """All that a stage kept in a dataset's folder while it was unfinished."""
    shutil.rmtree(folder / PROGRESS / stage, ignore_errors=True)
    remove_if_empty(folder / PROGRESS)


def refuse_strangers(folder: Path) -> None:
    """Refuses a folder that holds something which no stage of ours left there."""
    names = sorted(path.name for path in folder.iterdir())
    strangers = [name for name in names if name != PROGRESS and not name.startswith(OWN_PREFIX)]
    if strangers:
        raise ResumeRefused(f"{folder} holds something else ({strangers[0]}): choose a new folder for --out")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other processes out of a folder. The kernel drops the lock with the process, however it ends."""
    path = folder / LOCK_NAME
    refuse_link(path)
    descriptor = _take_lock(path)
    try:
        _refuse_links(folder / PROGRESS)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _refuse_links(unfinished: Path) -> None:
    """A dataset that came from somebody may bring links where unfinished work is written and removed."""
    inside = (Path(parent, name) for parent, *names in os.walk(unfinished) for some in names for name in some)
    for path in chain([unfinished], inside):
        refuse_link(path)


def refuse_link(path: Path) -> None:
    """Of a place that is written to."""
    if path.is_symlink():
        raise DatasetDamaged(f"{path} is a link, which no stage leaves there: remove it and repeat the command")


def _take_lock(path: Path) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise DatasetNotFound(f"{path.parent} does not exist: give the folder of a dataset") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise FolderBusy(f"{path.parent} is in use by another process: wait for it, or stop it") from error
        # The file may have been unlinked by a process that finished between our opening and locking it.
        if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
        os.close(descriptor)


@dataclass(frozen=True)
class _Journal:
    staged: str
    names: tuple[str, ...]
    obsolete: tuple[str, ...]

    @property
    def stays_inside(self) -> bool:
        """By its words alone: staged within `progress`, and files within the dataset."""
        staged, *files = (PurePosixPath(each) for each in (self.staged, *self.names, *self.obsolete))
        within = all(path.parts and not path.is_absolute() and ".." not in path.parts for path in (staged, *files))
        return within and staged.parts[0] == PROGRESS and len(staged.parts) > 1

    def way_out(self, folder: Path) -> Path | None:
        """A folder that it moves files from or to, or removes some of, and that a link leads out of the dataset."""
        home, staged = folder.resolve(), folder / self.staged
        moved = {(place / name).parent for name in self.names for place in (staged, folder)}
        touched = sorted({staged, *moved, *((folder / name).parent for name in self.obsolete)})
        return next((each for each in touched if not each.resolve().is_relative_to(home)), None)

    def refuse_to_leave(self, folder: Path) -> None:
        if not self.stays_inside:
            raise DatasetDamaged(f"{folder / JOURNAL_NAME} names files outside of the dataset: {_REMEDY}")
        if (way := self.way_out(folder)) is not None:
            raise DatasetDamaged(f"{way} is a link that leads out of the dataset: put the folder itself there")


_REMEDY = "fetch the dataset again, or remove its folder and compute it again"


def _read_journal(path: Path) -> _Journal | None:
    journal = read_record(path, _Journal, _REMEDY)
    if journal is not None:
        journal.refuse_to_leave(path.parent)
    return journal


def commit(folder: Path, staged: Path, names: Sequence[str], obsolete: Sequence[str] = ()) -> None:
    """Moves staged files into a folder, the last name last, and removes obsolete ones. Once the journal is written
    the move will be completed, now or by `complete`; before that nothing has changed."""
    journal = _Journal(staged.relative_to(folder).as_posix(), tuple(names), tuple(obsolete))
    journal.refuse_to_leave(folder)
    for name in names:
        flush(staged / name)
    for parent in sorted({(staged / name).parent for name in names} | {staged}):
        flush_folder(parent)
    reached(Step.STAGED)
    write_record(folder / JOURNAL_NAME, journal)
    reached(Step.JOURNALED)
    complete(folder)


def complete(folder: Path) -> bool:
    """Completes a commit that was cut off; False where there is none."""
    path = folder / JOURNAL_NAME
    journal = _read_journal(path)
    if journal is None:
        return False
    staged = folder / journal.staged
    for name in journal.names:
        target = folder / name
        if (staged / name).exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            move(staged / name, target)
            reached(Step.MOVED)
        elif not target.exists():
            raise DatasetDamaged(
                f"{folder}: {name} is neither staged nor in place; remove the folder and compute it again"
            )
    for name in journal.obsolete:
        (folder / name).unlink(missing_ok=True)
    reached(Step.REMOVED)
    path.unlink()
    flush_folder(folder)
    reached(Step.COMMITTED)
    shutil.rmtree(staged, ignore_errors=True)
    return True

"""Where a dataset's files lie: a local folder, or a pinned revision of a dataset on the Hub."""

import re
import stat
from pathlib import Path
from typing import BinaryIO, Protocol

from gluscope_core.errors import DatasetBeingUpdated, DatasetDamaged, DatasetNotFound, NoSuchRevision
from gluscope_core.footers import end_of, read_footer
from gluscope_core.manifest import JOURNAL_NAME, Manifest, read_manifest
from gluscope_core.records import FileRecord

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_SNAPSHOTS, _BLOBS = "snapshots", "blobs"
"""Folders of the Hub client's cache, in which what is in the first are links to what is in the second."""


class Place(Protocol):
    """Files by their paths within a dataset. What cannot be read raises one of our errors, or FileNotFoundError."""

    @property
    def name(self) -> str:
        """What a person calls the dataset there: the folder's name, or the Hub's id."""
        ...

    @property
    def revision(self) -> str | None:
        """The Hub's commit; a folder has none."""
        ...

    @property
    def remedy(self) -> str:
        """What to do about a file that is not as it was written."""
        ...

    def locate(self, path: str) -> str:
        """Where a file lies, for messages."""
        ...

    def has(self, path: str) -> bool: ...

    def files(self) -> list[str]:
        """All paths, those that no manifest names included."""
        ...

    def size(self, path: str) -> int:
        """Of one of them, in bytes."""
        ...

    def manifest(self) -> Manifest: ...

    def kept(self, path: str) -> bool:
        """Whether a whole file is on this machine's disk already."""
        ...

    def whole(self, path: str) -> Path:
        """A local copy of a whole file."""
        ...

    def span(self, path: str, start: int, stop: int) -> Path | BinaryIO:
        """Something to seek and read in that has at least these of the file's bytes, at their places."""
        ...

    def footer(self, record: FileRecord, expected: int) -> bytes:
        """The footer of a parquet file with its length and magic; `expected` is a guess at its size."""
        ...

    def tail(self, path: str, length: int) -> bytes:
        """The last bytes of a file, or all where it has no more."""
        ...

    def check_settled(self, manifest: Manifest) -> None:
        """Raises where files were replaced since the manifest was read, or are being replaced now."""
        ...


class Folder:
    """A dataset in a local folder."""

    revision = None
    remedy = "fetch or compute it again"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name

    def __str__(self) -> str:
        return str(self.path)

    def locate(self, path: str) -> str:
        return str(self.path / path)

    def has(self, path: str) -> bool:
        return (self.path / path).is_file()

    def files(self) -> list[str]:
        found = (path.relative_to(self.path) for path in self.path.rglob("*") if path.is_file())
        return sorted(path.as_posix() for path in found)

    def size(self, path: str) -> int:
        return (self.path / path).stat().st_size

    def manifest(self) -> Manifest:
        self._refuse_while_updated()
        return read_manifest(self.path)

    def kept(self, path: str) -> bool:
        del path
        return True

    def whole(self, path: str) -> Path:
        """Refuses what is no file, which may have no end, and links out of the folder, where others' data lie."""
        file = self.path / path
        if not stat.S_ISREG(file.stat().st_mode):
            raise DatasetDamaged(f"{file} is no file: {self.remedy}")
        real, home = file.resolve(), self.path.resolve()
        blobs = [each.parent / _BLOBS for each in home.parents if each.name == _SNAPSHOTS]
        if not any(real.is_relative_to(each) for each in (home, *blobs)):
            raise DatasetDamaged(f"{file} leads out of the dataset's folder: put the file itself there")
        return file

    def span(self, path: str, start: int, stop: int) -> Path:
        del start, stop
        return self.whole(path)

    def footer(self, record: FileRecord, expected: int) -> bytes:
        del expected
        return read_footer(self.whole(record.path))

    def tail(self, path: str, length: int) -> bytes:
        return end_of(self.whole(path), length)

    def check_settled(self, manifest: Manifest) -> None:
        self._refuse_while_updated()
        if read_manifest(self.path).sha256 != manifest.sha256:
            raise DatasetBeingUpdated(f"{self} was replaced since it was opened: open it again")

    def _refuse_while_updated(self) -> None:
        if (self.path / JOURNAL_NAME).exists():
            raise DatasetBeingUpdated(
                f"{self} is being updated, or an update was cut off: repeat the command that wrote to it to complete it"
            )


def find_place(named: str | Path, revision: str | None = None) -> Place:
    """A folder, where there is one of that name; else what looks like `user/name` is an id on the Hub."""
    if isinstance(named, str) and is_hub_id(named):
        from gluscope_core.hub import HubRevision  # noqa: PLC0415 - its client takes half a second to import

        return HubRevision.find(named, revision)
    try:
        Path(named).exists()
    except (OSError, ValueError) as error:  # a name that is too long, has a NUL, or lies where nobody may look
        raise DatasetNotFound(
            f"{str(named)[:200]!r} cannot be opened ({str(error)[:200]}): name another folder"
        ) from error
    if revision is not None:
        raise NoSuchRevision(f"{Path(named).name} is a local folder, which has no revisions: leave revision out")
    return Folder(Path(named))


def is_hub_id(named: str) -> bool:
    return _HUB_ID.fullmatch(named) is not None and not Path(named).is_dir()

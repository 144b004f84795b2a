"""Stages as tests of faults see them: what is there before, the command, what a reader may see, what is left."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import compute.examples
import compute.publish
import compute.texts
import compute.weights
from compute.durable import JOURNAL_NAME
from compute.token_texts import TextsOrigin
from compute.verify import check_files
from gluscope_core import open_dataset
from gluscope_core.errors import DatasetBeingUpdated, DatasetNotFound
from gluscope_core.manifest import MANIFEST_NAME, read_manifest

SMALL_PIECES = (
    (compute.weights, "CHECKPOINT_SHARE", 1.0),
    (compute.examples, "CHECKPOINT_SHARE", 1.0),
    (compute.examples, "_AT_ONCE", 2),
    (compute.publish, "FILES_AT_ONCE", 4),
    (compute.texts, "_AT_ONCE", 16),
    (compute.texts, "_RECORDS_PER_CHECKPOINT", 32),
)
"""Checkpoints after every piece of work, and pieces of which even tiny models have several."""


@dataclass(frozen=True)
class Task:
    """A stage, and the folder that it works in."""

    act: Callable[[Path], None]
    begin: Path | None = None
    """What is in the folder before."""

    def prepare(self, folder: Path) -> Path:
        if self.begin is not None:
            shutil.copytree(self.begin, folder)
        return folder

    def honest(self, folder: Path) -> bool:
        """Whether a reader, after a kill, sees no dataset, one being updated, or a whole one."""
        try:
            open_dataset(folder)
        except (DatasetNotFound, DatasetBeingUpdated):
            return True
        return not list(check_files(folder))

    def outcome(self, folder: Path) -> object:
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


class Texts(Task):
    def honest(self, folder: Path) -> bool:
        origin = TextsOrigin.read(folder)
        if origin is not None and not (folder / JOURNAL_NAME).exists():
            origin.check_files(folder)
        return True


def without_windows(dataset: Path, copy: Path) -> Path:
    shutil.copytree(dataset, copy)
    manifest = read_manifest(copy)
    files = tuple(record for record in manifest.files if record.table != "windows")
    (copy / MANIFEST_NAME).write_bytes(replace(manifest, files=files).to_json())
    shutil.rmtree(copy / "windows")
    return copy

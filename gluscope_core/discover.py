"""Which datasets lie in some folders, and why those that cannot be opened cannot."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gluscope_core.beside import original_in
from gluscope_core.dataset import Dataset, open_dataset
from gluscope_core.errors import GluscopeError
from gluscope_core.manifest import MANIFEST_NAME

FOLDERS_VARIABLE = "GLUSCOPE_DATASETS"
"""Environment variable: folders of datasets, or folders that hold such folders, separated as in PATH."""
_DEFAULT_FOLDER = "datasets"


@dataclass(frozen=True)
class Found:
    folder: Path
    dataset: Dataset | None
    problem: str | None


def find_datasets(root: Path) -> list[Found]:
    """Datasets in the folders that the environment names, or else in `datasets` beside the app."""
    named = os.environ.get(FOLDERS_VARIABLE)
    folders = [Path(part) for part in named.split(os.pathsep)] if named else [root / _DEFAULT_FOLDER]
    return [_open(folder) for place in folders for folder in _candidates(place)]


def stamp_of(folder: Path) -> float:
    """Changes when a dataset is replaced, or what lies beside it."""
    files = [folder / MANIFEST_NAME] if (folder / MANIFEST_NAME).exists() else [folder, *folder.iterdir()]
    beside = [each / MANIFEST_NAME for each in folder.resolve().parent.iterdir() if (each / MANIFEST_NAME).exists()]
    return max(path.stat().st_mtime for path in [*files, *beside])


def _candidates(place: Path) -> Iterator[Path]:
    """The folder itself, or those within it."""
    if (place / MANIFEST_NAME).exists() or original_in(place):
        yield place
    elif place.is_dir():
        yield from sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))


def _open(folder: Path) -> Found:
    try:
        return Found(folder, open_dataset(folder), None)
    except GluscopeError as error:
        return Found(folder, None, str(error))

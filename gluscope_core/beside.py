"""What lies beside activations that were not computed here: weights of the same model, texts, and windows."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from gluscope_core.dataset import Dataset
from gluscope_core.errors import DatasetDamaged, GluscopeError, JoinRefused
from gluscope_core.joined import JoinedDataset, why_not_joined
from gluscope_core.manifest import MANIFEST_NAME
from gluscope_core.original.dataset import OriginalDataset, is_original
from gluscope_core.original.names import short_name
from gluscope_core.original.texts import TextFiles
from gluscope_core.places import Folder, Place

WEIGHTS_FOLDER, TEXTS_FOLDER, EXAMPLES_FOLDER = "weights", "texts", "examples"
"""Within the dataset's folder."""


def original_in(folder: Path) -> bool:
    """Whether a folder holds the original's files, or damaged ones that may have been: who opens it is told which."""
    try:
        return folder.is_dir() and not (folder / MANIFEST_NAME).exists() and is_original(Folder(folder))
    except DatasetDamaged:
        return True


def original_at(place: Place) -> Dataset | None:
    """The original's dataset at a place, or None where there is no such dataset."""
    if place.has(MANIFEST_NAME) or (isinstance(place, Folder) and not place.path.is_dir()) or not is_original(place):
        return None
    return OriginalDataset(place)


def with_what_belongs(base: Dataset, weights: Path | None, texts: Path | None) -> Dataset:
    """With weights and texts that are given, or else lie in the folder, or, of weights, beside it; and with windows."""
    found, problem = (_given_weights(base, weights), None) if weights else _find_weights(base)
    windows, other = _find_windows(base)
    for each in filter(None, (problem, other)):
        _remark(base, each)
    inside = base.folder / TEXTS_FOLDER if isinstance(base.place, Folder) else None
    chosen = texts or (inside if inside and inside.is_dir() and base.manifest.texts is None else None)
    files = None if chosen is None else TextFiles(Folder(chosen))
    if (found, files, windows) == (None, None, None):
        return base
    return JoinedDataset(base, found, files, windows)


def _remark(base: Dataset, said: str) -> None:
    if base.manifest.imported:
        imported = replace(base.manifest.imported, remarks=(*base.manifest.remarks, said))
        base.manifest = replace(base.manifest, imported=imported, sha256="").sealed()


def _find_windows(base: Dataset) -> tuple[Dataset | None, str | None]:
    """What `python -m compute examples` added, and else why it is left out."""
    if not isinstance(base.place, Folder) or not (base.folder / EXAMPLES_FOLDER / MANIFEST_NAME).exists():
        return None, None
    windows = Dataset(Folder(base.folder / EXAMPLES_FOLDER))
    ours, theirs = base.manifest.imported, windows.manifest.imported
    if ours is None or theirs is None or ours.fingerprint != theirs.fingerprint:
        return None, f"What is in {EXAMPLES_FOLDER} was computed of other files than these and is not joined."
    return windows, None


def _given_weights(base: Dataset, folder: Path) -> Dataset:
    weights = Dataset(Folder(folder))
    if problem := why_not_joined(base.manifest, weights.manifest):
        wanted = base.manifest.model.id
        raise JoinRefused(f"{folder} does not belong to {base.place}: {problem}; give weights of {wanted}")
    return weights


def _find_weights(base: Dataset) -> tuple[Dataset | None, str | None]:
    """The first that fits, and else why one of that name does not."""
    problem = None
    for folder in _candidates(base.folder) if isinstance(base.place, Folder) else ():
        try:
            weights = Dataset(Folder(folder))
        except GluscopeError:
            continue
        manifest, inside = weights.manifest, folder.parent == base.folder
        of_weights = manifest.weights is not None and manifest.activations is None
        if not of_weights or not (inside or short_name(manifest.model.id) == short_name(base.manifest.model.id)):
            continue
        reason = why_not_joined(base.manifest, manifest)
        if reason is None:
            return weights, None
        problem = problem or f"The weights in {folder.name} are not joined: {reason}."
    return None, problem


def _candidates(folder: Path) -> Iterator[Path]:
    beside = sorted(each for each in folder.resolve().parent.iterdir() if each.is_dir())
    yield from (each for each in (folder / WEIGHTS_FOLDER, *beside) if (each / MANIFEST_NAME).exists())

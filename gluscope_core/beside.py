"""What belongs to activations that were not computed here: weights of the same model, texts, and windows."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from gluscope_core.dataset import Dataset
from gluscope_core.errors import DatasetDamaged, GluscopeError, JoinRefused
from gluscope_core.joined import JoinedDataset, why_not_joined
from gluscope_core.manifest import MANIFEST_NAME
from gluscope_core.original.dataset import OriginalDataset, are_original
from gluscope_core.original.files import ParquetFiles
from gluscope_core.original.names import short_name
from gluscope_core.original.texts import TextFiles
from gluscope_core.places import Folder, Place, find_place

WEIGHTS_FOLDER, TEXTS_FOLDER, EXAMPLES_FOLDER = "weights", "texts", "examples"
"""Within the dataset's folder; of one on the Hub, within a folder of its name that lies where it is looked for."""

Address = tuple[str | Path, str | None]
"""A folder, or an id on the Hub with its revision."""


def folders_in(folder: Path) -> tuple[Address, ...]:
    return tuple((each, None) for each in sorted(folder.iterdir()) if each.is_dir()) if folder.is_dir() else ()


def original_in(folder: Path) -> bool:
    """Whether a folder holds the original's files, or damaged ones that may have been: who opens it is told which."""
    try:
        is_candidate = folder.is_dir() and not (folder / MANIFEST_NAME).exists()
        return is_candidate and are_original(ParquetFiles(Folder(folder)))
    except DatasetDamaged:
        return True


def opened(
    place: Place, weights: str | Path | None = None, texts: Path | None = None, around: Sequence[Address] = ()
) -> Dataset:
    """The dataset at a place, with what belongs to it: given, or found at other addresses."""
    dataset = _original_at(place) or Dataset(place)
    if dataset.manifest.imported is not None:
        return _with_what_belongs(dataset, weights, texts, around)
    if weights or texts:
        raise JoinRefused(f"{place} needs nothing joined: `python -m compute weights --dataset {place}` adds to it")
    return dataset


def home_of(place: Place, around: Sequence[Address]) -> Path | None:
    """The folder whose subfolders hold what belongs to a dataset."""
    if isinstance(place, Folder):
        return place.path
    name = place.name.rsplit("/", 1)[-1]
    return next((each for each, _ in around if isinstance(each, Path) and each.name == name), None)


def _original_at(place: Place) -> Dataset | None:
    """The original's dataset at a place, or None where there is no such dataset."""
    if place.has(MANIFEST_NAME) or (isinstance(place, Folder) and not place.path.is_dir()):
        return None
    files = ParquetFiles(place)
    return OriginalDataset(place, files) if are_original(files) else None


def _with_what_belongs(
    base: Dataset, weights: str | Path | None, texts: Path | None, around: Sequence[Address]
) -> Dataset:
    home = home_of(base.place, around)
    found, problem = (_given_weights(base, weights), None) if weights else _find_weights(base, home, around)
    windows, other = _find_windows(base, home)
    for each in filter(None, (problem, other)):
        _remark(base, each)
    inside = home / TEXTS_FOLDER if home else None
    chosen = texts or (inside if inside and inside.is_dir() and base.manifest.texts is None else None)
    files = None if chosen is None else TextFiles(Folder(chosen))
    if (found, files, windows) == (None, None, None):
        return base
    return JoinedDataset(base, found, files, windows)


def _remark(base: Dataset, said: str) -> None:
    if base.manifest.imported:
        imported = replace(base.manifest.imported, remarks=(*base.manifest.remarks, said))
        base.manifest = replace(base.manifest, imported=imported, sha256="").sealed()


def _find_windows(base: Dataset, home: Path | None) -> tuple[Dataset | None, str | None]:
    """What `python -m compute examples` added, and else why it is left out."""
    if home is None or not (home / EXAMPLES_FOLDER / MANIFEST_NAME).exists():
        return None, None
    windows = Dataset(Folder(home / EXAMPLES_FOLDER))
    ours, theirs = base.manifest.imported, windows.manifest.imported
    if ours is None or theirs is None or ours.fingerprint != theirs.fingerprint:
        return None, f"What is in {EXAMPLES_FOLDER} was computed of other files than these and is not joined."
    return windows, None


def _given_weights(base: Dataset, named: str | Path) -> Dataset:
    weights = Dataset(find_place(named))
    if problem := why_not_joined(base.manifest, weights.manifest):
        wanted = base.manifest.model.id
        raise JoinRefused(f"{named} does not belong to {base.place}: {problem}; give weights of {wanted}")
    return weights


def _find_weights(base: Dataset, home: Path | None, around: Sequence[Address]) -> tuple[Dataset | None, str | None]:
    """The first that fits, and else why one of that name does not."""
    problem = None
    for place in _candidates(base.place, home, around):
        try:
            weights = Dataset(place)
        except GluscopeError:
            continue
        manifest, inside = weights.manifest, isinstance(place, Folder) and place.path.parent == home
        of_weights = manifest.weights is not None and manifest.activations is None
        if not of_weights or not (inside or short_name(manifest.model.id) == short_name(base.manifest.model.id)):
            continue
        reason = why_not_joined(base.manifest, manifest)
        if reason is None:
            return weights, None
        problem = problem or f"The weights in {place.name} are not joined: {reason}."
    return None, problem


def _candidates(place: Place, home: Path | None, around: Sequence[Address]) -> Iterator[Place]:
    """Folders first. On the Hub is looked only for what belongs to a dataset there: a folder asks for no network."""
    siblings = folders_in(place.path.resolve().parent) if isinstance(place, Folder) else around
    folders = [each for each, _ in siblings if isinstance(each, Path)]
    for folder in ([home / WEIGHTS_FOLDER] if home else []) + folders:
        if (folder / MANIFEST_NAME).exists():
            yield Folder(folder)
    if isinstance(place, Folder):
        return
    for named, revision in around:
        if isinstance(named, str) and named != place.name:
            with suppress(GluscopeError):
                yield find_place(named, revision)

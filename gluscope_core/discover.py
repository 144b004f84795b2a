"""Which datasets a deployment of the dashboard offers: local folders and ids on the Hub."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gluscope_core.beside import Address, original_in
from gluscope_core.errors import DatasetNotFound
from gluscope_core.manifest import MANIFEST_NAME
from gluscope_core.places import is_hub_id

FOLDERS_VARIABLE = "GLUSCOPE_DATASETS"
"""Environment variable: folders of datasets, folders that hold such folders, and ids on the Hub, as `user/name` or
`user/name@revision`; separated as in PATH. The first is what the dashboard opens with."""
ANY_VARIABLE = "GLUSCOPE_OPEN_ANY"
"""Environment variable: 1 where visitors may open any folder of this machine and any id that its token may read."""
_DEFAULT_FOLDER = "datasets"


@dataclass(frozen=True)
class Offer:
    """A dataset that may be opened."""

    name: str
    """As the address has it: the folder's name, or the id on the Hub."""
    folder: Path | None
    """None for the Hub's."""
    revision: str | None = None

    @property
    def address(self) -> Address:
        return (self.name, self.revision) if self.folder is None else (self.folder, None)


def offers(root: Path) -> list[Offer]:
    """What the environment names, or else the folders in `datasets` beside the app. A folder that only holds what
    belongs to one of the Hub's is none."""
    found = _named(root)
    on_the_hub = {offer.name.rsplit("/", 1)[-1] for offer in found if offer.folder is None}
    return [offer for offer in found if offer.name not in on_the_hub or offer.folder is None or _opens(offer.folder)]


def around(root: Path) -> tuple[Address, ...]:
    """Where what belongs to a dataset of the Hub's is looked for."""
    return tuple(offer.address for offer in _named(root))


def _named(root: Path) -> list[Offer]:
    named = os.environ.get(FOLDERS_VARIABLE)
    entries = named.split(os.pathsep) if named else [str(root / _DEFAULT_FOLDER)]
    return [offer for entry in entries if entry.strip() for offer in _of_entry(entry.strip())]


def wanted(name: str, offered: list[Offer]) -> Offer:
    """The dataset of a name in an address. One that is not offered only where visitors may open any."""
    for offer in offered:
        if offer.name == name:
            return offer
    if not any_may_be_opened():
        asked, at_hand = " ".join(name.split())[:200], ", ".join(offer.name for offer in offered) or "none"
        raise DatasetNotFound(
            f"There is no dataset {asked} here. Those at hand: {at_hand}. Choose one of these, or ask who runs "
            f"this dashboard to add it in {FOLDERS_VARIABLE}, or to allow all with {ANY_VARIABLE}"
        )
    return Offer(name, None) if is_hub_id(name) else Offer(name, Path(name))


def any_may_be_opened() -> bool:
    return os.environ.get(ANY_VARIABLE, "").strip() == "1"


Stamp = tuple[tuple[int, int, int], ...]


def stamp_of(folder: Path) -> Stamp:
    """Another one when a dataset is replaced, or what lies beside it, so that it is opened anew. Whichever way clocks
    go, since who copies a dataset often keeps the times of its files; empty where there is none."""
    try:
        files = [folder / MANIFEST_NAME] if (folder / MANIFEST_NAME).exists() else [folder, *folder.iterdir()]
        beside = [each / MANIFEST_NAME for each in folder.resolve().parent.iterdir() if (each / MANIFEST_NAME).exists()]
        found = (path.stat() for path in sorted({*files, *beside}))
        return tuple((each.st_mtime_ns, each.st_size, each.st_ino) for each in found)
    except (OSError, ValueError):  # a name with a NUL is a ValueError
        return ()


def stamp_around(addresses: tuple[Address, ...]) -> Stamp:
    """As `stamp_of`, for what belongs to a dataset of the Hub's."""
    return tuple(entry for folder, _ in addresses if isinstance(folder, Path) for entry in stamp_of(folder))


def _opens(folder: Path) -> bool:
    return (folder / MANIFEST_NAME).exists() or original_in(folder)


def _of_entry(entry: str) -> Iterator[Offer]:
    """One id or folder, or all folders within one."""
    name, _, revision = entry.partition("@")
    place = Path(entry)
    if is_hub_id(name) and not place.is_dir():
        yield Offer(name, None, revision or None)
    elif _opens(place):
        yield Offer(place.name, place)
    elif place.is_dir():
        folders = sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))
        yield from (Offer(folder.name, folder) for folder in folders)

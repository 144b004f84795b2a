"""Tensors of unfinished work on disk: written whole, marked last, and read back only as they were written."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar, runtime_checkable

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from compute.durable import Step, flush, flush_folder, reached, read_record, sha256_of, write_record
from compute.progress import step_bar, token_bar
from compute.stopping import StopRequest
from gluscope_core.errors import DatasetDamaged, Stopped

_ASSUMED_BYTES_PER_SECOND = 200e6  # before the first save has been timed
_SHARE = 0.05
"""Of the time that saving may take, where nobody says."""

STATE_NAME = "state.safetensors"
Files = Mapping[str, Mapping[str, Tensor]]
"""Tensors by file and name."""
_Item = TypeVar("_Item")
_Content_contra = TypeVar("_Content_contra", contravariant=True)


@dataclass(frozen=True)
class Marker:
    """The file that makes what was saved valid."""

    done: int
    """Batches, or other pieces of the work."""
    folder: str
    sha256: dict[str, str]


@runtime_checkable
class Beside(Protocol):
    """What some work writes to disk by itself, piece by piece, and its tensors refer to."""

    def flush(self) -> None: ...

    def check(self, done: int, /) -> None:
        """That it is as it was written when so many pieces were done."""


@dataclass(frozen=True)
class Saved:
    """Where some work keeps what it has."""

    home: Path
    beside: Beside | None = None

    def marker(self) -> Marker | None:
        """What was saved last."""
        return read_record(self._marker, Marker, self._remedy)

    def save(self, files: Files, done: int) -> None:
        if self.beside is not None:
            self.beside.flush()
        folder = self.home / f"state-{done:09d}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, tensors in files.items():
            write_tensors(folder / name, tensors)
        flush_folder(folder)
        reached(Step.STATE_WRITTEN)
        hashes = {name: sha256_of(folder / name) for name in files}
        write_record(self._marker, Marker(done, folder.name, hashes))
        reached(Step.CHECKPOINT_MARKED)
        self.tidy()

    def tidy(self) -> None:
        """Removes what is not marked."""
        marker = self.marker()
        for folder in self.home.glob("state-*"):
            if marker is None or folder.name != marker.folder:
                shutil.rmtree(folder, ignore_errors=True)

    def load(self, marker: Marker, name: str) -> dict[str, Tensor]:
        path = self.home / marker.folder / name
        if not path.is_file() or sha256_of(path) != marker.sha256.get(name):
            raise DatasetDamaged(f"{path} is damaged: {self._remedy}")
        return load_file(path)

    def restore(self, state: Mapping[str, Tensor]) -> int:
        """How many pieces are done; the state, which is kept in one file, is as it was after them."""
        marker = self.marker()
        if marker is None:
            return 0
        found = self.load(marker, STATE_NAME)
        for name, tensor in state.items():
            tensor.copy_(found[name])
        if self.beside is not None:
            self.beside.check(marker.done)
        return marker.done

    @property
    def _marker(self) -> Path:
        return self.home / "checkpoint.json"

    @property
    def _remedy(self) -> str:
        return f"remove {self.home} and repeat the command"


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    try:
        save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, path)
    except SafetensorError as error:  # how this library reports a full disk
        raise OSError(f"{path} cannot be written ({error})") from error
    flush(path)


@runtime_checkable
class _Place(Protocol[_Content_contra]):
    def marker(self) -> Marker | None: ...

    def save(self, content: _Content_contra, done: int, /) -> None: ...


class Saver(Generic[_Content_contra]):
    """Saves as often as the measured cost of saving allows."""

    def __init__(
        self, place: _Place[_Content_contra], share: float, size: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._cost = size / _ASSUMED_BYTES_PER_SECOND
        self._place = place
        self._share = share
        self._clock = clock
        self._last = clock()

    def save_if_due(self, content: _Content_contra, done: int) -> None:
        if self._clock() - self._last >= self._cost * (1 - self._share) / self._share:
            self.save(content, done)

    def save(self, content: _Content_contra, done: int) -> None:
        """Nothing where that much is saved already: a state is never written over the one that is marked."""
        marker = self._place.marker()
        if marker is not None and marker.done == done:
            return
        begin = self._clock()
        self._place.save(content, done)
        self._last = self._clock()
        self._cost = self._last - begin


@dataclass(frozen=True)
class Work:
    """Loops that go on where they were cut off. Without a home nothing is kept of them."""

    home: Path | None = None
    stop: StopRequest | None = None
    share: float = _SHARE

    def through(
        self,
        name: str,
        items: Sequence[_Item],
        state: Mapping[str, Tensor],
        tokens: Sequence[int] = (),
        *,
        beside: Beside | None = None,
    ) -> Iterator[_Item]:
        """The items that are left. Their loop changes `state` in place, and has nothing else to remember but what it
        keeps beside. `tokens` are those of each item, where that is what a person wants to see."""
        saved = None if self.home is None else Saved(self.home / name, beside)
        done = 0 if saved is None else saved.restore(state)
        saver = None if saved is None else Saver(saved, self.share, sum(each.nbytes for each in state.values()))
        files = {STATE_NAME: state}
        bar = token_bar(sum(tokens), sum(tokens[:done]), name) if tokens else step_bar(name, len(items), done)
        with bar as shown:
            for number in range(done, len(items)):
                yield items[number]
                shown.update(tokens[number] if tokens else 1)
                if saver is None:
                    continue
                if self.stop is not None and self.stop.by:
                    saver.save(files, number + 1)
                    said = f"{number + 1} of {len(items)} pieces of the part {name} are done and saved"
                    raise Stopped(f"{self.stop.by.name}: {said}")
                saver.save_if_due(files, number + 1)
        if saver is not None and done < len(items):
            saver.save(files, len(items))

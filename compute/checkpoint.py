"""A run's state on disk: written whole, marked last, and read back only where every byte is the one written."""

import hashlib
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from compute.durable import Step, flush, flush_folder, reached, sha256_of, write_whole
from compute.options import Shard
from compute.settings import Settings, Strictness, refuse_other_settings
from compute.state import LayerState
from gluscope_core.errors import DatasetDamaged, ResumeRefused

_ASSUMED_BYTES_PER_SECOND = 200e6  # before the first checkpoint has been timed

_Record = TypeVar("_Record")

States = dict[int, LayerState]
"""By layer."""


@dataclass(frozen=True)
class Identity:
    """Which run, and which part of it, a folder belongs to; written before anything is computed."""

    settings: Settings
    shard: Shard


@dataclass(frozen=True)
class Marker:
    """The file that makes a saved state valid."""

    batches_done: int
    folder: str
    sha256: dict[str, str]


@dataclass(frozen=True)
class Checkpoint:
    """Where one run, or one part of a run, keeps what it has."""

    home: Path

    def begin(self, settings: Settings, shard: Shard) -> Settings:
        """Claims the folder for a run, or finds that it is this run's already; the settings that it goes on with."""
        self.home.mkdir(parents=True, exist_ok=True)
        found = self.identity()
        if found is None:
            write_whole(self._identity, _encode(Identity(settings, shard)))
            return settings
        refuse_other_settings(found.settings, settings, self.home, Strictness.SAME_BYTES)
        if found.shard != shard:
            raise ResumeRefused(
                f"{self.home} holds part {found.shard} of a run, not {shard}: give each part an --out of its own"
            )
        return found.settings

    def begin_again(self, settings: Settings, shard: Shard) -> None:
        """Claims the folder for other settings, nothing having been saved yet."""
        write_whole(self._identity, _encode(Identity(settings, shard)))

    def identity(self) -> Identity | None:
        return _decode(self._identity, Identity)

    def marker(self) -> Marker | None:
        """What was saved last."""
        return _decode(self._marker, Marker)

    @property
    def _identity(self) -> Path:
        return self.home / "run.json"

    @property
    def _marker(self) -> Path:
        return self.home / "checkpoint.json"

    def save(self, states: States, batches_done: int) -> None:
        folder = self.home / f"state-{batches_done:09d}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for layer, state in states.items():
            _save_layer(state, folder / _file_name(layer))
        flush_folder(folder)
        reached(Step.STATE_WRITTEN)
        hashes = {_file_name(layer): sha256_of(folder / _file_name(layer)) for layer in states}
        write_whole(self._marker, _encode(Marker(batches_done, folder.name, hashes)))
        reached(Step.CHECKPOINT_MARKED)
        self._remove_others(folder)

    def load(self, marker: Marker, layers: Sequence[int]) -> States:
        return {layer: self.load_layer(marker, layer) for layer in layers}

    def load_layer(self, marker: Marker, layer: int) -> LayerState:
        path = self.home / marker.folder / _file_name(layer)
        if not path.exists() or sha256_of(path) != marker.sha256.get(path.name):
            raise DatasetDamaged(f"{path} is damaged: remove {self.home} and run again")
        return LayerState.from_tensors(load_file(path))

    def _remove_others(self, keep: Path) -> None:
        for other in self.home.glob("state-*"):
            if other != keep:
                shutil.rmtree(other, ignore_errors=True)


class Saver:
    """Saves as often as the measured cost of saving allows."""

    def __init__(
        self, checkpoint: Checkpoint, share: float, states: States, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._cost = sum(state.nbytes for state in states.values()) / _ASSUMED_BYTES_PER_SECOND
        self._checkpoint = checkpoint
        self._share = share
        self._clock = clock
        self._last = clock()

    def save_if_due(self, states: States, batches_done: int) -> None:
        if self._clock() - self._last >= self._cost * (1 - self._share) / self._share:
            self.save(states, batches_done)

    def save(self, states: States, batches_done: int) -> None:
        """Nothing where that much is saved already: a state is never written over the one that is marked."""
        marker = self._checkpoint.marker()
        if marker is not None and marker.batches_done == batches_done:
            return
        begin = self._clock()
        self._checkpoint.save(states, batches_done)
        self._last = self._clock()
        self._cost = self._last - begin


def _save_layer(state: LayerState, path: Path) -> None:
    try:
        save_file({name: tensor.contiguous().cpu() for name, tensor in state.tensors().items()}, path)
    except SafetensorError as error:  # how this library reports a full disk
        raise OSError(f"{path} cannot be written ({error})") from error
    flush(path)


def _file_name(layer: int) -> str:
    return f"layer_{layer:03d}.safetensors"


def _encode(record: object) -> bytes:
    """JSON under its own SHA-256."""
    content = msgspec.json.encode(record)
    return hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def _decode(path: Path, kind: type[_Record]) -> _Record | None:
    if not path.exists():
        return None
    claimed, _, content = path.read_bytes().partition(b"\n")
    if hashlib.sha256(content).hexdigest().encode() != claimed:
        raise DatasetDamaged(f"{path} is damaged: remove {path.parent} and run again")
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise ResumeRefused(f"{path} is of another release ({error}): remove {path.parent} and run again") from error

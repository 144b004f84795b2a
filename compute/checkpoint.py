"""A run's state on disk: written whole, marked last, and read back only where every byte is the one written."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compute.durable import read_record, remove_if_empty, write_record
from compute.options import Shard
from compute.saved import Marker, Saved
from compute.settings import Settings, Strictness, refuse_other_settings
from compute.state import LayerState
from gluscope_core.errors import ResumeRefused

States = dict[int, LayerState]
"""By layer."""


@dataclass(frozen=True)
class Identity:
    """Which run, and which part of it, a folder belongs to; written before anything is computed."""

    settings: Settings
    shard: Shard


@dataclass(frozen=True)
class Checkpoint:
    """Where one run, or one part of a run, keeps what it has."""

    home: Path

    def begin(self, settings: Settings, shard: Shard) -> Settings:
        """Claims the folder for a run, or finds that it is this run's already; the settings that it goes on with."""
        self.home.mkdir(parents=True, exist_ok=True)
        found = self.identity()
        if found is None:
            write_record(self._identity, Identity(settings, shard))
            return settings
        refuse_other_settings(found.settings, settings, self.home, Strictness.SAME_BYTES)
        if found.shard != shard:
            raise ResumeRefused(
                f"{self.home} holds part {found.shard} of a run, not {shard}: give each part an --out of its own"
            )
        self._saved.tidy()
        return found.settings

    def begin_again(self, settings: Settings, shard: Shard) -> None:
        """Claims the folder for other settings, nothing having been saved yet."""
        write_record(self._identity, Identity(settings, shard))

    def identity(self) -> Identity | None:
        return read_record(self._identity, Identity, f"remove {self.home} and run again")

    def marker(self) -> Marker | None:
        """What was saved last."""
        return self._saved.marker()

    @property
    def staged(self) -> Path:
        """Where the dataset is put together."""
        return self.home / "staged"

    @property
    def _saved(self) -> Saved:
        return Saved(self.home)

    @property
    def _identity(self) -> Path:
        return self.home / "run.json"

    def save(self, states: States, batches_done: int) -> None:
        self._saved.save({_file_name(layer): state.tensors() for layer, state in states.items()}, batches_done)

    def load(self, marker: Marker, layers: Sequence[int]) -> States:
        return {layer: self.load_layer(marker, layer) for layer in layers}

    def load_layer(self, marker: Marker, layer: int) -> LayerState:
        return LayerState.from_tensors(self._saved.load(marker, _file_name(layer)))

    def remove(self) -> None:
        """All that a run keeps; what other stages keep beside it stays."""
        for path in (self._identity, self.home / "checkpoint.json"):
            path.unlink(missing_ok=True)
        for folder in (self.staged, *self.home.glob("state-*")):
            shutil.rmtree(folder, ignore_errors=True)
        remove_if_empty(self.home)


def _file_name(layer: int) -> str:
    return f"layer_{layer:03d}.safetensors"

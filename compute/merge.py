"""The stage `merge`: the parts that `run --shard` left, joined layer by layer into one dataset."""

import shutil
from contextlib import ExitStack
from functools import reduce
from pathlib import Path

from compute.budget import dataset_bytes
from compute.checkpoint import Checkpoint, Identity
from compute.config import MergeConfig
from compute.dataset_writer import copy_inputs, staged_texts, write_dataset
from compute.durable import PROGRESS, complete, locked
from compute.progress import say
from compute.room import refuse_small_disk
from compute.run import is_finished
from compute.saved import Marker
from compute.settings import Strictness, refuse_other_settings
from compute.state import LayerState
from compute.token_texts import fingerprint, read_texts
from gluscope_core.errors import BadSettings, DatasetDamaged, DatasetNotFound, ResumeRefused

_Part = tuple[Checkpoint, Identity, Marker]


def merge(config: MergeConfig) -> None:
    if config.out.resolve() in [part.resolve() for part in config.parts]:
        raise BadSettings(f"--out {config.out} is one of the parts: choose a new folder")
    config.out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as locks:
        for folder in (config.out, *config.parts):
            locks.enter_context(locked(folder))
        parts = _read_parts(config.parts)
        settings = parts[0][1].settings
        complete(config.out)
        if is_finished(config.out, settings):
            say(f"{config.out} is complete already")
            return
        own = Checkpoint(config.out / PROGRESS)
        if own.identity() is not None:
            raise ResumeRefused(f"{config.out} holds an unfinished run: choose a new folder for --out")
        refuse_small_disk(config.out, dataset_bytes(settings.run, settings.model, settings.texts))
        staged = own.staged
        shutil.rmtree(staged, ignore_errors=True)
        copy_inputs([checkpoint.staged for checkpoint, _, _ in parts], staged)
        texts = read_texts(staged_texts(staged))
        if fingerprint(texts.ids, texts.bounds) != settings.texts.fingerprint:
            raise DatasetDamaged(f"{parts[0][0].home}: its texts are not those that were run: repeat that part")

        def joined(layer: int) -> LayerState:
            states = (checkpoint.load_layer(marker, layer) for checkpoint, _, marker in parts)
            return reduce(LayerState.merge, states)

        write_dataset(config.out, staged, settings, texts, joined)
        own.remove()
    say(f"{config.out}: complete, joined from {len(parts)} parts")


def _read_parts(folders: tuple[Path, ...]) -> list[_Part]:
    """All parts of one run, in the order of their numbers, each complete."""
    if not folders:
        raise BadSettings("`merge` has no parts: name their folders")
    parts = sorted((_read_part(folder) for folder in folders), key=lambda part: part[1].shard)
    first = parts[0][1]
    for checkpoint, identity, _ in parts[1:]:
        refuse_other_settings(first.settings, identity.settings, checkpoint.home, Strictness.SAME_SOFTWARE)
    have, want = [part[1].shard.index for part in parts], list(range(first.shard.count))
    if have != want:
        raise BadSettings(f"merge: the run has parts {want}, given were {have}: give each part once")
    return parts


def _read_part(folder: Path) -> _Part:
    checkpoint = Checkpoint(folder / PROGRESS)
    identity, marker = checkpoint.identity(), checkpoint.marker()
    if identity is None or marker is None:
        raise DatasetNotFound(f"{folder} holds no part of a run: compute it with `run --shard`")
    own = range(identity.settings.run.batches)[identity.shard.index :: identity.shard.count]
    if marker.done != len(own):
        raise DatasetNotFound(
            f"{folder}: part {identity.shard} has {marker.done} of {len(own)} batches: repeat its `run`"
        )
    return checkpoint, identity, marker

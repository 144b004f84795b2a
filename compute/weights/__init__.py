"""The stage `weights`: what the weights alone say, added to a dataset or as a dataset of its own."""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from compute.card import card
from compute.config import WeightsConfig
from compute.durable import PROGRESS, commit, complete, locked, refuse_strangers, remove_work
from compute.models import (
    ModelSource,
    describe_model,
    find_model_of,
    load_config,
    load_tokenizer,
    refuse_other_model,
    text_config,
)
from compute.placement import choose_device
from compute.progress import say
from compute.room import refuse_small_disk
from compute.saved import Work
from compute.settings import current_environment
from compute.stopping import heeding_stops
from compute.streamed import StreamedModel
from compute.vocab import VOCAB_PATH, used_ids, vocab_table
from compute.weights.analysis import Analysis, Choice, analyse, with_activations
from compute.weights.begun import Begun
from compute.weights.budget import WeightsBudget, budget_of_weights
from compute.weights.firing import Entries, count_firing
from compute.weights.rows import bare_neurons, neurons_with, token_rows, weight_rows
from compute.write import is_whole, write_table
from gluscope_core.columns import NeuronColumn
from gluscope_core.dataset import Dataset, open_dataset
from gluscope_core.dataset_card import CARD_NAME
from gluscope_core.errors import BadSettings, DatasetDamaged
from gluscope_core.manifest import MANIFEST_NAME, Manifest
from gluscope_core.records import FileRecord, ModelRecord, WeightsRecord
from gluscope_core.schema import (
    EXAMPLES_TABLE,
    FORMAT_VERSION,
    NEURONS_TABLE,
    TEXTS_TABLE,
    TOKENS_TABLE,
    VOCAB_TABLE,
    WEIGHTS_TABLE,
)
from gluscope_core.vocabulary import Coordinates, SignConvention

STAGE = "weights"
_STAGED = "staged"
CHECKPOINT_SHARE = 0.05
"""Of the time that saving what is done may take."""
_NEURONS_PATH = "neurons/neurons_000.parquet"
_TOKENS_PATH = "tokens/tokens_000.parquet"
_REPLACED = (NEURONS_TABLE.name, WEIGHTS_TABLE.name, TOKENS_TABLE.name)


@dataclass(frozen=True)
class _Task:
    """What is to be analysed, and where it goes."""

    folder: Path
    dataset: Dataset | None
    source: ModelSource
    model: StreamedModel
    record: ModelRecord
    vocab: pa.Table | None
    """None where no tokens are asked for, since a tokenizer takes long to load."""
    choice: Choice

    @property
    def used_ids(self) -> np.ndarray:
        return np.arange(self.record.vocab_size) if self.vocab is None else used_ids(self.vocab)


def weights(config: WeightsConfig) -> None:
    folder = config.dataset or config.out
    if folder is None:
        raise BadSettings("`weights` has no place to write to: give --dataset or --out")
    if config.dataset is None:
        folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        complete(folder)
        task = _prepare(config, folder)
        if task.dataset is not None and _is_done(task):
            say(f"{folder}: its weights are analysed already")
            remove_work(folder, STAGE)
            return
        home = folder / PROGRESS / STAGE
        begun = _begin(task, home, budget_of_weights(config, task.record))
        torch.set_num_threads(begun.environment.threads)  # the sums of a float32 product depend on it
        with heeding_stops() as stop:
            work = Work(home, stop, CHECKPOINT_SHARE)
            analysis = analyse(task.model, task.record, task.used_ids, task.choice, work)
        _write(task, analysis, home)
        remove_work(folder, STAGE)
    say(f"{folder}: complete, weights of {task.record.layers * task.record.d_mlp:,} neurons")
    for line in _left_out(task, analysis):
        say(line)


def _begin(task: _Task, home: Path, budget: WeightsBudget) -> Begun:
    """Finds what an earlier attempt at the same left, or makes sure that there is room."""
    tokens = hashlib.sha256(task.used_ids.astype(np.int64).tobytes()).hexdigest()
    begun = Begun(task.record, task.choice.recorded, tokens, current_environment(task.choice.device)).claim(home)
    refuse_small_disk(home, budget.disk_bytes)
    return begun


def _left_out(task: _Task, analysis: Analysis) -> Iterator[str]:
    if analysis.nonfinite_neurons:
        yield f"{analysis.nonfinite_neurons:,} neurons have weights that are not finite: nothing is said of them"
    if len(analysis.ids) < len(task.used_ids):
        left_out = len(task.used_ids) - len(analysis.ids)
        yield f"{left_out:,} tokens have embeddings that are not finite: they are left out"


def _prepare(config: WeightsConfig, folder: Path) -> _Task:
    dataset = _opened(config, folder)
    source = find_model_of(dataset.manifest if dataset else None, config.model, config.revision)
    loaded = load_config(source)
    source = source.pinned(loaded)
    device = choose_device(config.device)
    record = describe_model(source, loaded, "float32", device.type)
    if dataset is not None and config.dataset is not None:
        refuse_other_model(dataset.manifest.model, record, folder)
        record = ModelRecord(**vars(dataset.manifest.model))
    return _Task(
        folder,
        dataset,
        source,
        StreamedModel(source, loaded),
        record,
        _vocabulary(dataset, source, loaded, record) if {"roles", "tokens"} & set(config.parts) else None,
        _choose(config, dataset if config.dataset else None, text_config(loaded), device),
    )


def _opened(config: WeightsConfig, folder: Path) -> Dataset | None:
    if config.dataset is not None:
        dataset = open_dataset(folder)
        if dataset.manifest.imported is not None:
            raise BadSettings(
                f"--dataset {folder}: activations that the original program computed take no weights; compute them "
                f"apart with --model and --out, and put their folder beside it, where the dashboard finds them"
            )
        return dataset
    if (folder / MANIFEST_NAME).exists():
        dataset = open_dataset(folder)
        if dataset.manifest.run is not None:
            raise BadSettings(f"--out {folder} holds a dataset of activations: give it as --dataset to add to it")
        return dataset
    refuse_strangers(folder)
    return None


def _vocabulary(dataset: Dataset | None, source: ModelSource, loaded: object, record: ModelRecord) -> pa.Table:
    if dataset is not None and dataset.has(VOCAB_TABLE.name):
        return dataset.read_table(VOCAB_TABLE.name)
    return vocab_table(load_tokenizer(source, loaded), record.vocab_size)  # pyright: ignore[reportArgumentType]


def _choose(config: WeightsConfig, dataset: Dataset | None, text: object, device: torch.device) -> Choice:
    manifest = dataset.manifest if dataset else None
    first = manifest.texts.first_token if manifest and manifest.texts else getattr(text, "bos_token_id", None)
    return Choice(
        parts=config.parts,
        convention=manifest.sign_convention if manifest else SignConvention(config.sign_convention),
        coordinates=manifest.coordinates if manifest else Coordinates(config.coordinates),
        threshold=config.threshold,
        centred=not config.uncentred,
        top_tokens=config.top_tokens,
        top_neurons=config.top_neurons,
        related=config.related,
        partition_share=config.partition_share,
        entropy_directions=config.entropy_directions,
        entropy_share=config.entropy_share,
        attention_cosine=config.attention_cosine,
        first_token=config.first_token if config.first_token is not None else first,
        device=device,
    )


def _is_done(task: _Task) -> bool:
    """Whether the same was written before; what roles turned out to be is not compared, since it follows."""
    found = task.dataset.manifest.weights if task.dataset else None
    if found is None or any(not is_whole(task.folder, record) for record in _own_files(task)):
        return False
    wanted = task.choice
    same = ("parts", "threshold", "centred", "top_tokens", "top_neurons", "related", "coordinates")
    roles = ("partition_share", "entropy_share", "attention_cosine", "first_token")
    return (
        all(getattr(found, name) == getattr(wanted, name) for name in same)
        and all(getattr(found.roles, name) == getattr(wanted, name) for name in roles)
        and found.sign_convention == wanted.convention
        and wanted.entropy_directions in (None, found.roles.entropy_directions)
    )


def _own_files(task: _Task) -> list[FileRecord]:
    """Those that nothing else is needed for to write them again."""
    old = task.dataset.manifest if task.dataset else None
    return [record for table in _REPLACED[1:] for record in (old.files_of(table) if old else ())]


def _write(task: _Task, analysis: Analysis, home: Path) -> None:
    """Stages the new tables beside the old ones, and moves them in at once."""
    old = task.dataset.manifest if task.dataset else None
    layers = old.layers if old else tuple(range(task.record.layers))
    staged = home / _STAGED
    shutil.rmtree(staged, ignore_errors=True)
    neurons = _neurons(task, analysis, layers)
    new = [write_table(staged, _NEURONS_PATH, NEURONS_TABLE, [neurons])]
    if analysis.lists is not None or analysis.related:
        for layer in layers:
            rows = weight_rows(layer, analysis.directions, analysis.lists, analysis.related)
            new.append(write_table(staged, WEIGHTS_TABLE.path(layer), WEIGHTS_TABLE, [rows]))
    if analysis.by_token is not None:
        firing = _firing(task)
        per_layer = analysis.directions.per_layer
        rows = token_rows(task.record.vocab_size, analysis.ids, per_layer, analysis.by_token, firing)
        new.append(write_table(staged, _TOKENS_PATH, TOKENS_TABLE, rows))
    if task.vocab is not None and not (old and old.files_of(VOCAB_TABLE.name)):
        new.append(write_table(staged, VOCAB_PATH, VOCAB_TABLE, [task.vocab]))
    manifest = _manifest(task, analysis, new)
    (staged / CARD_NAME).write_text(card(manifest), encoding="utf-8")
    (staged / MANIFEST_NAME).write_bytes(manifest.to_json())
    written = {record.path for record in new}
    obsolete = [record.path for table in _REPLACED for record in (old.files_of(table) if old else ())]
    commit(
        task.folder,
        staged,
        [*(record.path for record in new), CARD_NAME, MANIFEST_NAME],
        [path for path in obsolete if path not in written],
    )


def _neurons(task: _Task, analysis: Analysis, layers: tuple[int, ...]) -> pa.Table:
    if task.dataset is None or task.dataset.manifest.run is None:
        return neurons_with(bare_neurons(layers, analysis.directions.per_layer), analysis.columns)
    old = task.dataset.read_table(NEURONS_TABLE.name)
    mine = analysis.of_layers(layers)
    if not (mine[NeuronColumn.FLIPPED] == old.column(NeuronColumn.FLIPPED).to_numpy()).all():
        raise DatasetDamaged(f"{task.folder}: its signs are not those of the model's weights; compute it again")
    return neurons_with(old, with_activations(old, mine))


def _firing(task: _Task) -> Entries | None:
    dataset = task.dataset
    if dataset is None or not (dataset.has(EXAMPLES_TABLE.name) and dataset.has(TEXTS_TABLE.name)):
        return None
    return count_firing(dataset, task.choice.top_neurons)


def _manifest(task: _Task, analysis: Analysis, new: list[FileRecord]) -> Manifest:
    record = WeightsRecord(
        sign_convention=task.choice.convention,
        coordinates=task.choice.coordinates,
        parts=task.choice.parts,
        threshold=task.choice.threshold,
        centred=task.choice.centred,
        tied=task.model.tied,
        top_tokens=task.choice.top_tokens,
        top_neurons=task.choice.top_neurons,
        related=task.choice.related,
        roles=analysis.roles,
        mismatched=analysis.mismatched,
        environment=current_environment(task.choice.device),
        nonfinite_neurons=analysis.nonfinite_neurons,
        nonfinite_tokens=len(task.used_ids) - len(analysis.ids),
    )
    old = task.dataset.manifest if task.dataset else None
    kept = [each for each in (old.files if old else ()) if each.table not in _REPLACED]
    files = tuple(sorted([*kept, *new], key=lambda each: each.path))
    if old is not None:
        stages = (*(stage for stage in old.stages if stage != STAGE), STAGE)
        return replace(old, weights=record, stages=stages, files=files).sealed()
    return Manifest(
        format_version=FORMAT_VERSION,
        model=task.record,
        texts=None,
        run=None,
        weights=record,
        environment=record.environment,
        nonfinite_values=0,
        stages=(STAGE,),
        files=files,
    ).sealed()

"""The stage `examples`: what is around the examples of chosen neurons, added to a dataset that has only their lists."""

import hashlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from compute.budget import windows_bytes
from compute.card import card
from compute.config import ExamplesConfig
from compute.durable import commit, complete, locked, refuse_link, remove_work
from compute.examples_home import STAGE, Home
from compute.listed import UNKNOWN, Listed
from compute.loading import GatedModel, load_model
from compute.models import describe_model, find_model_of, load_config, load_tokenizer, refuse_other_model
from compute.neuron_choice import choose_neurons, neurons_in
from compute.placement import choose_device
from compute.progress import say
from compute.revisit import Revisited, Scope, revisit, texts_at_once
from compute.room import Full, refuse_small_disk, unless_full
from compute.rows import packed_windows
from compute.saved import Work
from compute.settings import current_environment
from compute.stopping import StopRequest, heeding_stops
from compute.token_texts import TextsOrigin, TokenTexts, fingerprint, read_texts
from compute.write import write_table
from gluscope_core.dataset import Dataset
from gluscope_core.dataset_card import CARD_NAME
from gluscope_core.errors import BadSettings, DatasetNotFound, ModelRefused, OutOfMemory, Stopped, TextsUnusable
from gluscope_core.ids import NeuronId
from gluscope_core.manifest import MANIFEST_NAME, Manifest
from gluscope_core.records import EnvironmentRecord, ModelRecord
from gluscope_core.schema import EXAMPLES_TABLE, LAYER, NEURON, WINDOWS_TABLE, Table
from gluscope_core.vocabulary import LISTS, RANDOM_LISTS, TOP_LISTS, Field

_AT_ONCE = 64
"""Neurons between two commits. They share texts, and what is done stays done."""
CHECKPOINT_SHARE = 0.05
"""Of the time that saving what is done may take."""
_ENTRIES = 32
"""At most in a list, where a dataset does not say."""
_WINDOW = 32
"""Where a dataset does not say how wide its windows are."""
_DTYPES = ("float32", "bfloat16", "float16")
_TOO_FAR = 0.05
"""Share of a neuron's scale by which half of its entries may be off: half precision is off by less."""


@dataclass(frozen=True)
class _Task:
    home: Home
    model: GatedModel
    texts: TokenTexts
    scope: Scope
    record: ModelRecord
    environment: EnvironmentRecord


def examples(config: ExamplesConfig) -> None:
    if not config.dataset.is_dir():
        raise DatasetNotFound(f"{config.dataset} is no folder: give that of a dataset")
    home = Home(config.dataset)
    if not home.is_ours:
        refuse_link(home.windows_in)
        home.windows_in.mkdir(exist_ok=True)
    try:
        with locked(home.windows_in):
            complete(home.windows_in)
            _add_missing(config, home)
    finally:
        home.leave()


def _add_missing(config: ExamplesConfig, home: Home) -> None:
    dataset = home.lists()
    wanted = choose_neurons(config.neurons, dataset, home.listed_in)
    done = set(neurons_in(dataset, WINDOWS_TABLE.name))
    left = [neuron for neuron in wanted if neuron not in done]
    if len(left) < len(wanted):
        say(f"{config.dataset}: {len(wanted) - len(left)} of {len(wanted)} neurons are there already")
    if not left:
        remove_work(home.windows_in, STAGE)
        return
    _refuse_without_lists(dataset, home.listed_in, left)
    begun = time.monotonic()
    task = _prepare(config, home, left)
    loaded = time.monotonic()
    worst = _add_all(task, left)
    remove_work(home.windows_in, STAGE)
    seconds = (time.monotonic() - loaded) / len(left)
    say(
        f"{home.windows_in}: {len(left)} neurons added, {seconds:.2g} s each after {loaded - begun:.0f} s for the "
        f"model; it is at most {worst:.1e} of a neuron's scale from the lists"
    )


def _refuse_without_lists(dataset: Dataset, table: str, neurons: list[NeuronId]) -> None:
    listed = set(neurons_in(dataset, table))
    without = [neuron for neuron in neurons if neuron not in listed]
    if without:
        raise BadSettings(
            f"{dataset.folder} has no lists of neuron {without[0]}"
            + (f" and {len(without) - 1} others" if len(without) > 1 else "")
            + ": name others, or `run` the model over all texts, which alone finds the strongest"
        )


def _prepare(config: ExamplesConfig, home: Home, neurons: list[NeuronId]) -> _Task:
    manifest = home.lists().manifest
    source = find_model_of(manifest, config.model, config.revision)
    loaded = load_config(source)
    source, device = source.pinned(loaded), choose_device(config.device)
    dtype = manifest.model.dtype if manifest.model.dtype in _DTYPES else "auto"
    record = describe_model(source, loaded, dtype, device.type)
    refuse_other_model(home.facts_for(record), record, config.dataset)
    texts = read_texts(config.texts or home.texts_of()).cut(record.context)
    texts.check_vocabulary(record.vocab_size)
    _refuse_other_texts(manifest, texts, config.dataset)
    if config.texts is not None and (origin := TextsOrigin.read(config.texts)) is not None:
        origin.refuse_other_vocabulary(config.texts, source.id, load_tokenizer(source, loaded))
    run = manifest.run
    scope = Scope(run.window if run else _WINDOW, run.skip_first if run else 0, config.batch_tokens)
    home.unfinished.mkdir(parents=True, exist_ok=True)
    refuse_small_disk(home.unfinished, _bytes_needed(manifest, neurons, scope))
    model = load_model(source, loaded, record, neurons[-1].layer, device)
    if not home.is_ours:
        home.begin(record, load_tokenizer(source, loaded), scope.window)
    return _Task(home, model, texts, scope, record, current_environment(device))


def _bytes_needed(manifest: Manifest, neurons: list[NeuronId], scope: Scope) -> float:
    """The new windows, beside files that are written again whole."""
    old = (record.bytes for record in manifest.files_of(WINDOWS_TABLE.name))
    run = manifest.run
    entries = len(TOP_LISTS) * run.top_k + len(RANDOM_LISTS) * run.random_k if run else len(LISTS) * _ENTRIES
    rewritten = max(old, default=0) * len({neuron.layer for neuron in neurons})
    return rewritten + windows_bytes(len(neurons) * entries, scope.window)


def _refuse_other_texts(manifest: Manifest, texts: TokenTexts, folder: Path) -> None:
    known = manifest.texts
    if known is not None and known.fingerprint != fingerprint(texts.ids, texts.bounds):
        raise TextsUnusable(
            f"{texts.id}: {len(texts)} texts of {len(texts.ids)} tokens are not those that {folder} was computed on "
            f"({known.id}: {known.texts} of {known.tokens}): give those"
        )


def _add_all(task: _Task, neurons: list[NeuronId]) -> float:
    """How far the model is from the lists at most."""
    worst = 0.0
    with heeding_stops() as stop:
        for at in range(0, len(neurons), _AT_ONCE):
            if stop.by:
                raise Stopped(f"{stop.by.name}: {at} of {len(neurons)} neurons are added")
            task, off = _add(task, neurons[at : at + _AT_ONCE], stop)
            worst = max(worst, off)
    return worst


def _add(task: _Task, neurons: list[NeuronId], stop: StopRequest) -> tuple[_Task, float]:
    """Adds some neurons; the task with batches that memory holds, and how far the model is from the lists at most."""
    dataset = task.home.lists()
    listed = Listed.of({neuron: dataset.examples(*neuron) for neuron in neurons})
    _refuse_texts_beyond(listed, task.texts)
    task, found, errors = _revisited_in_memory(task, listed, stop)
    ids = tuple(np.array(part) for part in zip(*neurons, strict=True))
    windows = packed_windows((ids[0], ids[1]), listed.sizes, found.entries(listed), task.texts)
    store = task.home.windows()
    changed = [(WINDOWS_TABLE, *each) for each in _with_rows(store, WINDOWS_TABLE, windows)]
    if task.home.is_ours and (listed.positions == UNKNOWN).any():
        changed += [(EXAMPLES_TABLE, *each) for each in _located(dataset, listed, found)]
    _commit(task, store.manifest, changed)
    shutil.rmtree(task.home.unfinished, ignore_errors=True)
    return task, float(errors.max(initial=0))


def _revisited_in_memory(task: _Task, listed: Listed, stop: StopRequest) -> tuple[_Task, Revisited, np.ndarray]:
    """Where memory runs out, by a task with batches half as large."""
    while True:
        found = unless_full(partial(_revisited, task, listed, stop), task.model.input_device)
        if not isinstance(found, Full):
            return task, *found
        task = replace(task, scope=_halved(task, listed, found.problem))


def _halved(task: _Task, listed: Listed, problem: str) -> Scope:
    tokens = task.scope.batch_tokens
    refused = f"{task.home.windows_in}: {problem} at batches of {tokens} tokens"
    if texts_at_once(listed, task.texts, task.scope) == 1:
        raise OutOfMemory(
            f"{refused}, which is one text at a time (the longest has {int(task.texts.lengths.max())}): free memory, "
            "or give --device cpu, and repeat the command"
        )
    say(f"{refused}: going on with {tokens // 2}")
    return replace(task.scope, batch_tokens=tokens // 2)


def _revisited(task: _Task, listed: Listed, stop: StopRequest) -> tuple[Revisited, np.ndarray]:
    """What the model gives, and its errors, in those signs in which it gives what is listed."""

    def with_signs(turned: np.ndarray) -> tuple[Revisited, np.ndarray]:
        work = _work(task, listed, turned, stop)
        found = revisit(task.model, listed, turned, task.texts, task.scope, work=work)
        return found, found.errors(listed)

    *others, last = task.home.signs(task.model, list(listed.ids))
    for turned in others:
        found, errors = with_signs(turned)
        if not any(_misfits(listed, errors)):
            return found, errors
    found, errors = with_signs(last)
    for neuron, off in _misfits(listed, errors):
        shutil.rmtree(task.home.unfinished)
        raise ModelRefused(
            f"neuron {neuron}: what this model gives on these texts is not what the lists hold (half of it is off "
            f"by {100 * off:.0f} % of the neuron's scale, or more): give the model and the texts they came from"
        )
    return found, errors


def _work(task: _Task, listed: Listed, turned: np.ndarray, stop: StopRequest) -> Work:
    """In a folder of its own, so that what was begun with other neurons or settings is not taken for it."""
    texts = fingerprint(task.texts.ids, task.texts.bounds)
    about = (task.record, texts, list(listed.ids), turned.tolist(), task.scope, task.environment)
    name = hashlib.sha256(msgspec.json.encode(about)).hexdigest()[:16]
    return Work(task.home.unfinished / name, stop, CHECKPOINT_SHARE)


def _refuse_texts_beyond(listed: Listed, texts: TokenTexts) -> None:
    if len(listed.texts) and not 0 <= listed.texts.min() <= listed.texts.max() < len(texts):
        raise TextsUnusable(
            f"{texts.id} has {len(texts)} texts, but the lists name text {listed.texts.max()}: give the texts that the "
            "dataset was computed on"
        )


def _misfits(listed: Listed, errors: np.ndarray) -> Iterator[tuple[NeuronId, float]]:
    for number, neuron in enumerate(listed.ids):
        own = errors[listed.owners == number]
        if len(own) and (off := float(np.median(own))) > _TOO_FAR:
            yield neuron, off


def _with_rows(dataset: Dataset, table: Table, new: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The files that change, whole: what is there of a table, with new rows in their places."""
    for path, layers in _files_of(dataset, table, new.column(LAYER).to_pylist()).items():
        rows = new.filter(pa.array(np.isin(new.column(LAYER).to_numpy(), layers)))
        if any(record.path == path for record in dataset.manifest.files_of(table.name)):
            old = dataset.read_table(table.name, layer=layers[0])
            rows = pa.concat_tables([old, rows]).sort_by([(LAYER, "ascending"), (NEURON, "ascending")])
        yield path, rows


def _located(dataset: Dataset, listed: Listed, found: Revisited) -> Iterator[tuple[str, pa.Table]]:
    """The files of the examples table, with the positions that lists lacked."""
    bounds = np.concatenate([[0], np.cumsum(listed.sizes)])
    numbers = {neuron: number for number, neuron in enumerate(listed.ids)}
    for path, layers in _files_of(dataset, EXAMPLES_TABLE, [neuron.layer for neuron in listed.ids]).items():
        rows = dataset.read_table(EXAMPLES_TABLE.name, layer=layers[0])
        ids = zip(rows.column(LAYER).to_pylist(), rows.column(NEURON).to_pylist(), strict=True)
        mine = {row: numbers[NeuronId(*each)] for row, each in enumerate(ids) if each in numbers}
        for which, each in enumerate(LISTS):
            at = rows.schema.get_field_index(each.column(Field.POSITIONS))
            field, column = rows.schema.field(at), rows.column(at).to_pylist()
            for row, number in mine.items():
                first = number * len(LISTS) + which
                column[row] = found.positions[bounds[first] : bounds[first + 1]].tolist()
            rows = rows.set_column(at, field, pa.array(column, field.type))
        yield path, rows


def _files_of(dataset: Dataset, table: Table, layers: list[int]) -> dict[str, list[int]]:
    """The files that have, or shall have, the rows of some layers."""
    files: dict[str, list[int]] = {}
    for layer in sorted(set(layers)):
        holding = (record.path for record in dataset.manifest.files_of(table.name) if record.holds(layer))
        files.setdefault(next(holding, table.path(layer)), []).append(layer)
    return files


def _commit(task: _Task, old: Manifest, changed: list[tuple[Table, str, pa.Table]]) -> None:
    staged = task.home.unfinished / "staged"
    shutil.rmtree(staged, ignore_errors=True)
    new = [write_table(staged, path, table, [rows]) for table, path, rows in changed]
    written = {record.path for record in new}
    kept = [record for record in old.files if record.path not in written]
    files = tuple(sorted([*kept, *new], key=lambda record: record.path))
    stages = (*(stage for stage in old.stages if stage != STAGE), STAGE)
    manifest = replace(old, stages=stages, files=files).sealed()
    names = [record.path for record in new]
    # Our card names the tables. It is written when they change, else it stays, since people add to it.
    if task.home.is_ours and not old.files_of(WINDOWS_TABLE.name):
        (staged / CARD_NAME).write_text(card(manifest), encoding="utf-8")
        names.append(CARD_NAME)
    (staged / MANIFEST_NAME).write_bytes(manifest.to_json())
    commit(task.home.windows_in, staged, [*names, MANIFEST_NAME])

"""The stage `verify`: reads a dataset whole and names every place where it is not what it says it is."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from compute.durable import PROGRESS, sha256_of
from compute.verify.facts import Facts, Lists, Places, Violation
from compute.verify.imported import check_imported_examples, check_imported_neurons
from compute.verify.lists import check_examples, check_samples
from compute.verify.statistics import check_neurons, check_texts, check_vocab
from compute.verify.weights import check_index, check_weight_columns, check_weight_rows
from compute.verify.windows import check_windows
from gluscope_core.columns import TextColumn
from gluscope_core.dataset import Dataset, open_dataset
from gluscope_core.dataset_card import CARD_NAME, NOTICES_NAME
from gluscope_core.errors import DatasetDamaged, GluscopeError
from gluscope_core.manifest import MANIFEST_NAME, read_manifest
from gluscope_core.places import Folder
from gluscope_core.records import FileRecord, ImportRecord, WeightsRecord
from gluscope_core.schema import (
    EXAMPLES_TABLE,
    LAYER,
    NEURON,
    NEURONS_TABLE,
    SAMPLES_TABLE,
    TABLES,
    TEXTS_TABLE,
    TOKENS_TABLE,
    VOCAB_TABLE,
    WEIGHTS_TABLE,
    WINDOWS_TABLE,
)
from gluscope_core.tables import TableFile


def verify(folder: Path) -> Iterator[Violation]:
    """All violations, file by file and then figure by figure. What is damaged is named once and not looked into."""
    try:
        dataset = open_dataset(folder)
    except GluscopeError as error:
        yield Violation(MANIFEST_NAME, "", "", str(error))
        return
    damaged = False
    for violation in check_files(folder):
        damaged = True
        yield violation
    if not damaged:
        yield from _check_content(dataset)


def check_files(folder: Path) -> Iterator[Violation]:
    manifest = read_manifest(folder)
    # The card is exempt from the hashes, since the Hub edits it.
    listed = {record.path for record in manifest.files} | {MANIFEST_NAME, CARD_NAME, NOTICES_NAME}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        hidden = name.startswith((".", f"{PROGRESS}/"))
        if path.is_file() and name not in listed and not hidden:
            yield Violation(name, "", "", "is not in the manifest")
    for record in manifest.files:
        problem = _problem_with(folder, record)
        if problem:
            yield Violation(record.path, "", "", problem)


def _problem_with(folder: Path, record: FileRecord) -> str | None:
    path = folder / record.path
    if not path.is_file():
        return "is missing"
    if path.stat().st_size != record.bytes:
        return f"has {path.stat().st_size} bytes, the manifest says {record.bytes}"
    if sha256_of(path) != record.sha256:
        return "does not match its SHA-256 in the manifest"
    try:
        file = TableFile(Folder(folder), record)
        rows = sum(file.read_group(group).num_rows for group in range(file.metadata.num_row_groups))
    except DatasetDamaged as error:
        return str(error)
    if rows != record.rows:
        return f"has {rows} rows, the manifest says {record.rows}"
    extra = set(file.metadata.schema.to_arrow_schema().names) - set(TABLES[record.table].schema.names)
    return f"has columns that the schema does not: {', '.join(sorted(extra))}" if extra else None


def _check_content(dataset: Dataset) -> Iterator[Violation]:
    manifest = dataset.manifest
    try:
        neurons = dataset.read_table(NEURONS_TABLE.name)
    except DatasetDamaged as error:  # rows that are not the manifest's neurons
        yield Violation(_path(dataset, NEURONS_TABLE.name), "", "", str(error))
        return
    if dataset.has(VOCAB_TABLE.name):
        yield from check_vocab(manifest, _path(dataset, VOCAB_TABLE.name), dataset.read_table(VOCAB_TABLE.name))
    if manifest.run is not None:
        yield from _check_activations(dataset, neurons)
    if manifest.imported is not None:
        yield from _check_imported(dataset, manifest.imported, neurons)
    if manifest.weights is not None:
        yield from _check_weights(dataset, manifest.weights, neurons)


def _check_activations(dataset: Dataset, neurons: pa.Table) -> Iterator[Violation]:
    texts = dataset.read_table(TEXTS_TABLE.name, [TextColumn.INDEX, TextColumn.INPUT_IDS])
    facts = Facts.of(dataset.manifest, texts)
    yield from check_texts(facts, _path(dataset, TEXTS_TABLE.name), texts, dataset.manifest.model.vocab_size or 0)
    yield from check_neurons(facts, _path(dataset, NEURONS_TABLE.name), neurons)
    for layer in dataset.manifest.layers:
        statistics = _of_layer(neurons, layer)
        examples = _layer(dataset, EXAMPLES_TABLE.name, layer)
        mine = _kept(examples, statistics)
        wrong = list(check_examples(facts, EXAMPLES_TABLE.path(layer), examples, mine)) if examples.num_rows else []
        yield from wrong
        windows = _layer(dataset, WINDOWS_TABLE.name, layer)
        if not wrong and windows.num_rows:  # windows are held against the lists
            yield from check_windows(facts, WINDOWS_TABLE.path(layer), windows, _kept(windows, examples))
        samples = _layer(dataset, SAMPLES_TABLE.name, layer)
        if samples.num_rows:
            yield from check_samples(facts, SAMPLES_TABLE.path(layer), samples, _kept(samples, statistics))


def _check_imported(dataset: Dataset, record: ImportRecord, neurons: pa.Table) -> Iterator[Violation]:
    manifest, places = dataset.manifest, None
    if manifest.texts is not None:
        texts = dataset.read_table(TEXTS_TABLE.name, [TextColumn.INDEX, TextColumn.INPUT_IDS])
        lists = Lists.of(texts, TextColumn.INPUT_IDS)
        bounds = np.concatenate([[0], np.cumsum(lists.sizes)])
        places = Places(manifest, manifest.texts, lists.values, bounds, record.window or 0, 0)
        vocab_size = sum(file.rows for file in manifest.files_of(VOCAB_TABLE.name))
        yield from check_texts(places, _path(dataset, TEXTS_TABLE.name), texts, vocab_size)
    yield from check_imported_neurons(manifest, _path(dataset, NEURONS_TABLE.name), neurons)
    for layer in manifest.layers:
        examples, statistics = _layer(dataset, EXAMPLES_TABLE.name, layer), _of_layer(neurons, layer)
        file = EXAMPLES_TABLE.path(layer)
        wrong = list(check_imported_examples(manifest, places, file, examples, statistics))
        yield from wrong
        if not wrong and places is not None and dataset.has(WINDOWS_TABLE.name):
            windows = _layer(dataset, WINDOWS_TABLE.name, layer)
            yield from check_windows(places, WINDOWS_TABLE.path(layer), windows, _kept(windows, examples))


def _check_weights(dataset: Dataset, record: WeightsRecord, neurons: pa.Table) -> Iterator[Violation]:
    yield from check_weight_columns(record, _path(dataset, NEURONS_TABLE.name), neurons)
    for layer in dataset.manifest.layers if dataset.has(WEIGHTS_TABLE.name) else ():
        rows = _layer(dataset, WEIGHTS_TABLE.name, layer)
        yield from check_weight_rows(dataset.manifest, WEIGHTS_TABLE.path(layer), rows, _of_layer(neurons, layer))
    if dataset.has(TOKENS_TABLE.name):
        index = dataset.read_table(TOKENS_TABLE.name)
        yield from check_index(dataset.manifest, _path(dataset, TOKENS_TABLE.name), index)


def _kept(some: pa.Table, whole: pa.Table) -> pa.Table:
    """The rows of the neurons that a table keeps, where it may leave some out; all of a layer's, where it has all."""
    return whole.filter(pa.array(np.isin(np.asarray(whole.column(NEURON)), np.asarray(some.column(NEURON)))))


def _of_layer(rows: pa.Table, layer: int) -> pa.Table:
    return rows.filter(pa.array(np.asarray(rows.column(LAYER)) == layer))


def _path(dataset: Dataset, table: str) -> str:
    return dataset.manifest.files_of(table)[0].path


def _layer(dataset: Dataset, table: str, layer: int) -> pa.Table:
    """The rows of one layer, which may lie in a file with others; none where a table leaves the layer out."""
    if not any(record.holds(layer) for record in dataset.manifest.files_of(table)):
        return TABLES[table].schema.empty_table()
    rows = dataset.read_table(table, layer=layer)
    return _of_layer(rows, layer)

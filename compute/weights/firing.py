"""From examples: for each token the neurons whose strongest examples fire on it, and right before it."""

import numpy as np

from compute.verify.facts import Lists
from gluscope_core.columns import TextColumn
from gluscope_core.dataset import Dataset
from gluscope_core.schema import EXAMPLES_TABLE, LAYER, NEURON, TEXTS_TABLE
from gluscope_core.vocabulary import FIRING_LISTS, ExampleList, Field, FiringList, Quantity

Entries = dict[str, np.ndarray]
"""Columns of equal length: list (number in FIRING_LISTS), token, layer, neuron, count."""


def count_firing(dataset: Dataset, per_token: int) -> Entries:
    """The neurons with most examples of |post|, for each case and token."""
    texts = Lists.of(dataset.read_table(TEXTS_TABLE.name, [TextColumn.INPUT_IDS]), TextColumn.INPUT_IDS)
    bounds = np.concatenate([[0], np.cumsum(texts.sizes)])
    found = [
        _count(_examples(dataset, each, layer), number, texts.values, bounds)
        for layer in dataset.manifest.layers
        for number, each in enumerate(FIRING_LISTS)
    ]
    counts = np.concatenate(found, axis=1) if found else np.zeros((5, 0), np.int64)
    return dict(zip(("list", "token", "layer", "neuron", "count"), _strongest(counts, per_token), strict=True))


def _examples(dataset: Dataset, each: FiringList, layer: int) -> np.ndarray:
    """Layer, neuron, text and position (one later, for what comes next) of the examples with the strongest post."""
    top = ExampleList(each.case, Quantity.POST)
    names = [top.column(Field.INDICES), top.column(Field.POSITIONS)]
    table = dataset.read_table(EXAMPLES_TABLE.name, [LAYER, NEURON, *names], layer=layer)
    table = table.filter(np.asarray(table.column(LAYER)) == layer)
    indices, positions = (Lists.of(table, name) for name in names)
    neurons = np.asarray(table.column(NEURON))[indices.rows]
    return np.stack([np.full_like(neurons, layer), neurons, indices.values, positions.values + each.before])


def _count(examples: np.ndarray, number: int, ids: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    layer, neuron, text, position = examples
    place = bounds[text] + position
    there = place < bounds[text + 1]
    found, counts = np.unique(
        np.stack([ids[place[there]], layer[there], neuron[there]]).astype(np.int64), axis=1, return_counts=True
    )
    return np.stack([np.full_like(counts, number), *found, counts])


def _strongest(entries: np.ndarray, k: int) -> np.ndarray:
    """The k of highest count for each list and token; among equals those of lower layer and neuron."""
    numbers, token, layer, neuron, count = entries
    entries = entries[:, np.lexsort([neuron, layer, -count, token, numbers])]
    group = np.stack([entries[0], entries[1]])
    starts = np.flatnonzero(np.concatenate([[True], (group[:, 1:] != group[:, :-1]).any(axis=0)])[: group.shape[1]])
    sizes = np.diff(np.append(starts, group.shape[1]))
    rank = np.arange(group.shape[1]) - np.repeat(starts, sizes)
    return entries[:, rank < k]

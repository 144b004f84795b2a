"""From what the weights say to rows of the dataset's tables."""

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from compute.rows import Ragged, table_of
from compute.weights.directions import Directions
from compute.weights.firing import Entries
from compute.weights.relations import signed_cosines
from compute.weights.tokens import NeuronLists, TokenLists
from compute.weights.tops import Best
from compute.windows import saturating_float16
from gluscope_core.columns import NeuronColumn, TokenColumn, WeightColumn
from gluscope_core.schema import LAYER, NEURON, NEURONS, TOKENS, WEIGHT_FIELDS, WEIGHTS
from gluscope_core.vocabulary import FIRING_LISTS, INDEX_LISTS, RELATIONS, TOKEN_LISTS, Relation

_TOKENS_AT_ONCE = 4096


def neurons_with(neurons: pa.Table, columns: Mapping[str, np.ndarray]) -> pa.Table:
    """The neurons table with the columns of this stage as given, and null where they are not; so are NaN and None."""
    for field in (*WEIGHT_FIELDS, NEURONS.field(NeuronColumn.EFFECTIVE_IO), NEURONS.field(NeuronColumn.FLIPPED)):
        values = columns.get(field.name)
        filled = (
            pa.nulls(neurons.num_rows, field.type)
            if values is None
            else pa.array(values, from_pandas=True).cast(field.type)
        )
        neurons = neurons.set_column(neurons.schema.get_field_index(field.name), field, filled)
    return neurons


def bare_neurons(layers: tuple[int, ...], per_layer: int) -> pa.Table:
    """A neurons table in which only the ids are known."""
    layer, neuron = np.repeat(layers, per_layer), np.tile(np.arange(per_layer), len(layers))
    return table_of(NEURONS, {LAYER: layer, NEURON: neuron}, len(layer))


def weight_rows(
    layer: int, directions: Directions, lists: TokenLists | None, related: Mapping[Relation, Best]
) -> pa.Table:
    rows = directions.rows(layer)
    count = directions.per_layer
    columns: dict[str, np.ndarray | Ragged] = {LAYER: np.full(count, layer), NEURON: np.arange(count)}
    if lists is not None:
        points = np.stack([directions.norm[each.vector][rows] > 0 for each in TOKEN_LISTS], axis=1)
        whole = points.sum(axis=1) * lists.k
        columns |= {
            WeightColumn.TOKEN_SIZES: Ragged(points.ravel() * lists.k, np.full(count, len(TOKEN_LISTS))),
            WeightColumn.TOKENS: Ragged(lists.tokens[rows][points].ravel(), whole),
            WeightColumn.DOTS: Ragged(saturating_float16(lists.dots[rows][points].ravel()), whole),
            WeightColumn.COSINES: Ragged(saturating_float16(lists.cosines[rows][points].ravel()), whole),
        }
    if related:
        columns |= _related_columns(directions, related, rows)
    return table_of(WEIGHTS, columns, count)


def _related_columns(directions: Directions, related: Mapping[Relation, Best], rows: slice) -> dict[str, Ragged]:
    """All relations in order, those that were not asked for empty; a vector of length 0 is related to nothing."""
    which, cosines = [], []
    for relation in RELATIONS:
        best = related.get(relation)
        if best is None:
            which.append(np.full((rows.stop - rows.start, 0), -1))
            cosines.append(np.zeros((rows.stop - rows.start, 0), np.float32))
        else:
            which.append(best.which[rows].cpu().numpy())
            cosines.append(signed_cosines(directions, relation, best, rows).numpy())
    there = [(part >= 0) & (cosine != 0) for part, cosine in zip(which, cosines, strict=True)]
    sizes = np.stack([part.sum(axis=1) for part in there], axis=1)
    inside = np.concatenate(there, axis=1)
    neuron = np.concatenate(which, axis=1)[inside]
    total = sizes.sum(axis=1)
    return {
        WeightColumn.RELATED_SIZES: Ragged(sizes.ravel(), np.full(len(sizes), len(RELATIONS))),
        WeightColumn.RELATED_LAYERS: Ragged(neuron // directions.per_layer, total),
        WeightColumn.RELATED_NEURONS: Ragged(neuron % directions.per_layer, total),
        WeightColumn.RELATED_COSINES: Ragged(np.concatenate(cosines, axis=1)[inside].astype(np.float16), total),
    }


def token_rows(
    vocabulary: int, ids: np.ndarray, per_layer: int, lists: NeuronLists | None, firing: Entries | None
) -> Iterator[pa.Table]:
    """One row per token of the vocabulary, also of those that no list belongs to."""
    row_of = np.full(vocabulary, -1)
    row_of[ids] = np.arange(len(ids))
    for start in range(0, vocabulary, _TOKENS_AT_ONCE):
        tokens = np.arange(start, min(start + _TOKENS_AT_ONCE, vocabulary))
        yield _index_rows(tokens, [*_pointing(tokens, row_of, per_layer, lists), *_firing(tokens, firing)])


def _pointing(tokens: np.ndarray, row_of: np.ndarray, per_layer: int, lists: NeuronLists | None) -> Iterator[tuple]:
    """For each list: row of the token, layer, neuron and cosine of each entry."""
    nothing = np.zeros(0, np.int64)
    for number in range(len(TOKEN_LISTS)):
        if lists is None:
            yield nothing, nothing, nothing, nothing.astype(np.float32)
            continue
        known = np.flatnonzero(row_of[tokens] >= 0)
        neurons = lists.neurons[row_of[tokens[known]], number]
        cosines = lists.cosines[row_of[tokens[known]], number]
        token = np.repeat(known, neurons.shape[1])
        yield token, neurons.ravel() // per_layer, neurons.ravel() % per_layer, cosines.ravel()


def _firing(tokens: np.ndarray, entries: Entries | None) -> Iterator[tuple]:
    nothing = np.zeros(0, np.int64)
    for number in range(len(FIRING_LISTS)):
        if entries is None:
            yield nothing, nothing, nothing, nothing.astype(np.float32)
            continue
        here = (entries["list"] == number) & (entries["token"] >= tokens[0]) & (entries["token"] <= tokens[-1])
        part = {name: values[here] for name, values in entries.items()}
        yield part["token"] - tokens[0], part["layer"], part["neuron"], part["count"].astype(np.float32)


def _index_rows(tokens: np.ndarray, lists: list[tuple]) -> pa.Table:
    row, layer, neuron, value = (np.concatenate(parts) for parts in zip(*lists, strict=True))
    number = np.repeat(np.arange(len(INDEX_LISTS)), [len(each[0]) for each in lists])
    sizes = np.bincount(row * len(INDEX_LISTS) + number, minlength=len(tokens) * len(INDEX_LISTS))
    order = np.lexsort([number, row])  # stable: within a list the strongest stay first
    total = sizes.reshape(len(tokens), -1).sum(axis=1)
    columns: dict[str, np.ndarray | Ragged] = {
        TokenColumn.TOKEN: tokens,
        TokenColumn.SIZES: Ragged(sizes, np.full(len(tokens), len(INDEX_LISTS))),
        TokenColumn.LAYERS: Ragged(layer[order], total),
        TokenColumn.NEURONS: Ragged(neuron[order], total),
        TokenColumn.VALUES: Ragged(saturating_float16(value[order]), total),
    }
    return table_of(TOKENS, columns, len(tokens))

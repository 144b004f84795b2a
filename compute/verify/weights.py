"""Checks of what the weights say: columns that follow from each other, lists in order, ids that exist."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from compute.verify.facts import Check, Lists, Violation, same_neurons
from gluscope_core.columns import NeuronColumn, TokenColumn, WeightColumn
from gluscope_core.io_classes import classify
from gluscope_core.manifest import Manifest
from gluscope_core.records import WeightsRecord
from gluscope_core.schema import COSINES, LAYER, NEURON, NORMS
from gluscope_core.vocabulary import INDEX_LISTS, RELATIONS, TOKEN_LISTS, Relation, Role, TokenList

_LATER = (Relation.READ_BY_GATE, Relation.READ_BY_IN)
_EARLIER = (Relation.GATE_READS, Relation.IN_READS)
_SLACK = 1e-3
"""float16 near 1."""


def check_weight_columns(record: WeightsRecord, file: str, table: pa.Table) -> Iterator[Violation]:
    check = Check(file, table)
    cosines = [table.column(name).to_numpy() for name in COSINES]
    for name, values in zip(COSINES, cosines, strict=True):
        yield from check(np.isnan(values) | (np.abs(values) <= 1 + 1e-5), name, "is no cosine")
    for name in NORMS:
        norms = table.column(name).to_numpy()
        foreseen = np.isnan(norms) & (np.isnan(norms).sum() <= record.nonfinite_neurons)
        yield from check((norms >= 0) | foreseen, name, "is null or negative")
    classes = classify(*cosines, threshold=record.threshold)
    yield from check(_column(table, NeuronColumn.IO_CLASS) == classes, NeuronColumn.IO_CLASS, "does not follow")
    if record.roles.partition_variance is not None:
        first = np.full(table.num_rows, None, dtype=object)
        for role in reversed(Role):
            first[_column(table, role.column) == True] = role.value  # noqa: E712  # null is neither
        yield from check(_column(table, NeuronColumn.ROLE) == first, NeuronColumn.ROLE, "is not the first that holds")
    gain = table.column(NeuronColumn.MEAN_GAIN).to_numpy() * cosines[-1]
    effective = table.column(NeuronColumn.EFFECTIVE_IO).to_numpy()
    follows = np.isclose(effective, gain, rtol=1e-5, atol=1e-9, equal_nan=True)
    yield from check(follows, NeuronColumn.EFFECTIVE_IO, "is not mean_gain · cos_in_out")


def check_weight_rows(manifest: Manifest, file: str, table: pa.Table, neurons: pa.Table) -> Iterator[Violation]:
    if not same_neurons(table, neurons):
        yield Violation(file, "", "", "has other rows than the neurons table")
        return
    check = Check(file, table)
    yield from _check_tokens(manifest, check, table)
    yield from _check_related(manifest, check, table)


def _check_tokens(manifest: Manifest, check: Check, table: pa.Table) -> Iterator[Violation]:
    sizes, tokens, dots, cosines = (
        Lists.of(table, name)
        for name in (WeightColumn.TOKEN_SIZES, WeightColumn.TOKENS, WeightColumn.DOTS, WeightColumn.COSINES)
    )
    if not len(sizes.values):
        return
    packed = _Packed(sizes, len(TOKEN_LISTS))
    for name, lists in ((WeightColumn.TOKENS, tokens), (WeightColumn.DOTS, dots), (WeightColumn.COSINES, cosines)):
        fits = lists.sizes == packed.total
        yield from check(fits, name, "does not have as many entries as token_sizes says")
        if not fits.all():
            return
    exists = (tokens.values >= 0) & (tokens.values < manifest.model.vocab_size)
    yield from check(exists, WeightColumn.TOKENS, "names a token that does not exist", tokens.rows)
    signs = np.array([each.sign for each in TOKEN_LISTS])[packed.which]
    ordered = packed.falls(dots.values.astype(float) * signs)
    yield from check(ordered, WeightColumn.DOTS, "is not in order", dots.rows)
    yield from check(np.abs(cosines.values) <= 1 + _SLACK, WeightColumn.COSINES, "is no cosine", cosines.rows)


def _check_related(manifest: Manifest, check: Check, table: pa.Table) -> Iterator[Violation]:
    sizes, layers, neurons, cosines = (
        Lists.of(table, name)
        for name in (
            WeightColumn.RELATED_SIZES,
            WeightColumn.RELATED_LAYERS,
            WeightColumn.RELATED_NEURONS,
            WeightColumn.RELATED_COSINES,
        )
    )
    if not len(sizes.values):
        return
    packed = _Packed(sizes, len(RELATIONS))
    for name, lists in ((WeightColumn.RELATED_LAYERS, layers), (WeightColumn.RELATED_NEURONS, neurons)):
        fits = lists.sizes == packed.total
        yield from check(fits, name, "does not have as many entries as related_sizes says")
        if not fits.all():
            return
    model, rows = manifest.model, neurons.rows
    exists = (layers.values >= 0) & (layers.values < model.layers)
    exists &= (neurons.values >= 0) & (neurons.values < model.d_mlp)
    yield from check(exists, WeightColumn.RELATED_NEURONS, "names a neuron that does not exist", rows)
    own_layer, own_neuron = (np.asarray(table.column(name))[rows] for name in (LAYER, NEURON))
    itself = (layers.values == own_layer) & (neurons.values == own_neuron)
    yield from check(~itself, WeightColumn.RELATED_NEURONS, "relates a neuron to itself", rows)
    relation = np.array(RELATIONS, dtype=object)[packed.which]
    misplaced = np.isin(relation, _LATER) & (layers.values <= own_layer)
    misplaced |= np.isin(relation, _EARLIER) & (layers.values >= own_layer)
    yield from check(~misplaced, WeightColumn.RELATED_LAYERS, "links a layer that does not lie that way", rows)
    signed = np.isin(relation, [each for each in RELATIONS if not each.changes_sign])
    strength = np.where(signed, cosines.values, np.abs(cosines.values)).astype(float)
    yield from check(np.abs(strength) <= 1 + _SLACK, WeightColumn.RELATED_COSINES, "is no cosine", rows)
    yield from check(packed.falls(strength), WeightColumn.RELATED_COSINES, "is not in order", rows)


def check_index(manifest: Manifest, file: str, table: pa.Table) -> Iterator[Violation]:
    size = manifest.model.vocab_size or 0
    if not np.array_equal(np.asarray(table.column(TokenColumn.TOKEN)), np.arange(size)):
        yield Violation(file, "", TokenColumn.TOKEN, f"does not count the {size} tokens from 0")
        return
    sizes, layers, neurons, values = (
        Lists.of(table, name)
        for name in (TokenColumn.SIZES, TokenColumn.LAYERS, TokenColumn.NEURONS, TokenColumn.VALUES)
    )
    packed = _Packed(sizes, len(INDEX_LISTS))
    for name, lists in ((TokenColumn.LAYERS, layers), (TokenColumn.NEURONS, neurons), (TokenColumn.VALUES, values)):
        if not np.array_equal(lists.sizes, packed.total):
            yield Violation(file, "", name, "does not have as many entries as sizes says")
            return
    exists = np.isin(layers.values, np.arange(manifest.model.layers))
    exists &= (neurons.values >= 0) & (neurons.values < manifest.model.d_mlp)
    signs = np.array([each.sign if isinstance(each, TokenList) else 1 for each in INDEX_LISTS])[packed.which]
    ordered = packed.falls(values.values.astype(float) * signs)
    for holds, name, problem in (
        (exists, TokenColumn.NEURONS, "names a neuron that does not exist"),
        (ordered, TokenColumn.VALUES, "is not in order"),
    ):
        for token in np.unique(neurons.rows[~holds])[:3]:
            yield Violation(file, f"token {token}", name, problem)


class _Packed:
    """Which list each entry belongs to, where several lists lie end to end in each row."""

    def __init__(self, sizes: Lists, lists: int) -> None:
        by_row = sizes.values.astype(np.int64).reshape(-1, lists)
        self.total = by_row.sum(axis=1)
        self.which = np.repeat(np.tile(np.arange(lists), len(by_row)), by_row.ravel())
        self._begins = np.zeros(len(self.which) + 1, dtype=bool)
        self._begins[np.cumsum(by_row.ravel()) - by_row.ravel()] = True

    def falls(self, values: np.ndarray) -> np.ndarray:
        """Whether each entry is at most the one before it in its list."""
        fits = np.ones(len(values), dtype=bool)
        fits[1:] = (values[1:] <= values[:-1]) | self._begins[1 : len(values)]
        return fits


def _column(table: pa.Table, name: str) -> np.ndarray:
    return np.array(table.column(name).to_pylist(), dtype=object)

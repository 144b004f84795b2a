"""From the state of a layer to rows of the dataset's tables."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from compute.reduce import Moments
from compute.state import LayerState
from compute.token_texts import TokenTexts
from compute.toplists import TopLists
from compute.windows import tokens_before, window_bounds
from gluscope_core.columns import NeuronColumn, SampleColumn, WindowColumn
from gluscope_core.schema import EXAMPLES, LAYER, NEURON, NEURONS, SAMPLES, WINDOWS
from gluscope_core.vocabulary import (
    CASES,
    QUANTITIES,
    RANDOM_LISTS,
    TOP_LISTS,
    Field,
    Quantity,
    Stat,
    count_column,
    freq_column,
    freq_se_column,
    post_in_column,
    stat_column,
)


@dataclass(frozen=True)
class CountedTokens:
    """How the counted tokens spread over texts: the denominators."""

    total: int
    squared: int
    """Sum over texts of their squared number."""
    texts: int
    """With at least one."""

    @classmethod
    def of(cls, lengths: np.ndarray, skip_first: int) -> "CountedTokens":
        counts = np.maximum(lengths - skip_first, 0)
        return cls(int(counts.sum()), int((counts**2).sum()), int((counts > 0).sum()))


@dataclass(frozen=True)
class Ragged:
    """A column of lists: all values end to end, and how many each row has."""

    flat: np.ndarray
    sizes: np.ndarray


_Columns = dict[str, np.ndarray | Ragged]


def neuron_rows(layer: int, state: LayerState, tokens: CountedTokens) -> pa.Table:
    """Statistics of all neurons of a layer. What only the weights can say is null."""
    moments = state.moments
    columns: _Columns = {
        LAYER: np.full(state.neurons, layer),
        NEURON: np.arange(state.neurons),
        NeuronColumn.FLIPPED: _numpy(state.signs.flipped),
        NeuronColumn.ZERO_COUNT: _numpy(moments.zero),
        NeuronColumn.NONFINITE_COUNT: _numpy(moments.nonfinite),
        **_case_columns(moments, tokens),
        NeuronColumn.MEAN_GAIN: _mean_gain(moments),
    }
    if bool(state.first.filled[0]):
        columns |= {
            NeuronColumn.FIRST_GATE: _numpy(state.first.gate[:, 0]),
            NeuronColumn.FIRST_IN: _numpy(state.first.linear[:, 0]),
        }
    return table_of(NEURONS, columns, state.neurons)


def _case_columns(moments: Moments, tokens: CountedTokens) -> dict[str, np.ndarray]:
    columns = {}
    for i, case in enumerate(CASES):
        count = _numpy(moments.count[i])
        columns[count_column(case)] = count
        columns[freq_column(case)] = _ratio(count, np.full_like(count, tokens.total))
        columns[freq_se_column(case)] = _clustered_error(moments, i, tokens)
        columns[post_in_column(case)] = _ratio(_numpy(moments.post_in[i]), count)
        for j, quantity in enumerate(QUANTITIES):
            mean = _ratio(_numpy(moments.total[i, j]), count)
            variance = np.maximum(_ratio(_numpy(moments.squares[i, j]), count) - mean**2, 0)
            ends = np.sort([np.sign(mean) * _numpy(part[i, j]) for part in (moments.smallest, moments.largest)], axis=0)
            low, high = np.where(count > 0, ends, np.nan)
            stats = {Stat.MEAN: mean, Stat.STD: np.sqrt(variance), Stat.MIN: low, Stat.MAX: high}
            columns |= {stat_column(case, quantity, stat): values for stat, values in stats.items()}
    return columns


def _clustered_error(moments: Moments, case: int, tokens: CountedTokens) -> np.ndarray:
    """Standard error of a frequency as a ratio of sums over texts, which are drawn independently, while the tokens
    within a text are not. Undefined for a single text."""
    if tokens.texts < 2:
        return np.full(moments.count.shape[1], np.nan)
    freq = _numpy(moments.count[case]) / tokens.total
    squares = (
        _numpy(moments.count_squared[case])
        - 2 * freq * _numpy(moments.count_by_length[case])
        + freq**2 * tokens.squared
    )
    return np.sqrt(np.maximum(squares, 0) * tokens.texts / (tokens.texts - 1)) / tokens.total


def _mean_gain(moments: Moments) -> np.ndarray:
    """E[act·x_in²] / E[x_in²]: by how much a neuron, on average, multiplies what it reads."""
    gained = _numpy(moments.post_in.sum(dim=0) + moments.zero_post_in)
    read = _numpy(moments.squares[:, QUANTITIES.index(Quantity.IN)].sum(dim=0) + moments.zero_in_squares)
    return _ratio(gained, read)


def example_rows(layer: int, state: LayerState) -> pa.Table:
    """All lists of all neurons of a layer."""
    columns: _Columns = {LAYER: np.full(state.neurons, layer), NEURON: np.arange(state.neurons)}
    for lists, names in ((state.top, TOP_LISTS), (state.random, RANDOM_LISTS)):
        ranked = _Ranked.of(lists, torch.arange(state.neurons))
        content = {
            Field.VALUES: _numpy(lists.value.flatten())[ranked.slot],
            Field.INDICES: _numpy(lists.texts.flatten())[ranked.slot],
            Field.POSITIONS: _numpy(lists.position.flatten())[ranked.slot],
        }
        for i, each in enumerate(names):
            there = ranked.filled[:, i]
            for field, values in content.items():
                columns[each.column(field)] = Ragged(values[:, i][there], there.sum(axis=1))
    return table_of(EXAMPLES, columns, state.neurons)


def window_rows(layer: int, state: LayerState, texts: TokenTexts, neurons: np.ndarray) -> pa.Table:
    """The lists of some neurons of a layer, packed with their windows."""
    parts = [(lists, _Ranked.of(lists, torch.from_numpy(neurons))) for lists in (state.top, state.random)]
    sizes = np.concatenate([ranked.filled.sum(axis=2) for _, ranked in parts], axis=1)
    # All entries of the first part come before those of the second; rows want them neuron by neuron.
    owner = np.concatenate([np.repeat(np.arange(len(neurons)), each.filled.sum(axis=(1, 2))) for _, each in parts])
    by_neuron = torch.from_numpy(np.argsort(owner, kind="stable"))

    def entries(content: Callable[[TopLists], Tensor], tail: int) -> np.ndarray:
        """One field of all entries; `content` has a row for each place of each list of each neuron."""
        rows = []
        for lists, each in parts:
            places = content(lists).reshape(-1, tail)
            rows.append(places[torch.from_numpy(each.slot[each.filled]).to(places.device)].cpu())
        return _numpy(torch.cat(rows)[by_neuron])

    window = state.top.gate.shape[-1]
    return packed_windows(
        (np.full(len(neurons), layer), neurons),
        sizes,
        PackedEntries(
            values=entries(lambda lists: lists.value, 1)[:, 0],
            texts=entries(lambda lists: lists.texts, 1)[:, 0],
            positions=entries(lambda lists: lists.position, 1)[:, 0],
            gate=entries(lambda lists: lists.gate, window),
            linear=entries(lambda lists: lists.linear, window),
        ),
        texts,
    )


@dataclass(frozen=True)
class PackedEntries:
    """The entries of all lists of some neurons end to end, in the order of the schema."""

    values: np.ndarray
    texts: np.ndarray
    positions: np.ndarray
    gate: np.ndarray
    """Around each entry's token, as `cut_windows` leaves it: 0 outside the text."""
    linear: np.ndarray


def packed_windows(
    ids: tuple[np.ndarray, np.ndarray], sizes: np.ndarray, entries: PackedEntries, texts: TokenTexts
) -> pa.Table:
    """Rows of the windows table. `ids`: layers and neurons; `sizes`: how long the lists of each neuron are."""
    index, position, window = entries.texts, entries.positions, entries.gate.shape[1]
    start, length = window_bounds(position, texts.lengths[index], window)
    # Each window is kept around its token; a clipped window begins later in its row.
    offset = start - position + tokens_before(window)
    place = np.arange(window)
    inside = (place >= offset[:, None]) & (place < (offset + length)[:, None])
    first = texts.bounds[index] + start
    per_neuron = sizes.sum(axis=1)
    widths = _sums(length, per_neuron)
    columns: _Columns = {
        LAYER: ids[0],
        NEURON: ids[1],
        WindowColumn.LIST_SIZES: Ragged(sizes.ravel(), np.full(len(sizes), sizes.shape[1])),
        WindowColumn.VALUES: Ragged(entries.values, per_neuron),
        WindowColumn.INDICES: Ragged(index, per_neuron),
        WindowColumn.POSITIONS: Ragged(position, per_neuron),
        WindowColumn.STARTS: Ragged(start, per_neuron),
        WindowColumn.LENGTHS: Ragged(length, per_neuron),
        WindowColumn.TOKENS: Ragged(texts.ids[_runs(first, length)], widths),
        WindowColumn.GATE: Ragged(entries.gate[inside], widths),
        WindowColumn.IN: Ragged(entries.linear[inside], widths),
    }
    return table_of(WINDOWS, columns, len(sizes))


def sample_rows(layer: int, state: LayerState, index: np.ndarray, position: np.ndarray) -> pa.Table:
    """gate and in of all neurons of a layer at the sampled positions."""
    sizes = np.full(state.neurons, len(index))
    columns: _Columns = {
        LAYER: np.full(state.neurons, layer),
        NEURON: np.arange(state.neurons),
        SampleColumn.GATE: Ragged(_numpy(state.samples.gate).ravel(), sizes),
        SampleColumn.IN: Ragged(_numpy(state.samples.linear).ravel(), sizes),
        SampleColumn.INDICES: Ragged(np.tile(index, state.neurons), sizes),
        SampleColumn.POSITIONS: Ragged(np.tile(position, state.neurons), sizes),
    }
    return table_of(SAMPLES, columns, state.neurons)


@dataclass(frozen=True)
class _Ranked:
    """Places of lists of some neurons, best first. Axes: neuron, list, rank."""

    slot: np.ndarray
    """Number of the place, counted through all lists, neurons and places."""
    filled: np.ndarray

    @classmethod
    def of(cls, lists: TopLists, neurons: Tensor) -> "_Ranked":
        count, all_neurons, k = lists.key.shape
        key, place = lists.key[:, neurons.to(lists.key.device)].sort(dim=2, descending=True)
        row = np.arange(count)[:, None] * all_neurons + neurons.numpy()
        return cls((row[..., None] * k + _numpy(place)).transpose(1, 0, 2), _numpy(key > 0).transpose(1, 0, 2))


def _sums(values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Sums of consecutive runs of the given sizes, which may be 0."""
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    total = np.concatenate([[0], np.cumsum(values)])
    return total[bounds[1:]] - total[bounds[:-1]]


def _runs(first: np.ndarray, length: np.ndarray) -> np.ndarray:
    """The whole numbers of consecutive runs, each from its first on."""
    before = np.cumsum(length) - length
    return np.arange(length.sum()) + np.repeat(first - before, length)


def table_of(schema: pa.Schema, columns: _Columns, rows: int) -> pa.Table:
    """Columns that are not given are null."""
    return pa.table(
        [
            _column(columns[field.name], field.type) if field.name in columns else pa.nulls(rows, field.type)
            for field in schema
        ],
        schema=schema,
    )


def _column(values: np.ndarray | Ragged, kind: pa.DataType) -> pa.Array:
    """NaN is how numpy says that there is no figure, and a table says null; within lists NaN is a value."""
    if isinstance(values, np.ndarray):
        return pa.array(values, from_pandas=True).cast(kind)
    offsets = np.concatenate([[0], np.cumsum(values.sizes)]).astype(np.int32)
    flat = values.flat.astype(kind.value_type.to_pandas_dtype(), copy=False)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat), type=kind)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """NaN where there is nothing to divide by."""
    result = np.full(len(numerator), np.nan)
    return np.divide(numerator, denominator, out=result, where=denominator != 0)


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()

"""From the state of a layer to rows of the dataset's tables."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
    ExampleList,
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
class _Ragged:
    """A column of lists: all values end to end, and how many each row has."""

    flat: np.ndarray
    sizes: np.ndarray


_Columns = dict[str, np.ndarray | _Ragged]


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
            NeuronColumn.FIRST_GATE: _numpy(state.first.gate[0]),
            NeuronColumn.FIRST_IN: _numpy(state.first.linear[0]),
        }
    return _table(NEURONS, columns, state.neurons)


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
            stats = {
                Stat.MEAN: mean,
                Stat.STD: np.sqrt(variance),
                Stat.MIN: np.where(count > 0, _numpy(moments.low[i, j]), np.nan),
                Stat.MAX: np.where(count > 0, _numpy(moments.high[i, j]), np.nan),
            }
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
    ranked = replace(state, top=state.top.best_first(), random=state.random.best_first())
    for each, lists, i in _each_list(ranked):
        there = _numpy(lists.key[i]) > 0
        content = {
            Field.VALUES: _numpy(lists.value[i]),
            Field.INDICES: _numpy(lists.texts[i]),
            Field.POSITIONS: _numpy(lists.position[i]),
        }
        for field, values in content.items():
            columns[each.column(field)] = _Ragged(values[there], there.sum(axis=1))
    return _table(EXAMPLES, columns, state.neurons)


def window_rows(layer: int, state: LayerState, texts: TokenTexts, neurons: np.ndarray) -> pa.Table:
    """The lists of some neurons of a layer, packed with their windows."""
    chosen = torch.from_numpy(neurons)
    parts = [_entries(lists, chosen) for lists in (state.top, state.random)]
    entries = _Entries.side_by_side(parts)
    there = entries.key > 0
    per_neuron = there.sum(axis=(1, 2))
    index, position = entries.text[there], entries.position[there]
    start, length = window_bounds(position, texts.lengths[index], entries.gate.shape[-1])
    # The state keeps each window around its token; a clipped window begins later in its row.
    place = np.arange(entries.gate.shape[-1])
    offset = start - position + tokens_before(len(place))
    inside = (place >= offset[:, None]) & (place < (offset + length)[:, None])
    token_at = (texts.bounds[index] + start - offset)[:, None] + place
    widths = _sums(length, per_neuron)
    columns: _Columns = {
        LAYER: np.full(len(neurons), layer),
        NEURON: neurons,
        WindowColumn.LIST_SIZES: _Ragged(there.sum(axis=2).ravel(), np.full(len(neurons), there.shape[1])),
        WindowColumn.VALUES: _Ragged(entries.value[there], per_neuron),
        WindowColumn.INDICES: _Ragged(index, per_neuron),
        WindowColumn.POSITIONS: _Ragged(position, per_neuron),
        WindowColumn.STARTS: _Ragged(start, per_neuron),
        WindowColumn.LENGTHS: _Ragged(length, per_neuron),
        WindowColumn.TOKENS: _Ragged(texts.ids[token_at[inside]], widths),
        WindowColumn.GATE: _Ragged(entries.gate[there][inside], widths),
        WindowColumn.IN: _Ragged(entries.linear[there][inside], widths),
    }
    return _table(WINDOWS, columns, len(neurons))


def sample_rows(layer: int, state: LayerState, index: np.ndarray, position: np.ndarray) -> pa.Table:
    """gate and in of all neurons of a layer at the sampled positions."""
    sizes = np.full(state.neurons, len(index))
    columns: _Columns = {
        LAYER: np.full(state.neurons, layer),
        NEURON: np.arange(state.neurons),
        SampleColumn.GATE: _Ragged(_numpy(state.samples.gate.T).ravel(), sizes),
        SampleColumn.IN: _Ragged(_numpy(state.samples.linear.T).ravel(), sizes),
        SampleColumn.INDICES: _Ragged(np.tile(index, state.neurons), sizes),
        SampleColumn.POSITIONS: _Ragged(np.tile(position, state.neurons), sizes),
    }
    return _table(SAMPLES, columns, state.neurons)


@dataclass(frozen=True)
class _Entries:
    """Places of lists of some neurons. Axes: neuron, list, place (, window)."""

    key: np.ndarray
    text: np.ndarray
    value: np.ndarray
    position: np.ndarray
    gate: np.ndarray
    linear: np.ndarray

    @classmethod
    def side_by_side(cls, parts: Sequence["_Entries"]) -> "_Entries":
        """One after the other along the list axis; shorter lists are filled up with empty places."""
        places = max(part.key.shape[2] for part in parts)

        def joined(name: str) -> np.ndarray:
            return np.concatenate([_pad_places(getattr(part, name), places) for part in parts], axis=1)

        return cls(*(joined(name) for name in cls.__dataclass_fields__))


def _entries(lists: TopLists, neurons: Tensor) -> _Entries:
    lists = TopLists(
        **{name: tensor[:, neurons.to(tensor.device)] for name, tensor in vars(lists).items()}
    ).best_first()
    tensors = (lists.key, lists.texts, lists.value, lists.position, lists.gate, lists.linear)
    return _Entries(*(_numpy(tensor.transpose(0, 1)) for tensor in tensors))


def _pad_places(values: np.ndarray, places: int) -> np.ndarray:
    missing = [(0, 0), (0, 0), (0, places - values.shape[2]), *[(0, 0)] * (values.ndim - 3)]
    return np.pad(values, missing)


def _each_list(state: LayerState) -> list[tuple[ExampleList, TopLists, int]]:
    top = [(each, state.top, i) for i, each in enumerate(TOP_LISTS)]
    return top + [(each, state.random, i) for i, each in enumerate(RANDOM_LISTS)]


def _sums(values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Sums of consecutive runs of the given sizes, which may be 0."""
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    total = np.concatenate([[0], np.cumsum(values)])
    return total[bounds[1:]] - total[bounds[:-1]]


def _table(schema: pa.Schema, columns: _Columns, rows: int) -> pa.Table:
    """Columns that are not given are null."""
    nothing = np.full(rows, np.nan)
    return pa.table(
        [_column(columns.get(name, nothing), schema.field(name).type) for name in schema.names], schema=schema
    )


def _column(values: np.ndarray | _Ragged, kind: pa.DataType) -> pa.Array:
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

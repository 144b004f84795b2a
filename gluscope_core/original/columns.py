"""From the original's columns to ours: which it has, what each is read from, and their rows as ours."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gluscope_core.activations import Activation
from gluscope_core.errors import ColumnMissing, DatasetDamaged
from gluscope_core.schema import EXAMPLES, LAYER, NEURON, NEURONS
from gluscope_core.vocabulary import (
    CASES,
    LISTS,
    TOP_LISTS,
    Case,
    ExampleList,
    Field,
    Quantity,
    Stat,
    case_quantities,
    freq_column,
    stat_column,
)

REQUIRED = (LAYER, NEURON, *map(freq_column, CASES))
"""By which its datasets are known; everything else may be left out by its options."""


@dataclass(frozen=True)
class _Origin:
    """How a column of ours follows from one of theirs."""

    column: str
    take: Callable[[pa.ChunkedArray, Activation], np.ndarray]


def extreme_stat(case: Case, quantity: Quantity) -> Stat:
    """The extreme of larger magnitude within a case, the only one that the original keeps."""
    return Stat.MAX if case.sign_of(quantity) > 0 else Stat.MIN


def _scalar(column: pa.ChunkedArray, _: Activation) -> np.ndarray:
    return column.to_numpy().astype(np.float64)


def _first(column: pa.ChunkedArray, _: Activation) -> np.ndarray:
    """Lists begin with the extreme; 0 stands for no text."""
    lists = _as_lists(column, pa.float32())
    sizes = lists.value_lengths().fill_null(0).to_numpy().astype(np.int64)
    values = lists.flatten().to_numpy(zero_copy_only=False)
    first = np.full(len(lists), np.nan)
    first[sizes > 0] = values[(np.cumsum(sizes) - sizes)[sizes > 0]]
    return np.where(first == 0, np.nan, first)


def _act_of_first(column: pa.ChunkedArray, act: Activation) -> np.ndarray:
    """Where gate is positive the largest act is that of the largest gate; in float32, as it was computed."""
    return act(_first(column, act)).astype(np.float32)


def _origins() -> dict[str, _Origin]:
    origins = {freq_column(case): _Origin(freq_column(case), _scalar) for case in CASES}
    for case, quantity in case_quantities():
        mean = stat_column(case, quantity, Stat.MEAN)
        origins[mean] = _Origin(mean, _scalar)
        listed, take = (quantity, _first) if quantity in case.ranked else (Quantity.GATE, _act_of_first)
        values = ExampleList(case, listed).column(Field.VALUES)
        origins[stat_column(case, quantity, extreme_stat(case, quantity))] = _Origin(values, take)
    return origins


_ORIGINS = _origins()
_KEY = (LAYER, NEURON)

RECORDED = frozenset({*_KEY, *_ORIGINS})
"""Those columns of our neurons table for which the original has figures; its others are null."""
OTHER_EXTREMES = frozenset(
    stat_column(case, quantity, Stat.MIN if extreme_stat(case, quantity) is Stat.MAX else Stat.MAX)
    for case, quantity in case_quantities()
)
"""Those of smaller magnitude, which it does not keep."""


def needed_for(columns: Iterable[str]) -> list[str]:
    """Their columns from which ours follow."""
    return list(dict.fromkeys([*_KEY, *(_ORIGINS[name].column for name in columns if name in _ORIGINS)]))


def list_columns() -> list[str]:
    return [*_KEY, *(each.column(field) for each in TOP_LISTS for field in (Field.VALUES, Field.INDICES))]


def known_columns(columns: Sequence[str] | None, where: str) -> list[str]:
    """Those that are asked for; all where none are named."""
    unknown = sorted(set(columns or ()) - set(NEURONS.names))
    if unknown:
        named = ", ".join(map(repr, unknown))
        raise ColumnMissing(f"{where} has no column {named}: name some of those in docs/dataset.md")
    return list(NEURONS.names) if columns is None else list(columns)


def neuron_rows(theirs: pa.Table, columns: Sequence[str], act: Activation) -> pa.Table:
    """Rows of our neurons table, with the columns asked for; null where they have no figure."""
    return pa.table({name: _neuron_column(theirs, name, act) for name in columns})


def _neuron_column(theirs: pa.Table, name: str, act: Activation) -> pa.Array | pa.ChunkedArray:
    kind = NEURONS.field(name).type
    if name in _KEY:
        return theirs.column(name).cast(kind)
    origin = _ORIGINS.get(name)
    if origin is None or origin.column not in theirs.column_names:
        return pa.nulls(theirs.num_rows, kind)
    return pa.array(origin.take(theirs.column(origin.column), act), from_pandas=True).cast(kind)


def example_rows(theirs: pa.Table) -> pa.Table:
    """Rows of our examples table: their lists without the zeros; positions are null, and random lists empty."""
    columns: dict[str, pa.Array | pa.ChunkedArray] = {name: theirs.column(name).cast(pa.int32()) for name in _KEY}
    for each in LISTS:
        columns |= _list_columns(theirs, each)
    return pa.table(columns).select(EXAMPLES.names).cast(EXAMPLES)


def _list_columns(theirs: pa.Table, each: ExampleList) -> dict[str, pa.Array]:
    names = {field: each.column(field) for field in Field}
    if not {names[Field.VALUES], names[Field.INDICES]} <= set(theirs.column_names):
        empty = pa.array([[]] * theirs.num_rows, pa.list_(pa.int32()))
        return dict.fromkeys(names.values(), empty)
    values = _as_lists(theirs.column(names[Field.VALUES]), pa.float32())
    indices = _as_lists(theirs.column(names[Field.INDICES]), pa.int32())
    sizes = values.value_lengths().fill_null(0).to_numpy().astype(np.int64)
    if not np.array_equal(sizes, indices.value_lengths().fill_null(0).to_numpy()):
        raise DatasetDamaged(f"{names[Field.VALUES]} and {names[Field.INDICES]} differ in length: fetch the file again")
    flat, texts = values.flatten().to_numpy(zero_copy_only=False), indices.flatten()
    there = np.isfinite(flat) & (flat != 0)
    kept = np.bincount(np.repeat(np.arange(len(sizes)), sizes)[there], minlength=len(sizes))
    offsets = pa.array(np.concatenate([[0], np.cumsum(kept)]).astype(np.int32))
    content = {
        Field.VALUES: pa.array(flat[there]),
        Field.INDICES: texts.filter(pa.array(there)),
        Field.POSITIONS: pa.nulls(int(there.sum()), pa.int32()),
    }
    return {name: pa.ListArray.from_arrays(offsets, content[field]) for field, name in names.items()}


def _as_lists(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ListArray:
    """Whichever kind of list they are stored as; a list that is null is as if it were empty."""
    return column.cast(pa.list_(kind)).combine_chunks()

"""Rows that hold several lists end to end, taken apart into data frames with one row per entry."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from gluscope_core.columns import SampleColumn, TokenColumn, WeightColumn, WindowColumn
from gluscope_core.errors import DatasetDamaged
from gluscope_core.schema import NEURON
from gluscope_core.vocabulary import INDEX_LISTS, LISTS, RELATIONS, TOKEN_LISTS, ExampleList, Field, TokenList


@dataclass(frozen=True)
class NeuronWeights:
    """What a neuron's weights say."""

    tokens: pd.DataFrame
    """`vector`, `matrix`, `sign`, `rank`, `token`, `dot`, `cosine`: the tokens that each vector points to (sign 1) or
    away from (-1)."""
    related: pd.DataFrame
    """`relation`, `rank`, `layer`, `neuron`, `cosine`."""


def values_of(row: pa.Table, column: str) -> np.ndarray:
    return row.column(column).combine_chunks().flatten().to_numpy(zero_copy_only=False)


def unpack_lists(row: pa.Table) -> pd.DataFrame:
    """Lists without windows, one row per example."""
    columns = {field: [values_of(row, each.column(field)) for each in LISTS] for field in Field}
    sizes = [len(values) for values in columns[Field.VALUES]]
    for field in (Field.INDICES, Field.POSITIONS):
        _fits(row, [len(values) for values in columns[field]] == sizes)
    frame = _keys(LISTS, sizes)
    for name, field in (("value", Field.VALUES), ("text", Field.INDICES), ("position", Field.POSITIONS)):
        frame[name] = np.concatenate(columns[field])
    _fits(row, not frame["text"].isna().to_numpy().any())
    return frame


def unpack_windows(row: pa.Table) -> pd.DataFrame:
    """The packed row of one neuron, one row per example."""
    sizes = values_of(row, WindowColumn.LIST_SIZES)
    _fits(row, len(sizes) == len(LISTS) and bool((sizes >= 0).all()))
    frame = _keys(LISTS, sizes)
    for name, column in _OF_EXAMPLE.items():
        frame[name] = _exactly(row, column, len(frame))
    lengths = _exactly(row, WindowColumn.LENGTHS, len(frame)).astype(np.int64)
    at = frame["position"].to_numpy(np.int64) - frame["start"].to_numpy(np.int64)
    _fits(row, bool((lengths >= 0).all() and (frame["start"] >= 0).all() and (at >= 0).all() and (at < lengths).all()))
    bounds = np.cumsum(lengths)[:-1]
    for name in (WindowColumn.TOKENS, WindowColumn.GATE, WindowColumn.IN):
        values = _exactly(row, name, int(lengths.sum()))
        frame[name.value] = np.split(values, bounds) if len(frame) else []
    return frame


_OF_EXAMPLE = {
    "value": WindowColumn.VALUES,
    "text": WindowColumn.INDICES,
    "position": WindowColumn.POSITIONS,
    "start": WindowColumn.STARTS,
}


def unpack_samples(row: pa.Table) -> pd.DataFrame:
    names = {"text": SampleColumn.INDICES, "position": SampleColumn.POSITIONS}
    names |= {"gate": SampleColumn.GATE, "in": SampleColumn.IN}
    size = len(values_of(row, SampleColumn.INDICES))
    return pd.DataFrame({name: _exactly(row, column, size) for name, column in names.items()})


def _exactly(row: pa.Table, column: str, size: int) -> np.ndarray:
    """So many values, none of them null."""
    values = values_of(row, column)
    _fits(row, len(values) == size and not row.column(column).combine_chunks().flatten().null_count)
    return values


def _fits(row: pa.Table, is_so: bool) -> None:  # noqa: FBT001
    """Whoever wrote the row may have packed lists into it that do not belong together."""
    if not is_so:
        name, value = row.column_names[0], row.column(0)[0].as_py()
        more = f", {row.column_names[1]} {row.column(1)[0].as_py()}" if row.column_names[1] == NEURON else ""
        raise DatasetDamaged(f"the lists of {name} {value}{more} do not fit together: fetch or compute the data again")


def _keys(lists: Sequence[ExampleList], sizes: Sequence[int] | np.ndarray) -> pd.DataFrame:
    rows = [
        (each.case.column, each.quantity.value if each.quantity else None, rank)
        for each, size in zip(lists, sizes, strict=True)
        for rank in range(int(size))
    ]
    return pd.DataFrame(rows, columns=["case", "quantity", "rank"])


def unpack_weights(row: pa.Table) -> NeuronWeights:
    kinds = [(each.vector.value, each.matrix.value, each.sign) for each in TOKEN_LISTS]
    tokens = _repeat(kinds, ["vector", "matrix", "sign"], row, WeightColumn.TOKEN_SIZES)
    for name, column in (("token", WeightColumn.TOKENS), ("dot", WeightColumn.DOTS), ("cosine", WeightColumn.COSINES)):
        tokens[name] = _exactly(row, column, len(tokens))
    related = _repeat([(each.value,) for each in RELATIONS], ["relation"], row, WeightColumn.RELATED_SIZES)
    related["layer"] = _exactly(row, WeightColumn.RELATED_LAYERS, len(related))
    related["neuron"] = _exactly(row, WeightColumn.RELATED_NEURONS, len(related))
    related["cosine"] = _exactly(row, WeightColumn.RELATED_COSINES, len(related))
    return NeuronWeights(tokens, related)


def unpack_index(row: pa.Table) -> pd.DataFrame:
    keys = [
        (each.vector.value, each.matrix.value, each.sign, None, None)
        if isinstance(each, TokenList)
        else (None, None, None, each.case.column, each.before)
        for each in INDEX_LISTS
    ]
    found = _repeat(keys, ["vector", "matrix", "sign", "case", "before"], row, TokenColumn.SIZES)
    found["layer"] = _exactly(row, TokenColumn.LAYERS, len(found))
    found["neuron"] = _exactly(row, TokenColumn.NEURONS, len(found))
    found["value"] = _exactly(row, TokenColumn.VALUES, len(found))
    return found


def _repeat(keys: Sequence[tuple], names: list[str], row: pa.Table, column: str) -> pd.DataFrame:
    """Each key as often as its list is long, and the rank within the list; no rows where lists were not computed."""
    sizes = values_of(row, column)
    _fits(row, len(sizes) <= len(keys) and bool((sizes >= 0).all()))
    rows = [(*key, rank) for key, size in zip(keys, sizes, strict=False) for rank in range(int(size))]
    return pd.DataFrame(rows, columns=[*names, "rank"])

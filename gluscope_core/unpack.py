"""Rows that hold several lists end to end, taken apart into data frames with one row per entry."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from gluscope_core.columns import TokenColumn, WeightColumn, WindowColumn
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
    frame = _keys(LISTS, [len(values) for values in columns[Field.VALUES]])
    for name, field in (("value", Field.VALUES), ("text", Field.INDICES), ("position", Field.POSITIONS)):
        frame[name] = np.concatenate(columns[field])
    return frame


def unpack_windows(row: pa.Table) -> pd.DataFrame:
    """The packed row of one neuron, one row per example."""
    frame = _keys(LISTS, values_of(row, WindowColumn.LIST_SIZES))
    frame["value"] = values_of(row, WindowColumn.VALUES)
    frame["text"] = values_of(row, WindowColumn.INDICES)
    frame["position"] = values_of(row, WindowColumn.POSITIONS)
    frame["start"] = values_of(row, WindowColumn.STARTS)
    bounds = np.cumsum(values_of(row, WindowColumn.LENGTHS), dtype=np.int64)[:-1]
    for name in (WindowColumn.TOKENS, WindowColumn.GATE, WindowColumn.IN):
        frame[name.value] = np.split(values_of(row, name), bounds) if len(frame) else []
    return frame


def _keys(lists: Sequence[ExampleList], sizes: Sequence[int] | np.ndarray) -> pd.DataFrame:
    rows = [
        (each.case.column, each.quantity.value if each.quantity else None, rank)
        for each, size in zip(lists, sizes, strict=True)
        for rank in range(int(size))
    ]
    return pd.DataFrame(rows, columns=["case", "quantity", "rank"])


def unpack_weights(row: pa.Table) -> NeuronWeights:
    tokens = _repeat(
        [(each.vector.value, each.matrix.value, each.sign) for each in TOKEN_LISTS],
        ["vector", "matrix", "sign"],
        values_of(row, WeightColumn.TOKEN_SIZES),
    )
    for name, column in (("token", WeightColumn.TOKENS), ("dot", WeightColumn.DOTS), ("cosine", WeightColumn.COSINES)):
        tokens[name] = values_of(row, column)
    related = _repeat(
        [(relation.value,) for relation in RELATIONS], ["relation"], values_of(row, WeightColumn.RELATED_SIZES)
    )
    related["layer"] = values_of(row, WeightColumn.RELATED_LAYERS)
    related["neuron"] = values_of(row, WeightColumn.RELATED_NEURONS)
    related["cosine"] = values_of(row, WeightColumn.RELATED_COSINES)
    return NeuronWeights(tokens, related)


def unpack_index(row: pa.Table) -> pd.DataFrame:
    keys = [
        (each.vector.value, each.matrix.value, each.sign, None, None)
        if isinstance(each, TokenList)
        else (None, None, None, each.case.column, each.before)
        for each in INDEX_LISTS
    ]
    found = _repeat(keys, ["vector", "matrix", "sign", "case", "before"], values_of(row, TokenColumn.SIZES))
    found["layer"] = values_of(row, TokenColumn.LAYERS)
    found["neuron"] = values_of(row, TokenColumn.NEURONS)
    found["value"] = values_of(row, TokenColumn.VALUES)
    return found


def _repeat(keys: Sequence[tuple], names: list[str], sizes: np.ndarray) -> pd.DataFrame:
    """Each key as often as its list is long, and the rank within the list; no rows where lists were not computed."""
    rows = [(*key, rank) for key, size in zip(keys, sizes, strict=False) for rank in range(int(size))]
    return pd.DataFrame(rows, columns=[*names, "rank"])

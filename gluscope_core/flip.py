"""The other sign convention: what a neuron's figures become when its w_in and w_out both change sign."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from gluscope_core.columns import NeuronColumn
from gluscope_core.unpack import NeuronWeights
from gluscope_core.vocabulary import (
    CASES,
    LISTS,
    QUANTITIES,
    TOKEN_LISTS,
    Case,
    Quantity,
    Relation,
    Stat,
    Vector,
    count_column,
    freq_column,
    freq_se_column,
    post_in_column,
    stat_column,
)

_NEGATED = (NeuronColumn.COS_GATE_IN, NeuronColumn.COS_GATE_OUT, NeuronColumn.UNEMBED_SKEW, NeuronColumn.FIRST_IN)
_TURNED = (Quantity.POST, Quantity.IN)
_BY_CASE = (freq_column, freq_se_column, count_column, post_in_column)
_OPPOSITE = {Stat.MIN: Stat.MAX, Stat.MAX: Stat.MIN}

_OWN_SIGN = {Relation.NEAR_IN, Relation.NEAR_OUT, Relation.READ_BY_GATE, Relation.READ_BY_IN, Relation.IN_READS}
"""Relations by this neuron's w_in or w_out."""
_OTHER_SIGN = {Relation.NEAR_IN, Relation.NEAR_OUT, Relation.READ_BY_IN, Relation.GATE_READS, Relation.IN_READS}
"""Relations by the w_in or w_out of the other."""

IsFlipped = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Of neurons by layer and number: 1 where the other convention turns them round too, 0 where not, NaN unknown."""


def _sources() -> dict[str, tuple[str, int]]:
    found = {column.value: (column.value, -1) for column in _NEGATED}
    for case in CASES:
        found |= {column(case): (column(case.mirrored), 1) for column in _BY_CASE}
        for quantity in QUANTITIES:
            for stat in Stat:
                found[stat_column(case, quantity, stat)] = _source_of_stat(case.mirrored, quantity, stat)
    return found


def _source_of_stat(case: Case, quantity: Quantity, stat: Stat) -> tuple[str, int]:
    if quantity not in _TURNED or stat is Stat.STD:
        return stat_column(case, quantity, stat), 1
    return stat_column(case, quantity, _OPPOSITE.get(stat, stat)), -1


_SOURCES = _sources()
"""Columns of the neurons table that turn: which column the other convention has in their place, and its sign there."""


def flip_figures(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the neurons table."""
    flipped = {name: _signed(row[source], sign) for name, (source, sign) in _SOURCES.items()}
    return {**row, **flipped}


def _signed(value: float | None, sign: int) -> float | None:
    return None if value is None else sign * value


def sources_of(columns: Iterable[str]) -> tuple[str, ...]:
    """What has to be read beside columns for `turned`."""
    return tuple(_SOURCES[name][0] for name in columns if name in _SOURCES)


def turned(neurons: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """Columns of all neurons in the other convention, by the column `flipped`; NaN where that is not known."""
    flipped = neurons[NeuronColumn.FLIPPED].to_numpy(dtype=np.float64, na_value=np.nan)
    found = {}
    for name in columns:
        source, sign = _SOURCES.get(name, (name, 1))
        here, there = (neurons[each].to_numpy(dtype=np.float64, na_value=np.nan) for each in (name, source))
        found[name] = np.where(np.isnan(flipped), np.nan, np.where(flipped == 1, sign * there, here))
    return neurons.assign(**found)


def flip_examples(examples: pd.DataFrame) -> pd.DataFrame:
    """The lists, and the windows where there are any."""
    flipped = examples.copy()
    mirrored = {case.column: case.mirrored.column for case in CASES}
    flipped["case"] = [mirrored[name] for name in examples["case"]]
    turned = examples["quantity"].isna() | examples["quantity"].isin([quantity.value for quantity in _TURNED])
    flipped["value"] = np.where(turned, -examples["value"], examples["value"])
    if "in" in examples:
        flipped["in"] = [-values for values in examples["in"]]
    order = {(each.case.column, each.quantity): number for number, each in enumerate(LISTS)}
    places = [order[key] for key in zip(flipped["case"], _quantities(flipped), strict=True)]
    return flipped.iloc[np.argsort(places, kind="stable")].reset_index(drop=True)


def _quantities(examples: pd.DataFrame) -> list[Quantity | None]:
    return [Quantity(name) if isinstance(name, str) else None for name in examples["quantity"]]


def flip_samples(samples: pd.DataFrame) -> pd.DataFrame:
    return samples.assign(**{"in": -samples["in"]})


def convert_weights(weights: NeuronWeights, *, own: bool, others: IsFlipped) -> NeuronWeights:
    """`own`: whether this neuron is turned round. A cosine with another changes with each of the two that is; where
    the other is not known, the column `certain` is False and the sign is that of before."""
    related = weights.related
    turned = others(related["layer"].to_numpy(), related["neuron"].to_numpy())
    by_other = _is_one_of(related, _OTHER_SIGN)
    changes = (own & _is_one_of(related, _OWN_SIGN)) ^ (by_other & (turned == 1))
    return replace(
        weights,
        tokens=_flip_tokens(weights.tokens) if own else weights.tokens,
        related=related.assign(
            cosine=np.where(changes, -related["cosine"], related["cosine"]), certain=~(by_other & np.isnan(turned))
        ),
    )


def _is_one_of(related: pd.DataFrame, relations: set[Relation]) -> np.ndarray:
    return related["relation"].isin([relation.value for relation in relations]).to_numpy(bool)


def _flip_tokens(tokens: pd.DataFrame) -> pd.DataFrame:
    """The lists for and against change places, of the vectors that are turned round."""
    turned = tokens["vector"].isin([vector.value for vector in Vector if vector.changes_sign])
    sign = np.where(turned, -1, 1)
    flipped = tokens.assign(**{name: tokens[name].to_numpy() * sign for name in ("sign", "dot", "cosine")})
    order = {(each.vector.value, each.matrix.value, each.sign): number for number, each in enumerate(TOKEN_LISTS)}
    keys = zip(flipped["vector"], flipped["matrix"], flipped["sign"], strict=True)
    return flipped.iloc[np.argsort([order[key] for key in keys], kind="stable")].reset_index(drop=True)


def flip_index(found: pd.DataFrame, flipped: IsFlipped) -> pd.DataFrame:
    """The neurons of a token: those that are turned round point the other way, by the vectors that turn. Lists hold the
    strongest in the signs that they were made in, so a converted one may lack some."""
    turns = found["vector"].isin([vector.value for vector in Vector if vector.changes_sign]).to_numpy(bool)
    turned = turns & (flipped(found["layer"].to_numpy(), found["neuron"].to_numpy()) == 1)
    sign = np.where(turned, -1, 1)
    flipped_lists = found.assign(sign=found["sign"] * sign, value=found["value"] * sign)
    lists = flipped_lists.groupby(["vector", "matrix", "sign", "case", "before"], dropna=False, sort=False)
    strength = flipped_lists["value"] * flipped_lists["sign"].fillna(1)
    order = np.lexsort((-strength, lists.ngroup()))
    ordered = flipped_lists.iloc[order].reset_index(drop=True)
    keys = [ordered[name] for name in ("vector", "matrix", "sign", "case", "before")]
    return ordered.assign(rank=ordered.groupby(keys, dropna=False, sort=False).cumcount())

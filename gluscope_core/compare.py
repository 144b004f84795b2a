"""Two neurons: the cosines between their vectors that a dataset holds, and how their activations go together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gluscope_core.activations import Activation
from gluscope_core.columns import NeuronColumn
from gluscope_core.ids import NeuronId
from gluscope_core.schema import LAYER, NEURON
from gluscope_core.vocabulary import QUANTITIES, VECTORS, Quantity, Relation, Vector

_ENDS = {
    Relation.NEAR_GATE: (Vector.GATE, Vector.GATE),
    Relation.NEAR_IN: (Vector.IN, Vector.IN),
    Relation.NEAR_OUT: (Vector.OUT, Vector.OUT),
    Relation.READ_BY_GATE: (Vector.OUT, Vector.GATE),
    Relation.READ_BY_IN: (Vector.OUT, Vector.IN),
    Relation.GATE_READS: (Vector.GATE, Vector.OUT),
    Relation.IN_READS: (Vector.IN, Vector.OUT),
}
"""Of which vector of a neuron with which of the other a relation's cosine is."""
_FORWARDS, _BACKWARDS = {Relation.READ_BY_GATE, Relation.READ_BY_IN}, {Relation.GATE_READS, Relation.IN_READS}
_OF_ONE = {
    NeuronColumn.COS_GATE_IN: (Vector.GATE, Vector.IN),
    NeuronColumn.COS_GATE_OUT: (Vector.GATE, Vector.OUT),
    NeuronColumn.COS_IN_OUT: (Vector.IN, Vector.OUT),
}
_FEWEST_TOKENS, _FEWEST_TEXTS = 3, 10
_DRAWS, _BAND = 1000, (2.5, 97.5)


@dataclass(frozen=True)
class Cosine:
    value: float
    certain: bool = True
    """Whether its sign is known in the convention that is shown."""


def known_cosines(
    one: NeuronId, other: NeuronId, of_one: pd.DataFrame, of_other: pd.DataFrame
) -> dict[tuple[Vector, Vector], Cosine]:
    """By a vector of the first and one of the second, from the related neurons of both; most pairs are in no list."""
    found = {}
    for listed, wanted, turned in ((of_other, one, True), (of_one, other, False)):
        here = listed.loc[(listed[LAYER] == wanted.layer) & (listed[NEURON] == wanted.neuron)]
        for row in here.to_dict("records"):
            ends = _ENDS.get(Relation(row["relation"]))
            if ends is not None:
                found[ends[::-1] if turned else ends] = Cosine(float(row["cosine"]), bool(row.get("certain", True)))
    return found


@dataclass(frozen=True)
class Limit:
    """Of a pair in neither list: it is weaker than what they end with."""

    value: float
    of_magnitude: bool
    """Else of the cosine itself, which may be far below 0."""


def limits(
    one: NeuronId, other: NeuronId, of_one: pd.DataFrame, of_other: pd.DataFrame, length: int
) -> dict[tuple[Vector, Vector], Limit]:
    """What follows for the cosines that `known_cosines` does not have. A list of fewer than `length` neurons ends for
    want of them, and says nothing of others."""
    ends: dict[tuple[Vector, Vector], list[float]] = {}
    for listed, mine, theirs, turned in ((of_one, one, other, False), (of_other, other, one, True)):
        for relation, pair in _ENDS.items():
            weakest = _weakest(listed, relation, length) if _may_hold(relation, mine, theirs) else None
            if weakest is not None:
                ends.setdefault((pair[1], pair[0]) if turned else pair, []).append(weakest)
    known = known_cosines(one, other, of_one, of_other)
    return {
        pair: Limit(min(found), of_magnitude=pair != _ENDS[Relation.NEAR_GATE])
        for pair, found in ends.items()
        if len(found) == 2 and pair not in known  # both lists are full
    }


def _may_hold(relation: Relation, mine: NeuronId, theirs: NeuronId) -> bool:
    """Neighbours are of any layer; what a neuron writes is read by later ones only."""
    if relation in _FORWARDS:
        return theirs.layer > mine.layer
    return theirs.layer < mine.layer if relation in _BACKWARDS else True


def _weakest(listed: pd.DataFrame, relation: Relation, length: int) -> float | None:
    cosines = listed.loc[listed["relation"] == relation.value, "cosine"].to_numpy(np.float64)
    if len(cosines) < max(1, length):
        return None
    return float(np.min(cosines if relation is Relation.NEAR_GATE else np.abs(cosines)))


def own_cosines(row: Mapping[str, Any]) -> dict[tuple[Vector, Vector], Cosine]:
    """Of a neuron's vectors with one another, from its row; with itself each has 1, save where the row has none."""
    found = {}
    for name, pair in _OF_ONE.items():
        if row[name] is not None:
            found |= dict.fromkeys((pair, pair[::-1]), Cosine(float(row[name])))
    return found | {(vector, vector): Cosine(1.0) for vector in VECTORS if any(vector in pair for pair in found)}


@dataclass(frozen=True)
class Together:
    """Pearson's r over tokens that both neurons were sampled at; `value` is None where `problem` says why."""

    value: float | None
    interval: tuple[float, float] | None = None
    """95 % of what resampled texts give, since tokens of one text are no independent draws; none for few texts."""
    problem: str = ""


@dataclass(frozen=True)
class Shared:
    """The activations of two neurons at the same tokens."""

    tokens: int
    texts: int
    by_quantity: Mapping[Quantity, Together]


def correlations(one: pd.DataFrame, other: pd.DataFrame, act: Activation, seed: int = 0) -> Shared:
    """Of samples as a dataset gives them, matched by text and position."""
    both = one.merge(other, on=["text", "position"], suffixes=("_one", "_other"))
    quantities = [_quantities(both, end, act) for end in ("_one", "_other")]
    texts, numbers = np.unique(both["text"].to_numpy(), return_inverse=True)
    draws = _draws(len(texts), seed)
    found = {
        quantity: _together(quantities[0][quantity], quantities[1][quantity], numbers, draws) for quantity in QUANTITIES
    }
    return Shared(len(both), len(texts), found)


def _quantities(both: pd.DataFrame, end: str, act: Activation) -> dict[Quantity, np.ndarray]:
    gate, x_in = (both[name + end].to_numpy(np.float64) for name in ("gate", "in"))
    with np.errstate(invalid="ignore", over="ignore"):
        acted = act(gate)
        return {Quantity.GATE: gate, Quantity.IN: x_in, Quantity.ACT: acted, Quantity.POST: acted * x_in}


def _draws(texts: int, seed: int) -> np.ndarray:
    """How often each text is drawn, one row per resample."""
    if texts < _FEWEST_TEXTS:
        return np.zeros((0, texts))
    return np.random.default_rng(seed).multinomial(texts, np.full(texts, 1 / texts), size=_DRAWS).astype(np.float64)


def _together(x: np.ndarray, y: np.ndarray, texts: np.ndarray, draws: np.ndarray) -> Together:
    finite = np.isfinite(x) & np.isfinite(y)
    x, y, texts = x[finite], y[finite], texts[finite]
    if len(x) < _FEWEST_TOKENS:
        return Together(None, problem=f"{len(x)} shared tokens are too few")
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return Together(None, problem="one of the two is constant")
    x, y = x - x.mean(), y - y.mean()
    sums = _sums_by_text(x, y, texts, draws.shape[1])
    value = float(_pearson(sums.sum(axis=0)))
    if not len(draws):
        return Together(value)
    with np.errstate(invalid="ignore", divide="ignore"):
        resampled = _pearson(draws @ sums)
    low, high = np.percentile(resampled[np.isfinite(resampled)], _BAND)
    return Together(value, (float(low), float(high)))


def _sums_by_text(x: np.ndarray, y: np.ndarray, texts: np.ndarray, count: int) -> np.ndarray:
    """n, Σx, Σy, Σxx, Σyy, Σxy of each text: what a correlation needs, and what adds up."""
    terms = (np.ones(len(x)), x, y, x * x, y * y, x * y)
    return np.stack([np.bincount(texts, weights=term, minlength=count) for term in terms], axis=1)


def _pearson(sums: np.ndarray) -> np.ndarray:
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    return np.clip((xy - x * y / n) / np.sqrt((xx - x * x / n) * (yy - y * y / n)), -1, 1)

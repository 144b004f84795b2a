"""The neurons that a query finds, in order, and which of its conditions leaves how many."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gluscope_core.columns import NeuronColumn
from gluscope_core.dataset import Dataset
from gluscope_core.io_classes import classify
from gluscope_core.metrics import Metric
from gluscope_core.pairs import parse_layers
from gluscope_core.query import CLASS, FIRES, LAYERS, NO_ROLE, ROLE, TOKEN, VECTOR, Firing, Order, Query, Range
from gluscope_core.schema import COSINES, LAYER, NEURON
from gluscope_core.vocabulary import CASES, freq_column

COSINE, EXAMPLES, LISTS = "cosine", "examples", "lists"
"""Columns of what a neuron has to do with the token: its strongest cosine, its largest number of examples, and the
lists of the token in which it stands."""
ReadColumns = Callable[[tuple[str, ...]], pd.DataFrame]


@dataclass(frozen=True)
class Found:
    """What a query finds."""

    neurons: pd.DataFrame
    """In order: `layer`, `neuron`, four frequencies, `io_class`, `role`, the metrics of ranges and order by key, and
    with a token `cosine`, `examples` and `lists`."""
    alone: Mapping[str, int]
    """Of each condition, by its key: how many neurons meet it."""
    without: Mapping[str, int]
    """How many would be found without it."""


def apply(query: Query, dataset: Dataset, token: int | None = None, read: ReadColumns | None = None) -> Found:
    """`token` is what the query's string means; `read` gives columns of all neurons."""
    frame = (read or dataset.neurons)(columns_of(query))
    classes = _classes(query, frame)
    listed = _listed(query, dataset.token_neurons(token)) if query.token and token is not None else None
    masks = dict(_conditions(query, frame, classes, dataset.manifest.layers))
    if listed is not None:
        masks |= _of_token(query, frame, listed)
    elif query.token:
        masks[TOKEN] = np.zeros(len(frame), dtype=bool)
    chosen = _all_of(masks.values(), len(frame))
    neurons = _shown(query, frame.loc[chosen], classes[chosen])
    if listed is not None:
        neurons = neurons.merge(_by_neuron(listed), on=[LAYER, NEURON], how="left")
    alone = {key: int(mask.sum()) for key, mask in masks.items()}
    without = {
        key: int(_all_of((mask for other, mask in masks.items() if other != key), len(frame)).sum()) for key in masks
    }
    return Found(_ordered(neurons, query), alone, without)


def columns_of(query: Query) -> tuple[str, ...]:
    """What has to be read of all neurons."""
    needed = [LAYER, NEURON, *map(freq_column, CASES), NeuronColumn.IO_CLASS, NeuronColumn.ROLE]
    if query.threshold is not None:
        needed += COSINES
    for metric in metrics_of(query):
        needed += metric.columns
    return tuple(dict.fromkeys(map(str, needed)))


def metrics_of(query: Query) -> list[Metric]:
    """Those of ranges, and that of the order."""
    ordered = [query.order.metric] if query.order and query.order.metric else []
    return list({metric.key: metric for metric in (*(each.metric for each in query.ranges), *ordered)}.values())


def _classes(query: Query, frame: pd.DataFrame) -> pd.Series:
    """As the dataset has them, or by the query's own threshold."""
    if query.threshold is None:
        return pd.Series(frame[NeuronColumn.IO_CLASS])
    cosines = (frame[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in COSINES)
    return pd.Series(classify(*cosines, threshold=query.threshold), index=frame.index)


def _conditions(
    query: Query, frame: pd.DataFrame, classes: pd.Series, layers: Sequence[int]
) -> Iterator[tuple[str, np.ndarray]]:
    if query.classes:
        yield CLASS, classes.isin([each.value for each in query.classes]).to_numpy(dtype=bool)
    if query.roles:
        roles = frame[NeuronColumn.ROLE]
        with_role = roles.isin([each for each in query.roles if each != NO_ROLE])
        yield ROLE, (with_role | roles.isna() if NO_ROLE in query.roles else with_role).to_numpy(dtype=bool)
    if query.layers:
        yield LAYERS, np.isin(frame[LAYER].to_numpy(), parse_layers(query.layers, layers))
    for each in query.ranges:
        yield each.metric.key, _within(each, frame)


def _within(wanted: Range, frame: pd.DataFrame) -> np.ndarray:
    """A neuron without the figure lies in no range."""
    values = wanted.metric.values(frame)
    inside = ~np.isnan(values)
    if wanted.low is not None:
        inside &= values >= wanted.low
    if wanted.high is not None:
        inside &= values <= wanted.high
    return inside


def _listed(query: Query, lists: pd.DataFrame) -> pd.DataFrame:
    """The entries of a token's lists that a query is about."""
    points, fires = lists["vector"].notna(), lists["case"].notna()
    pointing, firing = query.pointing, query.fires
    if pointing is not None:
        for name, wanted in (("vector", pointing.vector), ("matrix", pointing.matrix), ("sign", pointing.sign)):
            points &= True if wanted is None else lists[name] == wanted
    if firing is not None:
        fires &= True if firing.case is None else lists["case"] == firing.case.column
        fires &= True if firing.where is Firing.ANY else lists["before"].eq(firing.where is Firing.BEFORE)
    if pointing is not None and firing is None:
        fires &= False
    if firing is not None and pointing is None:
        points &= False
    return lists.loc[points | fires]


def _of_token(query: Query, frame: pd.DataFrame, listed: pd.DataFrame) -> dict[str, np.ndarray]:
    """Where both kinds of lists are asked for, a neuron has to be in both."""
    points, fires = (listed.loc[listed[name].notna()] for name in ("vector", "case"))
    if query.pointing is not None and query.fires is not None:
        return {VECTOR: _among(frame, points), FIRES: _among(frame, fires)}
    return {TOKEN: _among(frame, listed)}


def _among(frame: pd.DataFrame, entries: pd.DataFrame) -> np.ndarray:
    return np.isin(_numbers(frame), _numbers(entries))


def _numbers(frame: pd.DataFrame) -> np.ndarray:
    """One per neuron."""
    return frame[LAYER].to_numpy(np.int64) << 32 | frame[NEURON].to_numpy(np.int64)


def _by_neuron(listed: pd.DataFrame) -> pd.DataFrame:
    """One row per neuron, its lists in the order of the vocabulary."""
    by_neuron: dict[tuple[int, int], list[dict]] = defaultdict(list)
    for entry in listed.to_dict("records"):
        by_neuron[entry[LAYER], entry[NEURON]].append(entry)
    rows = []
    for (layer, neuron), entries in by_neuron.items():
        cosines = [float(each["value"]) for each in entries if isinstance(each["vector"], str)]
        counts = [float(each["value"]) for each in entries if isinstance(each["case"], str)]
        cosine = max(cosines, key=abs, default=np.nan)
        rows.append((layer, neuron, cosine, max(counts, default=np.nan), entries))
    columns = pd.Index([LAYER, NEURON, COSINE, EXAMPLES, LISTS])
    return pd.DataFrame(rows, columns=columns).astype({LAYER: "int32", NEURON: "int32"})


def _all_of(masks: Iterable[np.ndarray], size: int) -> np.ndarray:
    chosen = np.ones(size, dtype=bool)
    for mask in masks:
        chosen &= mask
    return chosen


def _shown(query: Query, frame: pd.DataFrame, classes: pd.Series) -> pd.DataFrame:
    shown = frame.loc[:, [LAYER, NEURON, *map(freq_column, CASES), NeuronColumn.ROLE]]
    metrics = {metric.key: metric.values(frame) for metric in metrics_of(query) if metric.key != LAYER}
    return shown.assign(**{NeuronColumn.IO_CLASS: classes}, **metrics)


def _ordered(neurons: pd.DataFrame, query: Query) -> pd.DataFrame:
    """Those that lack what they are ordered by come last; of equals the lower id first."""
    order = query.order or (Order(None, descending=True) if COSINE in neurons else None)
    keys = [neurons[NEURON].to_numpy(), neurons[LAYER].to_numpy()]
    if order is not None and order.metric is None:
        keys += [-_sign(order) * neurons[name].abs().to_numpy(np.float64) for name in (EXAMPLES, COSINE)]
    elif order is not None and order.metric is not None:
        keys.append(-_sign(order) * neurons[order.metric.key].to_numpy(np.float64))
    return neurons.iloc[np.lexsort(keys)].reset_index(drop=True)


def _sign(order: Order) -> int:
    return 1 if order.descending else -1

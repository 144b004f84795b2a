"""Two datasets' layers: what may be compared of them, and the other's figures in the signs of the first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gluscope_core.columns import NeuronColumn
from gluscope_core.flip import sources_of, turned
from gluscope_core.io_classes import IO_CLASSES, class_codes
from gluscope_core.manifest import Manifest
from gluscope_core.metrics import Metric, Source, available
from gluscope_core.neuron_view import flips_are_known
from gluscope_core.schema import COSINES, LAYER
from gluscope_core.vocabulary import IOClass, SignConvention

ReadColumns = Callable[[tuple[str, ...]], pd.DataFrame]


def signs_of(metric: Metric, manifest: Manifest) -> SignConvention:
    """In which a metric stands; where those of activations are not known, what weights say has its own."""
    if metric.source is Source.WEIGHTS and manifest.weights:
        return manifest.weights.sign_convention
    return manifest.sign_convention


def why_weights_differ(one: Manifest, other: Manifest) -> str | None:
    if one.coordinates is other.coordinates:
        return None
    return f"their coordinates differ ({one.coordinates} and {other.coordinates}), so vectors do not mean the same"


def why_not_compared(metric: Metric, one: Manifest, other: Manifest) -> str | None:
    """None where the figures of both mean the same, or can be made to."""
    if metric.source in (Source.WEIGHTS, Source.BOTH) and (problem := why_weights_differ(one, other)):
        return problem
    ours, theirs = signs_of(metric, one), signs_of(metric, other)
    if not metric.turns or (ours is theirs and ours is not SignConvention.UNKNOWN):
        return None
    if SignConvention.UNKNOWN in (ours, theirs):
        return "they change with the signs of w_in and w_out, which are not known of both"
    return None if flips_are_known(other) else f"nobody knows how to turn the other's signs, {theirs}, to {ours} ones"


@dataclass(frozen=True)
class Comparable:
    """The metrics that both datasets have."""

    metrics: Mapping[str, Metric]
    problems: Mapping[str, int]
    """Why some are left out, and how many for each reason."""


def comparable(one: Manifest, other: Manifest) -> Comparable:
    theirs = {metric.key for metric in available(other)}
    both = [metric for metric in available(one) if metric.key in theirs and metric.key != LAYER]
    reasons = {metric.key: why_not_compared(metric, one, other) for metric in both}
    problems = [reason for reason in reasons.values() if reason]
    return Comparable(
        {metric.key: metric for metric in both if not reasons[metric.key]},
        {reason: problems.count(reason) for reason in dict.fromkeys(problems)},
    )


def neurons_in_signs(metric: Metric, manifest: Manifest, read: ReadColumns, wanted: SignConvention) -> pd.DataFrame:
    """The columns of a metric, of all neurons of a dataset."""
    if not metric.turns or signs_of(metric, manifest) is wanted:
        return read((LAYER, *metric.columns))
    needed = dict.fromkeys((LAYER, NeuronColumn.FLIPPED.value, *metric.columns, *sources_of(metric.columns)))
    return turned(read(tuple(needed)), metric.columns)


def of_class(neurons: pd.DataFrame, kind: IOClass, threshold: float) -> pd.Series:
    """By layer: 1 for each neuron of a class, 0 for one of another; those that have none are left out."""
    cosines = (neurons[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in COSINES)
    codes = class_codes(*cosines, threshold=threshold)
    here = codes == IO_CLASSES.index(kind)
    return pd.Series(here.astype(np.float64), neurons[LAYER].to_numpy())[codes >= 0]

"""The catalogue of metrics: every number per neuron that can be set against another, and what each is made of."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, partial

import numpy as np
import pandas as pd

from gluscope_core import token_means
from gluscope_core.columns import NeuronColumn
from gluscope_core.manifest import Manifest
from gluscope_core.original.columns import OTHER_EXTREMES, RECORDED
from gluscope_core.schema import LAYER
from gluscope_core.vocabulary import (
    CASES,
    Case,
    Quantity,
    Stat,
    case_quantities,
    freq_column,
    freq_se_column,
    stat_column,
)

SIGN_MARK = " ±"
"""After the name of what turns with the nearly arbitrary sign of w_in and w_out."""


Within = tuple[Case, Quantity, Stat]


class Source(StrEnum):
    """The stages without which a metric has no values."""

    ANY = "any"
    TEXTS = "run"
    WEIGHTS = "weights"
    BOTH = "run and weights"


class Unit(StrEnum):
    """What a metric is counted in; the first is completed by the dataset's denominator."""

    SHARE = "share of counted tokens"
    COSINE = "cosine"
    NONE = ""


@dataclass(frozen=True)
class Metric:
    """One number per neuron."""

    key: str
    """In addresses."""
    name: str
    meaning: str
    source: Source
    columns: tuple[str, ...]
    """That it is computed from."""
    compute: Callable[[pd.DataFrame], np.ndarray]
    unit: Unit = Unit.NONE
    turns: bool = False
    """Whether it changes when w_in and w_out both change sign."""
    cases: frozenset[Case] = frozenset()
    """For a frequency: the cases that it adds up."""
    within: Within | None = None
    """For a figure of one case."""

    @property
    def label(self) -> str:
        return self.name + SIGN_MARK * self.turns

    @property
    def error_columns(self) -> tuple[str, ...]:
        return tuple(freq_se_column(case) for case in CASES if case in self.cases)

    def values(self, frame: pd.DataFrame) -> np.ndarray:
        """float64, NaN where there is none."""
        return np.asarray(self.compute(frame), dtype=np.float64)

    def errors(self, frame: pd.DataFrame) -> np.ndarray | None:
        """Standard errors of a frequency. Cases of one neuron are not independent, and their covariance is not
        recorded, so that of a sum is bounded from above by the sum of errors."""
        if not self.cases:
            return None
        return sum((_column(name)(frame) for name in self.error_columns), np.zeros(len(frame)))

    def axis(self, manifest: Manifest) -> str:
        """Title of an axis, with the denominator."""
        if self.unit is Unit.SHARE and manifest.counted_tokens is not None:
            return f"{self.meaning} (share of {manifest.counted_tokens:,} counted tokens)"
        return f"{self.meaning} ({self.unit})" if self.unit else self.meaning


def available(manifest: Manifest) -> tuple[Metric, ...]:
    """Those that the stages of a dataset can have filled."""
    return tuple(
        metric
        for metric in METRICS
        if not missing_stages(metric.source, manifest) and (manifest.imported is None or _is_recorded(metric))
    )


def _is_recorded(metric: Metric) -> bool:
    """Whether the original program kept what a metric is computed from, or it follows with what weights say."""
    lacking = set(metric.columns) - RECORDED - {NeuronColumn.MEAN_POST_SKEW}
    of_both_extremes = len(metric.columns) > 1 and lacking <= OTHER_EXTREMES
    return metric.source is Source.WEIGHTS or not lacking or of_both_extremes


def missing_stages(source: Source, manifest: Manifest) -> list[str]:
    """The stages that a metric of this source needs and the dataset lacks."""
    needs_run = source in (Source.TEXTS, Source.BOTH) and manifest.activations is None
    needs_weights = source in (Source.WEIGHTS, Source.BOTH) and manifest.weights is None
    return ["run"] * needs_run + ["weights"] * needs_weights


def find(name: str) -> Metric | None:
    """By key, by label, or by the name of the only column that it is."""
    return _by_name().get(name)


@cache
def _by_name() -> dict[str, Metric]:
    by_column = {metric.columns[0]: metric for metric in METRICS if len(metric.columns) == 1}
    return by_column | {name: metric for metric in METRICS for name in (metric.key, metric.label, metric.name)}


def _column(name: str) -> Callable[[pd.DataFrame], np.ndarray]:
    return lambda frame: frame[name].to_numpy(dtype=np.float64, na_value=np.nan)


def _frequencies() -> Iterator[Metric]:
    gate_positive = frozenset(case for case in CASES if case.gate_sign > 0)
    in_positive = frozenset(case for case in CASES if case.in_sign > 0)
    same = frozenset(case for case in CASES if case.gate_sign == case.in_sign)
    yield _frequency("freq_gate_pos", "x_gate > 0", gate_positive, turns=False)
    yield _frequency("freq_in_pos", "x_in > 0", in_positive)
    yield _frequency("freq_same_sign", "x_gate · x_in > 0", same)
    for case in CASES:
        yield _frequency(f"freq_{case.code}", case.label, frozenset([case]))


def _frequency(key: str, what: str, cases: frozenset[Case], *, turns: bool = True) -> Metric:
    columns = tuple(freq_column(case) for case in CASES if case in cases)
    return Metric(
        key,
        f"freq({what})",
        f"frequency of {what}",
        Source.TEXTS,
        columns,
        lambda frame: np.sum([_column(name)(frame) for name in columns], axis=0),
        Unit.SHARE,
        turns,
        cases,
    )


def _over_all_tokens() -> Iterator[Metric]:
    for figure in token_means.FIGURES:
        yield Metric(
            figure.key,
            figure.name,
            f"{figure.meaning}, over all counted tokens",
            Source.TEXTS,
            figure.columns,
            partial(token_means.compute, figure),
            turns=figure.turns,
        )


def _within_cases() -> Iterator[Metric]:
    words = {Stat.MEAN: "mean", Stat.STD: "standard deviation", Stat.MIN: "least", Stat.MAX: "largest"}
    for case, quantity in case_quantities():
        for stat in Stat:
            name = stat_column(case, quantity, stat)
            yield Metric(
                f"{case.code}_{quantity.label}_{stat}",
                f"{stat} {quantity.label}, {case.label}",
                f"{words[stat]} {quantity.label} within {case.label}",
                Source.TEXTS,
                (name,),
                _column(name),
                turns=True,
                within=(case, quantity, stat),
            )


def _single(
    column: NeuronColumn, name: str, meaning: str, source: Source, unit: Unit = Unit.NONE, *, turns: bool = False
) -> Metric:
    return Metric(column.value, name, meaning, source, (column.value,), _column(column.value), unit, turns)


def _weights() -> Iterator[Metric]:
    column = NeuronColumn
    for name, ends, turns in (
        (column.COS_IN_OUT, "w_in, w_out", False),
        (column.COS_GATE_IN, "w_gate, w_in", True),
        (column.COS_GATE_OUT, "w_gate, w_out", True),
    ):
        yield _single(name, f"cos({ends})", f"cos({ends})", Source.WEIGHTS, turns=turns)
    for name in (column.NORM_GATE, column.NORM_IN, column.NORM_OUT):
        vector = name.value.replace("norm", "w")
        yield _single(name, f"‖{vector}‖", f"length of {vector}", Source.WEIGHTS)
    tokens = "of cos(w_out, W_U) over the vocabulary"
    for name, word, turns in (
        (column.UNEMBED_VARIANCE, "variance", False),
        (column.UNEMBED_SKEW, "skewness", True),
        (column.UNEMBED_KURTOSIS, "excess kurtosis", False),
    ):
        yield _single(name, f"{word} of cos(w_out, W_U)", f"{word} {tokens}", Source.WEIGHTS, turns=turns)
    double = "least cosine with the token that w_gate and w_in share most"
    yield _single(column.DOUBLE_CHECK, "double check", double, Source.WEIGHTS)
    share = "share of ‖w_out‖² in the weakest directions of W_U"
    yield _single(column.ENTROPY_SHARE, "entropy score", share, Source.WEIGHTS)
    heads = "largest cosine of w_out with what seeks the first token, heads of"
    yield _single(column.ATTENTION_NEXT_LAYER, "attention score, next layer", f"{heads} the next layer", Source.WEIGHTS)
    later = f"{heads} all later layers"
    yield _single(column.ATTENTION_LATER_LAYERS, "attention score, later layers", later, Source.WEIGHTS)


def _mixed() -> Iterator[Metric]:
    column = NeuronColumn
    gain = "mean gain: E[post · x_in] / E[x_in²]"
    yield _single(column.MEAN_GAIN, "mean gain", gain, Source.TEXTS)
    effective = "effective IO: mean gain · cos(w_in, w_out)"
    yield _single(column.EFFECTIVE_IO, "effective IO", effective, Source.BOTH)
    promotes = "mean post · skewness of cos(w_out, W_U)"
    yield _single(column.MEAN_POST_SKEW, "mean post · skewness", promotes, Source.BOTH)
    yield _single(column.FIRST_GATE, "gate at position 0", "x_gate at position 0", Source.TEXTS)
    yield _single(column.FIRST_IN, "in at position 0", "x_in at position 0", Source.TEXTS, turns=True)
    yield Metric(LAYER, "layer", "layer", Source.ANY, (LAYER,), _column(LAYER))


METRICS = (*_weights(), *_frequencies(), *_mixed(), *_over_all_tokens(), *_within_cases())

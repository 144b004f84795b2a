"""Correlation of two figures over neurons that lie in layers: pooled, within layers, between them, and by layer.

Each coefficient stands beside what shuffling neurons within their layers gives. That is not 0 for the pooled one, to
which layers that differ in both figures contribute without any neuron doing so."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import special  # scipy.stats takes longer to import than a page to show

from gluscope_core.layered import Layered, Sums, average_ranks

SMALLEST = 3
"""Neurons (or layers) of which a coefficient is computed."""
SMALLEST_FOR_INTERVAL = 10
_DRAWS = 1000
_LEVEL = 0.95
_BAND = (100 * (1 - _LEVEL) / 2, 100 * (1 + _LEVEL) / 2)
Range = tuple[float, float]


@dataclass(frozen=True)
class Estimate:
    """One coefficient; `value` is None where there is none, which `problem` explains."""

    value: float | None
    n: int
    p: float | None = None
    """Two-sided, as if neurons were independent, which they are not."""
    interval: Range | None = None
    null: Range | None = None
    """Within which lie 95 % of coefficients when neurons are shuffled within their layers."""
    problem: str = ""


@dataclass(frozen=True)
class Coefficients:
    pearson: Estimate
    spearman: Estimate


@dataclass(frozen=True)
class Correlations:
    pooled: Coefficients
    within: Coefficients
    """Of differences from the layer's mean; Spearman's from ranks within the layer."""
    between: Coefficients
    """Of the means of layers."""
    by_layer: dict[int, Coefficients]
    layers_resampled: bool
    """Whether the first two intervals resample layers; where these are few they are Fisher's."""


def correlate(layers: np.ndarray, x: np.ndarray, y: np.ndarray, seed: int = 0) -> Correlations:
    """Of finite values, sorted by layer."""
    if len(x) == 0:
        nothing = Coefficients(*[Estimate(None, 0, problem="0 neurons are too few")] * 2)
        return Correlations(nothing, nothing, nothing, {}, layers_resampled=False)
    values = Layered.of(layers, x, y)
    pooled_ranks = Layered.of(layers, average_ranks(x), average_ranks(y))
    layer_ranks = Layered.of(layers, values.ranks(x), values.ranks(y))
    pearson, spearman, within_spearman = (
        _Shuffled.of(each, np.random.default_rng(seed)) for each in (values, pooled_ranks, layer_ranks)
    )
    return Correlations(
        pooled=Coefficients(pearson.pooled(), spearman.pooled(spearman=True)),
        within=Coefficients(pearson.within(), within_spearman.within(spearman=True)),
        between=_between(values),
        by_layer={
            int(layer): Coefficients(pearson.layer(i), within_spearman.layer(i, spearman=True))
            for i, layer in enumerate(values.names)
        },
        layers_resampled=len(values.names) >= SMALLEST_FOR_INTERVAL,
    )


@dataclass(frozen=True)
class _Shuffled:
    """Sums of a pair of figures, and Σxy for many shuffles within each layer and for many choices of layers."""

    sums: Sums
    draws: np.ndarray
    """Of Σ (x − mean in layer)(y − mean in layer), one row per layer."""
    resampled: np.ndarray
    """How often each layer is drawn, one row per resample; none where layers are few."""

    @classmethod
    def of(cls, values: Layered, random: np.random.Generator) -> "_Shuffled":
        layers = len(values.names)
        resamples = _DRAWS if layers >= SMALLEST_FOR_INTERVAL else 0
        chosen = random.multinomial(layers, np.full(layers, 1 / layers), size=resamples)
        return cls(values.sums(), values.shuffled_products(_DRAWS, random), chosen)

    def pooled(self, *, spearman: bool = False) -> Estimate:
        total = self.sums.total(np.ones(len(self.sums.n)))
        found = _estimate(total.xy, total.xx, total.yy, int(total.n), spearman=spearman)
        between = total.xy - self.sums.xy.sum()
        null = self._band(self.draws.sum(axis=0) + between, total.xx, total.yy)
        again = self.sums.total(self.resampled)
        return _completed(found, null, self._resampled(again.xy, again.xx, again.yy))

    def within(self, *, spearman: bool = False) -> Estimate:
        xy, xx, yy = self.sums.xy.sum(), self.sums.xx.sum(), self.sums.yy.sum()
        means = len(self.sums.n) - 1
        found = _estimate(xy, xx, yy, int(self.sums.n.sum()), spearman=spearman, fitted=means)
        again = (self.resampled @ each for each in (self.sums.xy, self.sums.xx, self.sums.yy))
        return _completed(found, self._band(self.draws.sum(axis=0), xx, yy), self._resampled(*again))

    def layer(self, i: int, *, spearman: bool = False) -> Estimate:
        xy, xx, yy = (float(each[i]) for each in (self.sums.xy, self.sums.xx, self.sums.yy))
        found = _estimate(xy, xx, yy, int(self.sums.n[i]), spearman=spearman)
        return _completed(found, self._band(self.draws[i], xx, yy), resampled=None)

    @staticmethod
    def _band(draws: np.ndarray, xx: Any, yy: Any) -> Range | None:
        if xx * yy <= 0:
            return None
        low, high = np.percentile(draws / np.sqrt(xx * yy), _BAND)
        return float(low), float(high)

    @staticmethod
    def _resampled(xy: np.ndarray, xx: np.ndarray, yy: np.ndarray) -> Range | None:
        """Percentiles over resampled layers; layers differ more than neurons of one layer would by chance."""
        some = xx * yy > 0
        if not some.any():
            return None
        low, high = np.percentile(xy[some] / np.sqrt(xx[some] * yy[some]), _BAND)
        return float(low), float(high)


def _completed(found: Estimate, null: Range | None, resampled: Range | None) -> Estimate:
    if found.value is None:
        return found
    return replace(found, null=null, interval=resampled or found.interval)


def _estimate(xy: Any, xx: Any, yy: Any, n: int, *, spearman: bool, fitted: int = 0) -> Estimate:
    """`fitted` is how many more means than one were taken away."""
    if n - fitted < SMALLEST:
        return Estimate(None, n, problem=f"{n} neurons are too few")
    if xx <= 0 or yy <= 0:
        return Estimate(None, n, problem="one of the two is constant")
    value = float(np.clip(xy / np.sqrt(xx * yy), -1, 1))
    return Estimate(value, n, _p(value, n - fitted), fisher_interval(value, n - fitted, spearman=spearman))


def fisher_interval(value: float, n: int, *, spearman: bool = False) -> Range | None:
    """95 % by Fisher's z, for ranks with the variance of Bonett and Wright; none for few neurons."""
    if n < SMALLEST_FOR_INTERVAL or abs(value) >= 1:
        return None
    deviation = np.sqrt((1 + value**2 / 2 if spearman else 1) / (n - 3))
    reach = special.ndtri((1 + _LEVEL) / 2) * deviation
    return float(np.tanh(np.arctanh(value) - reach)), float(np.tanh(np.arctanh(value) + reach))


def _p(value: float, n: int) -> float:
    if abs(value) >= 1:
        return 0.0
    return float(2 * special.stdtr(n - 2, -abs(value) * np.sqrt((n - 2) / (1 - value**2))))


def _between(values: Layered) -> Coefficients:
    means = values.means()
    found = []
    for spearman in (False, True):
        x, y = (average_ranks(each) if spearman else each for each in means)
        sums = Layered.of(np.zeros(len(x), dtype=int), x, y).sums()
        estimate = _estimate(sums.xy[0], sums.xx[0], sums.yy[0], len(x), spearman=spearman)
        found.append(replace(estimate, problem=estimate.problem.replace("neurons", "layers")))
    return Coefficients(*found)

"""Correlation in layers, against scipy and slow loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gluscope_core.correlation import SMALLEST_FOR_INTERVAL, correlate, fisher_interval
from gluscope_core.layered import Layered


def layered(sizes: list[int], seed: int = 0, effect: float = 0.5, drift: float = 1.0) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(seed)
    layers = np.repeat(np.arange(len(sizes)) * 2, sizes)
    x = random.normal(size=len(layers)) + drift * layers
    y = effect * x + random.normal(size=len(layers)) - 2 * drift * layers
    return layers, np.round(x, 1), y


def demeaned(layers: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.concatenate([values[layers == layer] - values[layers == layer].mean() for layer in np.unique(layers)])


def ranked(layers: np.ndarray, values: np.ndarray) -> np.ndarray:
    parts = [values[layers == layer] for layer in np.unique(layers)]
    return np.concatenate([stats.rankdata(part) / len(part) for part in parts])


@given(st.lists(st.integers(3, 40), min_size=2, max_size=5), st.integers(0, 99))
def test_every_coefficient_is_scipys(sizes, seed):
    layers, x, y = layered(sizes, seed)
    found = correlate(layers, x, y)
    means = [[values[layers == layer].mean() for layer in np.unique(layers)] for values in (x, y)]
    assert found.pooled.pearson.value == pytest.approx(stats.pearsonr(x, y).statistic)
    assert found.pooled.spearman.value == pytest.approx(stats.spearmanr(x, y).statistic)
    assert found.pooled.pearson.p == pytest.approx(stats.pearsonr(x, y).pvalue, abs=1e-12)
    within = stats.pearsonr(demeaned(layers, x), demeaned(layers, y)).statistic
    assert found.within.pearson.value == pytest.approx(within)
    ranks = [demeaned(layers, ranked(layers, values)) for values in (x, y)]
    assert found.within.spearman.value == pytest.approx(stats.pearsonr(*ranks).statistic)
    if len(sizes) > 2:
        assert found.between.pearson.value == pytest.approx(stats.pearsonr(*means).statistic)
    for layer, both in found.by_layer.items():
        here = layers == layer
        assert both.pearson.value == pytest.approx(stats.pearsonr(x[here], y[here]).statistic)
        assert both.spearman.value == pytest.approx(stats.spearmanr(x[here], y[here]).statistic)


@given(st.floats(0.01, 100), st.floats(-1e6, 1e6), st.integers(0, 9))
def test_units_do_not_matter(scale, shift, seed):
    layers, x, y = layered([8, 20], seed)
    one, other = correlate(layers, x, y), correlate(layers, scale * x + shift, -y)
    assert other.pooled.pearson.value == pytest.approx(-one.pooled.pearson.value, abs=1e-6)
    assert other.within.pearson.value == pytest.approx(-one.within.pearson.value, abs=1e-6)


def test_pooling_can_turn_a_correlation_round():
    """Every layer says one thing, all together say the other: what the page is there to show."""
    found = correlate(*layered([200] * 12))
    assert found.pooled.pearson.value < -0.9
    assert found.within.pearson.value > 0.3
    assert all(both.pearson.value > 0 for both in found.by_layer.values())
    assert found.between.pearson.value < -0.9


def test_shuffling_leaves_what_layers_make():
    layers, x, y = layered([60, 80, 50], effect=0)
    found = correlate(layers, x, y)
    random = np.random.default_rng(1)
    shuffles = []
    for _ in range(2000):
        shuffled = np.concatenate([random.permutation(y[layers == layer]) for layer in np.unique(layers)])
        shuffles.append(np.corrcoef(x, shuffled)[0, 1])
    assert found.pooled.pearson.null == pytest.approx(np.percentile(shuffles, [2.5, 97.5]), abs=0.01)
    low, high = found.within.pearson.null
    assert low < 0 < high
    assert not found.pooled.pearson.null[0] < 0 < found.pooled.pearson.null[1]


@pytest.mark.parametrize("size", [5, 24, 1500])
def test_turned_shuffles_have_the_moments_of_shuffles(size):
    """Σ(x − x̄)(y − ȳ) over all permutations has mean 0 and variance Σ(x − x̄)² Σ(y − ȳ)² / (n − 1)."""
    layers, x, y = layered([size], seed=3)
    values = Layered.of(layers, x, y)
    draws = values.shuffled_products(1000, np.random.default_rng(0))[0]
    sums = values.sums()
    deviation = np.sqrt(sums.xx[0] * sums.yy[0] / (size - 1))
    assert draws.mean() == pytest.approx(0, abs=0.15 * deviation)
    assert draws.std() == pytest.approx(deviation, rel=0.1)


def test_the_same_seed_gives_the_same_band():
    data = layered([30, 40])
    assert correlate(*data, seed=5) == correlate(*data, seed=5)
    assert correlate(*data, seed=5).pooled.pearson.null != correlate(*data, seed=6).pooled.pearson.null


@pytest.mark.parametrize("layers", [3, 14])
def test_resampled_layers_widen_the_pooled_interval(layers):
    """Where layers differ, neurons taken as independent promise too much; few layers cannot be resampled."""
    found = correlate(*layered([300] * layers, drift=0.3))
    low, high = found.pooled.pearson.interval
    assert low < found.pooled.pearson.value < high
    fisher = fisher_interval(found.pooled.pearson.value, 300 * layers)
    if layers >= SMALLEST_FOR_INTERVAL:
        assert found.layers_resampled
        assert high - low > fisher[1] - fisher[0]
    else:
        assert (low, high) == fisher


def test_fishers_interval_is_scipys():
    _, x, y = layered([50], effect=0.3)
    expected = stats.pearsonr(x, y).confidence_interval(0.95)
    assert fisher_interval(stats.pearsonr(x, y).statistic, 50) == pytest.approx(tuple(expected))
    assert fisher_interval(0.3, 9) is None
    assert fisher_interval(1.0, 50) is None


@pytest.mark.parametrize(
    ("x", "problem"),
    [([1.0, 2.0], "too few"), ([], "too few"), ([3.0] * 20, "constant"), ([0.1 + 0.2] * 20, "constant")],
)
def test_where_there_is_no_coefficient_it_says_why(x, problem):
    layers, values = np.zeros(len(x), dtype=int), np.array(x)
    found = correlate(layers, values, np.arange(len(x), dtype=float))
    assert found.pooled.pearson.value is found.pooled.spearman.value is None
    assert problem in found.pooled.pearson.problem
    assert found.pooled.pearson.interval is found.pooled.pearson.null is None


def test_a_figure_that_is_constant_in_each_layer_has_no_correlation_within():
    layers, _, y = layered([20, 30, 25])
    found = correlate(layers, layers.astype(float), y)
    assert found.pooled.pearson.value is not None
    assert found.within.pearson.problem == "one of the two is constant"
    assert found.by_layer[2].pearson.value is None


def test_a_figure_with_itself():
    layers, x, _ = layered([20, 30])
    found = correlate(layers, x, x)
    assert found.pooled.pearson.value == found.within.spearman.value == pytest.approx(1)
    assert found.pooled.pearson.interval is None


def test_layers_of_one_neuron_are_left_without_a_coefficient():
    found = correlate(np.array([0, 1, 1, 1, 1]), np.array([1.0, 2, 3, 4, 9]), np.array([3.0, 2, 5, 1, 7]))
    assert found.by_layer[0].pearson.value is None
    assert found.by_layer[1].pearson.value is not None
    assert found.between.pearson.problem == "2 layers are too few"

"""What chance alone gives: cosines of random directions, by which those of weights are judged."""

from functools import cache

import numpy as np
from scipy import special

_SHARE = 0.95
_GRID = 1 << 12
_MEAN_OF_LARGEST = np.exp(-np.euler_gamma)
"""The mean of the largest of n values lies about where e^-γ of them are expected beyond it (Gumbel)."""


@cache
def random_cosine_bound(dimension: int | None, share: float = _SHARE) -> float:
    """Within ± this lies a share of the cosines of pairs of random directions; 0 where nobody knows how many dimensions
    there are."""
    if dimension is None:
        return 0.0
    return float(np.sqrt(special.betaincinv(0.5, (dimension - 1) / 2, share)))


def expected_largest_cosine(dimension: int, candidates: int, *, either_sign: bool) -> float:
    """Of the cosines of one direction with so many random ones; of their magnitudes where the sign does not matter."""
    beyond = min(1.0, _MEAN_OF_LARGEST / candidates)
    return random_cosine_bound(dimension, 1 - (beyond if either_sign else min(1.0, 2 * beyond)))


def expected_largest_combined(dimension: int, candidates: int) -> float:
    """Of (cos_gate + |cos_in + cos_out|) / 3 with so many neurons of random weights."""
    values, chances = _combined(dimension)
    beyond = np.cumsum(chances[::-1])[::-1]
    return float(values[np.argmax(beyond <= _MEAN_OF_LARGEST / candidates)])


@cache
def _combined(dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """The distribution of (a + |b + c|) / 3 for three independent cosines, on a grid."""
    edges = np.linspace(-1, 1, _GRID + 1)
    one = np.diff(special.betainc((dimension - 1) / 2, (dimension - 1) / 2, (edges + 1) / 2))
    step = edges[1] - edges[0]
    two = np.convolve(one, one)
    middle = len(two) // 2
    folded = np.concatenate([two[middle : middle + 1], two[middle + 1 :] + two[:middle][::-1]])
    three = np.convolve(one, folded)
    values = (edges[0] + step / 2 + step * np.arange(len(three))) / 3
    return values, three

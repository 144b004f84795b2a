"""What chance gives, against drawing random directions."""

import numpy as np
import pytest

from gluscope_core.baselines import expected_largest_combined, expected_largest_cosine, random_cosine_bound

DRAWS = 300


def cosines(dimension: int, candidates: int) -> np.ndarray:
    """Of one direction, which may be the first axis, with random ones; several times over."""
    vectors = np.random.default_rng(dimension).normal(size=(DRAWS, candidates, dimension))
    return vectors[..., 0] / np.linalg.norm(vectors, axis=-1)


@pytest.mark.parametrize("dimension", [8, 16, 64])
def test_within_the_bound_lies_that_share(dimension):
    found = np.abs(cosines(dimension, 200)) <= random_cosine_bound(dimension)
    assert found.mean() == pytest.approx(0.95, abs=0.005)


@pytest.mark.parametrize(("dimension", "candidates"), [(16, 71), (16, 500), (64, 200)])
def test_the_largest_of_many(dimension, candidates):
    found = cosines(dimension, candidates)
    for either_sign, values in ((False, found), (True, np.abs(found))):
        expected = expected_largest_cosine(dimension, candidates, either_sign=either_sign)
        assert expected == pytest.approx(values.max(axis=1).mean(), rel=0.03)


@pytest.mark.parametrize(("dimension", "candidates"), [(16, 71), (64, 200)])
def test_the_largest_by_all_three_vectors(dimension, candidates):
    gate, linear, out = np.split(cosines(dimension, 3 * candidates), 3, axis=1)
    combined = (gate + np.abs(linear + out)) / 3
    assert expected_largest_combined(dimension, candidates) == pytest.approx(combined.max(axis=1).mean(), rel=0.03)

"""Input-output classes of the paper's neurons and of vectors that were made to have them."""

import numpy as np
import pytest

from gluscope_core.io_classes import classify
from tests.weights_reference import cosine

PAPER = {
    "28.4737": (0.5290, 0.5048, 0.7060, "enrichment"),
    "28.9766": (0.4764, 0.4119, 0.5982, "conditional enrichment"),
    "31.9634": (-0.7164, 0.7218, -0.8542, "depletion"),
    "29.10900": (0.4988, -0.4992, -0.5775, "conditional depletion"),
    "30.10972": (-0.4543, 0.5814, -0.4182, "proportional change"),
    "29.4180": (-0.0272, -0.4057, 0.0669, "orthogonal output"),
}


@pytest.mark.parametrize("neuron", PAPER)
def test_classes_of_the_papers_neurons(neuron):
    *cosines, wanted = PAPER[neuron]
    assert classify(*(np.array([each]) for each in cosines)).tolist() == [wanted]


def of_vectors(gate: list[float], linear: list[float], out: list[float]) -> str:
    pairs = ((gate, linear), (gate, out), (linear, out))
    return classify(*(cosine(np.array([one]), np.array([other]))[0] for one, other in pairs))[0]


X, Y, Z = np.eye(3).tolist()
BETWEEN = [1.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("gate", "linear", "out", "wanted"),
    [
        (X, X, X, "enrichment"),
        (X, X, [-1.0, 0, 0], "depletion"),
        (X, Y, Y, "conditional enrichment"),
        (X, Y, [0, -1.0, 0], "conditional depletion"),
        (X, Y, X, "proportional change"),
        (X, Y, [-1.0, 0, 0], "proportional change"),
        (X, Y, Z, "orthogonal output"),
        (X, X, Z, "orthogonal output"),
        (X, Y, BETWEEN, "atypical enrichment"),
        (X, Y, [-1.0, -1.0, 0], "atypical depletion"),
        (X, [1.0, 1.0, 0], [0.3, 1.0, 0], "atypical conditional enrichment"),
        (X, [1.0, 1.0, 0], [-0.3, -1.0, 0], "atypical conditional depletion"),
        (X, [0.6, 0.8, 0], [0.8, -0.6, 0], "atypical proportional change"),
    ],
)
def test_classes_of_constructed_vectors(gate, linear, out, wanted):
    assert of_vectors(gate, linear, out) == wanted
    assert of_vectors(gate, [-each for each in linear], [-each for each in out]) == wanted


def test_a_vector_without_length_has_no_class():
    nothing = np.array([np.nan])
    assert classify(nothing, nothing, np.array([0.9])).tolist() == [None]

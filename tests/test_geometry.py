"""Vectors from cosines against numpy's eigenvalues and products, and what neurons of them write."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluscope_core.activations import activation
from gluscope_core.geometry import PROTOTYPES, Triple, effect, most_negative, verb
from gluscope_core.geometry_svg import effects_html, map_svg, neuron_svg, vectors_svg
from gluscope_core.vocabulary import CASES, Case

cosine = st.integers(-100, 100).map(lambda value: value / 100)


@given(cosine, cosine, cosine)
def test_consistent_is_positive_semidefinite(gate_in, gate_out, in_out):
    triple = Triple(gate_in, gate_out, in_out)
    smallest = np.linalg.eigvalsh(triple.gram)[0]
    assert triple.consistent == (smallest >= -1e-6) or abs(smallest) < 1e-5
    assert triple.determinant == pytest.approx(np.linalg.det(triple.gram), abs=1e-9)


@given(cosine, cosine, cosine)
def test_vectors_have_the_cosines(gate_in, gate_out, in_out):
    triple = Triple(gate_in, gate_out, in_out).nearest()
    assert triple.consistent
    vectors = triple.vectors()
    assert vectors @ vectors.T == pytest.approx(triple.gram, abs=1e-3)
    assert abs(triple.gate_in - gate_in) <= 2.01


@given(cosine, cosine, cosine)
def test_the_nearest_leaves_what_is_consistent(gate_in, gate_out, in_out):
    triple = Triple(gate_in, gate_out, in_out)
    if triple.consistent:
        assert triple.nearest() == triple


@pytest.mark.parametrize("name", PROTOTYPES)
def test_prototypes_have_the_class_they_are_named_for(name):
    assert PROTOTYPES[name].consistent
    assert PROTOTYPES[name].io_class(0.5) == name.split(", ")[-1]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ["silu", "gelu", "relu"])
def test_effects_against_a_neuron_that_is_run(case, name):
    """A token that shows each reading direction with the case's sign; what is written, along what was found."""
    triple = Triple(0.1, 0.4, -0.6)
    gate, linear, out = triple.vectors()
    found = effect(triple, case, name)
    x_gate, x_in = 1.5 * case.gate_sign, 2.0 * case.in_sign
    written = activation(name)(np.array(x_gate)) * x_in * out
    if not np.any(written):
        assert found.post_sign == 0
        return
    direction = written / np.linalg.norm(written)
    assert found.on_in == pytest.approx(float(direction @ (linear * case.in_sign)))
    assert found.on_gate == pytest.approx(float(direction @ (gate * case.gate_sign)))
    if found.bound is not None:
        assert np.linalg.norm(written) <= found.bound * abs(x_in) + 1e-9


def test_how_far_below_zero_activations_go():
    assert most_negative("silu") == pytest.approx(0.2785, abs=1e-3)
    assert most_negative("gelu") == pytest.approx(0.1700, abs=1e-3)
    assert most_negative("relu") == 0


def test_verbs():
    assert [verb(value, 0.5) for value in (0.6, -0.6, 0.5)] == ["strengthens", "weakens", "hardly changes"]


def test_pictures_say_what_they_show():
    triple = Triple(0, 0, 1)
    assert "silu" in neuron_svg("silu")
    assert "+1.00" in vectors_svg(triple, 0)
    assert "nan" not in map_svg(Triple(1, -1, 1), 0.5) + vectors_svg(Triple(1, 1, 1), 30)
    html = effects_html({case: effect(triple, case, "relu") for case in CASES}, 0.5)
    assert html.count("writes nothing") == 2
    places = [html.index(case.label) for case in (Case((-1, 1)), Case((1, 1)), Case((-1, -1)), Case((1, -1)))]
    assert places == sorted(places)  # gate+ right, in+ up


def test_the_map_puts_the_neuron_where_its_cosines_are():
    x, y = map(float, re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', map_svg(Triple(0, 0.5, -0.5), 0.5))[0])
    left, _ = map(float, re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', map_svg(Triple(0, -0.5, -0.5), 0.5))[0])
    assert x > left
    assert y > 158  # below the middle

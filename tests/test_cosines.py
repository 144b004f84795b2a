"""A neuron's heading: class, how near to another one, and cosines beside those of random directions."""

import re

import pytest

from gluscope_core.baselines import random_cosine_bound
from gluscope_core.columns import NeuronColumn
from gluscope_core.cosines import cosines_html, nearest_class, title_html
from gluscope_core.dataset import open_dataset
from gluscope_core.hover_words import explain_class, explain_role
from gluscope_core.schema import NEURONS
from gluscope_core.vocabulary import IOClass, Role


def row(gate_in: float | None, gate_out: float, in_out: float, **others: object) -> dict:
    cosines = (NeuronColumn.COS_GATE_IN, NeuronColumn.COS_GATE_OUT, NeuronColumn.COS_IN_OUT)
    return dict.fromkeys(NEURONS.names) | dict(zip(cosines, (gate_in, gate_out, in_out), strict=True)) | others


@pytest.mark.parametrize(
    ("cosines", "nearest"),
    [
        ((0.1, 0.2, 0.52), (NeuronColumn.COS_IN_OUT, 0.02, "orthogonal output")),
        ((0.1, 0.2, 0.47), (NeuronColumn.COS_IN_OUT, -0.03, "conditional enrichment")),
        ((0.1, 0.2, -0.47), (NeuronColumn.COS_IN_OUT, -0.03, "conditional depletion")),
        ((0.8, 0.49, -0.9), (NeuronColumn.COS_GATE_OUT, -0.01, "atypical depletion")),
        ((0.53, 0.7, 0.7), (NeuronColumn.COS_GATE_IN, 0.03, "atypical enrichment")),
        ((0.49, 0.0, 0.3), (NeuronColumn.COS_IN_OUT, -0.2, "conditional enrichment")),
    ],
)
def test_the_class_on_the_other_side_of_the_nearest_threshold(cosines, nearest):
    name, beyond, other = nearest_class(row(*cosines), 0.5)
    assert (name, other) == (nearest[0], nearest[2])
    assert beyond == pytest.approx(nearest[1])


def test_without_a_cosine_there_is_no_nearest_class():
    assert nearest_class(row(None, 0.1, 0.1), 0.5) is None


def test_the_distance_to_another_class_is_in_the_heading(with_weights):
    manifest = open_dataset(with_weights).manifest
    html = title_html(row(0.1, 0.2, 0.47, layer=1, io_class="orthogonal output"), manifest, "1.3")
    assert "nearest other class: conditional enrichment (cos(in, out) is 0.03 short of τ = 0.5)" in html


def test_the_band_is_that_of_random_directions_of_the_models_width(with_weights):
    manifest = open_dataset(with_weights).manifest
    bound = random_cosine_bound(manifest.model.d_model)
    html = cosines_html(row(0.1, -0.2, 0.9), manifest)
    assert f"95\u202f% of random directions (±{bound:.3f}); ticks at ±τ = 0.5" in html
    bands = set(re.findall(r'class="band" style="left:([\d.]+)%;width:([\d.]+)%"', html))
    assert bands == {(f"{50 - 50 * bound:.2f}", f"{100 * bound:.2f}")}
    bars = re.findall(r'class="bar" style="left:([\d.]+)%;width:([\d.]+)%"', html)
    assert bars == [("50.00", "5.00"), ("40.00", "10.00"), ("50.00", "45.00")]


@pytest.mark.parametrize("kind", IOClass)
def test_every_class_is_explained_where_one_hovers(with_weights, kind):
    assert explain_class(kind.value)
    assert explain_class(kind.value) != explain_class(kind.value.removeprefix("atypical ")) or "atypical" not in kind
    html = title_html(row(0.1, 0.2, 0.3, layer=1, io_class=kind.value), open_dataset(with_weights).manifest, "1.3")
    assert f'title="input-output class: {explain_class(kind.value)}"' in html
    assert ("strengthening" in html) == ("enrichment" in kind)
    assert ("weakening" in html) == ("depletion" in kind)


@pytest.mark.parametrize("role", Role)
def test_every_role_is_explained_where_one_hovers(with_weights, role):
    html = title_html(row(0.1, 0.2, 0.3, layer=1, role=role.value), open_dataset(with_weights).manifest, "1.3")
    assert f'title="role by output: {explain_role(role.value)}"' in html
    assert len({explain_role(each.value) for each in Role}) == len(Role)


def test_words_of_a_later_release_are_shown_without_an_explanation(with_weights):
    html = title_html(row(0.1, 0.2, 0.3, layer=1, io_class="new"), open_dataset(with_weights).manifest, "1.3")
    assert '<span class="chip" title="input-output class">new</span>' in html

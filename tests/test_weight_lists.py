"""What weights say, as lists: tokens that two vectors share, and how large cosines would be by chance."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gluscope_core.dataset import open_dataset
from gluscope_core.token_text import TokenTexts
from gluscope_core.vocabulary import Matrix, Relation
from gluscope_core.weight_lists import expected_by_chance, related_html, shared_tokens, token_lists_html

TEXTS = TokenTexts(pd.DataFrame({"bytes": [token.encode() for token in "abcdef"], "display": list("abcdef")}))


def tokens(*entries: tuple[str, int, float]) -> pd.DataFrame:
    """Vector, token, cosine."""
    frame = pd.DataFrame(entries, columns=["vector", "token", "cosine"])
    return frame.assign(matrix="W_U", sign=np.sign(frame["cosine"]).astype(int), dot=frame["cosine"])


FOUND = tokens(
    ("w_gate", 0, 0.5), ("w_gate", 1, 0.4), ("w_gate", 2, -0.9), ("w_gate", 3, 0.8),
    ("w_in", 1, 0.3), ("w_in", 2, 0.2), ("w_in", 3, -0.35), ("w_in", 4, 0.9), ("w_out", 0, 0.9),
)  # fmt: skip


def test_shared_tokens_are_in_a_list_of_each_strongest_by_the_lesser_cosine():
    assert shared_tokens(FOUND)["token"].tolist() == [3, 1, 2]
    shared = token_lists_html(FOUND, Matrix.UNEMBED, TEXTS).split("share</span>")[1]
    assert re.findall(r">(\w)</q><small>(. .)</small>", shared) == [("d", "+ −"), ("b", "+ +"), ("c", "− +")]


def test_no_token_is_shared():
    html = token_lists_html(tokens(("w_gate", 0, 0.5), ("w_in", 1, 0.5)), Matrix.UNEMBED, TEXTS)
    assert html.split("share</span>")[1].startswith(" none")


@pytest.fixture
def manifest(with_weights):
    whole = open_dataset(with_weights).manifest
    return replace(whole, model=replace(whole.model, layers=3, d_mlp=200, d_model=64))


def largest(cosines: np.ndarray) -> float:
    return float(np.mean(cosines.max(axis=-1)))


@pytest.mark.parametrize("relation", Relation)
def test_by_chance_is_what_random_weights_have(manifest, relation):
    """In the middle layer: 200 neurons before it, 200 after, 599 others in all."""
    random = np.random.default_rng(0)
    count = 599 if relation.value.startswith("near") else 200
    cosines = random.normal(size=(400, 3, count)) / 8
    if relation is Relation.NEAR_GATE:
        wanted = largest(cosines[:, 0])
    elif relation is Relation.NEAR_ALL:
        gate, linear, out = np.moveaxis(cosines, 1, 0)
        wanted = largest(np.maximum(gate + linear + out, gate - linear - out) / 3)
    else:
        wanted = largest(np.abs(cosines[:, 0]))
    assert expected_by_chance(manifest, relation, 1) == pytest.approx(wanted, abs=0.03)


def test_nothing_is_expected_where_there_is_no_other_neuron(manifest):
    assert expected_by_chance(manifest, Relation.READ_BY_GATE, 2) is None
    assert expected_by_chance(manifest, Relation.GATE_READS, 0) is None
    related = pd.DataFrame({"relation": [], "rank": [], "layer": [], "neuron": [], "cosine": []})
    html = related_html(related, manifest, 0, str)
    assert "w_gate reads from" not in html
    assert f"by chance up to {expected_by_chance(manifest, Relation.NEAR_GATE, 0):.2f}" in html

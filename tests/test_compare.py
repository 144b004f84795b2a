"""What holds between two neurons, against plain loops over samples and the vectors themselves."""

import numpy as np
import pandas as pd
import pytest
from transformers import LlamaForCausalLM

from gluscope_core.activations import activation, silu
from gluscope_core.compare import Cosine, Limit, correlations, known_cosines, limits, own_cosines
from gluscope_core.compare_words import correlations_html, correlations_note, cosines_between_html
from gluscope_core.dataset import open_dataset
from gluscope_core.ids import NeuronId
from gluscope_core.vocabulary import VECTORS, Quantity, Vector
from tests.weights_reference import Plain, cosine


@pytest.fixture
def samples() -> tuple[pd.DataFrame, pd.DataFrame]:
    random = np.random.default_rng(3)
    places = {"text": np.repeat(np.arange(40), 5), "position": np.tile(np.arange(5), 40)}
    gate, x_in = random.normal(size=(2, 200))
    one = pd.DataFrame({**places, "gate": gate, "in": x_in})
    mixed = {"gate": gate + random.normal(size=200), "in": random.normal(size=200) - x_in}
    return one, pd.DataFrame({**places, **mixed})


def quantities(samples: pd.DataFrame) -> dict[Quantity, np.ndarray]:
    gate, x_in = samples["gate"].to_numpy(), samples["in"].to_numpy()
    return {Quantity.GATE: gate, Quantity.IN: x_in, Quantity.ACT: silu(gate), Quantity.POST: silu(gate) * x_in}


def test_correlations_are_numpys(samples):
    shared = correlations(*samples, silu)
    assert (shared.tokens, shared.texts) == (200, 40)
    one, other = map(quantities, samples)
    for quantity, found in shared.by_quantity.items():
        assert found.value == pytest.approx(np.corrcoef(one[quantity], other[quantity])[0, 1], abs=1e-12)


def test_intervals_resample_texts(samples):
    shared = correlations(*samples, silu, seed=5)
    draws = np.random.default_rng(5).multinomial(40, np.full(40, 1 / 40), size=1000)
    one, other = (each["gate"].to_numpy().reshape(40, 5) for each in samples)
    slow = []
    for draw in draws:
        texts = np.repeat(np.arange(40), draw)
        slow.append(np.corrcoef(one[texts].ravel(), other[texts].ravel())[0, 1])
    assert shared.by_quantity[Quantity.GATE].interval == pytest.approx(np.percentile(slow, [2.5, 97.5]), abs=1e-9)


def test_tokens_are_matched_by_place(samples):
    one, other = samples
    shuffled = other.sample(frac=0.6, random_state=1)
    shared = correlations(one, shuffled, silu)
    kept = one.loc[shuffled.index]
    assert shared.tokens == 120
    assert shared.by_quantity[Quantity.IN].value == pytest.approx(np.corrcoef(kept["in"], shuffled["in"])[0, 1])
    assert "120 of the 120" not in correlations_note(shared, (200, 120))
    assert "(120 of the 200 match" in correlations_note(shared, (200, 200))


def test_what_cannot_be_computed_says_why(samples):
    one, other = samples
    few = correlations(one.head(2), other, silu).by_quantity[Quantity.POST]
    assert (few.value, few.problem) == (None, "2 shared tokens are too few")
    constant = correlations(one.assign(gate=1.0), other, silu).by_quantity[Quantity.GATE]
    assert constant.problem == "one of the two is constant"
    some = correlations(one.head(20), other, silu).by_quantity[Quantity.GATE]  # four texts
    assert some.value is not None
    assert some.interval is None
    strange = correlations(one.assign(gate=np.where(one.index == 3, np.inf, one["gate"])), other, silu)
    rest = one.drop(index=3), other.drop(index=3)
    assert strange.by_quantity[Quantity.GATE].value == pytest.approx(
        np.corrcoef(rest[0]["gate"], rest[1]["gate"])[0, 1]
    )
    assert "too few" in correlations_html(correlations(one.head(0), other, silu))


def test_samples_of_a_dataset_match_all(finished):
    dataset = open_dataset(finished)
    act = activation(dataset.manifest.model.activation)
    one, other = dataset.samples(0, 1), dataset.samples(2, 20)
    shared = correlations(one, other, act)
    assert shared.tokens == len(one) == len(other)
    assert correlations(one, one, act).by_quantity[Quantity.POST].value == pytest.approx(1)


def test_cosines_that_are_stored(with_weights):
    """Of every listed pair, whichever of the two lists it."""
    dataset = open_dataset(with_weights)
    ends = {
        "near by w_gate": (Vector.GATE, Vector.GATE), "near by w_in": (Vector.IN, Vector.IN),
        "near by w_out": (Vector.OUT, Vector.OUT), "read by w_gate of": (Vector.OUT, Vector.GATE),
        "read by w_in of": (Vector.OUT, Vector.IN), "w_gate reads from": (Vector.GATE, Vector.OUT),
        "w_in reads from": (Vector.IN, Vector.OUT),
    }  # fmt: skip
    one = NeuronId(1, 3)
    mine = dataset.weights(*one).related
    for row in mine.to_dict("records"):
        if row["relation"] not in ends:
            continue
        other = NeuronId(row["layer"], row["neuron"])
        theirs = dataset.weights(*other).related
        known = known_cosines(one, other, mine, theirs)
        assert known[ends[row["relation"]]] == Cosine(row["cosine"])
        turned = known_cosines(other, one, theirs, mine)
        assert turned == {pair[::-1]: cosine for pair, cosine in known.items()}
        html = cosines_between_html(one, other, known, {})
        assert html.count("not stored") == 9 - len(known)
    assert known_cosines(one, NeuronId(9, 9), mine, mine.head(0)) == {}


@pytest.fixture(scope="module")
def true_cosines(model_folder) -> dict[tuple[Vector, Vector], np.ndarray]:
    """Of every neuron with every neuron."""
    vectors = Plain.of(LlamaForCausalLM.from_pretrained(model_folder)).vectors
    return {(mine, theirs): cosine(vectors[mine], vectors[theirs]) for mine in VECTORS for theirs in VECTORS}


@pytest.mark.parametrize("ids", [((0, 3), (2, 5)), ((2, 5), (0, 3)), ((1, 7), (1, 20)), ((1, 2), (2, 23))])
def test_cosines_that_are_not_stored_are_no_larger_than_is_said(with_weights, true_cosines, ids):
    dataset = open_dataset(with_weights)
    one, other = NeuronId(*ids[0]), NeuronId(*ids[1])
    listed = dataset.weights(*one).related, dataset.weights(*other).related
    known = known_cosines(one, other, *listed)
    found = limits(one, other, *listed, dataset.manifest.weights.related)
    assert not known.keys() & found.keys()
    kinds = {(vector, vector) for vector in VECTORS}
    kinds |= {(Vector.OUT, Vector.GATE), (Vector.OUT, Vector.IN)} if one.layer < other.layer else set()
    kinds |= {(Vector.GATE, Vector.OUT), (Vector.IN, Vector.OUT)} if one.layer > other.layer else set()
    assert known.keys() | found.keys() == kinds
    for pair, limit in found.items():
        true = true_cosines[pair][one.layer * 24 + one.neuron, other.layer * 24 + other.neuron]
        assert limit.of_magnitude == (pair != (Vector.GATE, Vector.GATE))
        assert (abs(true) if limit.of_magnitude else true) <= limit.value * 1.001
        assert limit.value < 1


def test_a_short_list_says_nothing_of_others(with_weights):
    dataset = open_dataset(with_weights)
    one, other = NeuronId(0, 3), NeuronId(2, 5)
    listed = dataset.weights(*one).related, dataset.weights(*other).related
    assert limits(one, other, *listed, dataset.manifest.weights.related + 1) == {}
    assert limits(one, other, listed[0], listed[1].head(0), dataset.manifest.weights.related) == {}


def test_limits_are_rounded_upwards():
    pair = (Vector.IN, Vector.IN), (Vector.GATE, Vector.GATE)
    found = dict(zip(pair, (Limit(0.3201, of_magnitude=True), Limit(-0.129, of_magnitude=False)), strict=True))
    html = cosines_between_html(NeuronId(0, 1), NeuronId(2, 3), {}, found)
    assert "|cos| ≤ 0.33" in html
    assert "cos ≤ −0.12" in html
    assert html.count("not stored") == 7


def test_a_neuron_with_itself(with_weights):
    row = open_dataset(with_weights).neuron(1, 3)
    found = own_cosines(row)
    assert len(found) == 9
    assert found[Vector.OUT, Vector.GATE] == Cosine(row["cos_gate_out"]) == found[Vector.GATE, Vector.OUT]
    assert found[Vector.IN, Vector.OUT] == Cosine(row["cos_in_out"])
    assert found[Vector.IN, Vector.IN] == Cosine(1.0)
    assert own_cosines(dict.fromkeys(row)) == {}

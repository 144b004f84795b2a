"""What the search page says, and that its examples find something."""

from pathlib import Path

import pytest

from gluscope_core.dataset import open_dataset
from gluscope_core.query import parse
from gluscope_core.search import apply
from gluscope_core.search_words import notes, phrases, sorted_by, to_loosen, ways_in, why_nothing
from gluscope_core.token_search import Lexicon

BUNDLED = next((Path(__file__).parent.parent / "datasets").iterdir())


@pytest.fixture(scope="module")
def bundled():
    dataset = open_dataset(BUNDLED)
    return dataset, Lexicon(dataset.vocab)


def test_every_way_in_finds_neurons_of_the_bundled_dataset(bundled):
    dataset, lexicon = bundled
    ways = ways_in(dataset.manifest, lexicon)
    assert len(ways) == 11
    for _, params in ways:
        parsed = parse(params, dataset.manifest)
        assert parsed.problems == ()
        token = lexicon.find(params["token"]).token if "token" in params else None
        assert len(apply(parsed.query, dataset, token).neurons), params


def test_ways_in_are_those_that_a_dataset_can_answer(finished):
    dataset = open_dataset(finished)
    for _, params in ways_in(dataset.manifest, Lexicon(dataset.vocab)):
        assert parse(params, dataset.manifest).problems == ()


def test_conditions_in_words(bundled):
    dataset, _ = bundled
    full = {"token": "x", "vector": "w_out", "sign": "neg", "case": "pn", "fires": "before", "class": "depletion",
            "role": "none,partition", "layers": "0-3", "cos_in_out": "..-0.5", "freq_pp": "0.1..0.2"}  # fmt: skip
    assert phrases(parse(full, dataset.manifest).query, "·x") == {
        "vector": "w_out points away from “·x”",
        "fires": "strongest examples of gate+ in− right before “·x”",
        "class": "class depletion",
        "role": "role partition or no role",
        "layers": "layers 0-3",
        "cos_in_out": "cos(w_in, w_out) ≤ −0.500",
        "freq_pp": "0.100 ≤ freq(gate+ in+) ≤ 0.200",
    }
    alone = parse({"token": "x", "matrix": "W_E"}, dataset.manifest).query
    assert phrases(alone, "x") == {"token": "a vector points to or away from “x” by W_E"}


def test_another_threshold_is_said(bundled):
    dataset, _ = bundled
    query = parse({"class": "depletion", "tau": "0.6"}, dataset.manifest).query
    assert phrases(query, "") == {"class": "class depletion", "tau": "classes at τ = 0.6"}


def test_notes_say_in_which_signs_and_which_role(bundled):
    manifest = bundled[0].manifest
    plain = notes(parse({"class": "depletion"}, manifest).query, manifest)
    assert plain == "Signs of w_in and w_out: aligned, a convention."
    asked = notes(parse({"role": "partition", "token": "x"}, manifest).query, manifest)
    assert "several roles has the first of" in asked
    assert f"at most its {manifest.weights.top_neurons} strongest" in asked


def test_of_nothing_found_it_says_why_and_what_to_loosen(bundled):
    dataset, _ = bundled
    query = parse({"class": "depletion", "layers": "0", "cos_in_out": "0.9.."}, dataset.manifest).query
    found = apply(query, dataset)
    assert found.neurons.empty
    neurons = dataset.neurons()
    depleting, first, along = (
        neurons["io_class"].eq("depletion"), neurons["layer"].eq(0), neurons["cos_in_out"].ge(0.9)
    )  # fmt: skip
    assert found.alone == {"class": depleting.sum(), "layers": first.sum(), "cos_in_out": along.sum()}
    assert found.without["cos_in_out"] == (depleting & first).sum()
    assert found.without["class"] == (first & along).sum()
    loosened = to_loosen(query, found.without, "")
    assert [key for key, _ in loosened] == sorted(
        (key for key in found.without if found.without[key]), key=lambda key: -found.without[key]
    )
    never = [key for key, count in found.alone.items() if not count]
    assert why_nothing(query, found.alone, "").startswith(
        "No neuron of this dataset" if never else "No neuron meets all"
    )


def test_orders_in_words(bundled):
    dataset, _ = bundled
    order = parse({"sort": "-freq_pp"}, dataset.manifest).query.order
    assert sorted_by(order, with_token=False) == "by freq(gate+ in+), largest first"
    assert sorted_by(None, with_token=True) == "strongest tie to the token first"
    assert sorted_by(None, with_token=False) == "by layer and number"

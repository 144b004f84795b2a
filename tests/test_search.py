"""What a query finds equals what plain loops over the neurons find."""

import numpy as np
import pandas as pd
import pytest

from gluscope_core.dataset import Dataset, open_dataset
from gluscope_core.ids import NeuronId
from gluscope_core.io_classes import classify
from gluscope_core.query import parse
from gluscope_core.schema import TOKENS_TABLE
from gluscope_core.search import Found, apply, columns_of

TOKEN = 7


@pytest.fixture(scope="module")
def dataset(with_weights) -> Dataset:
    return open_dataset(with_weights)


@pytest.fixture(scope="module")
def everything(dataset) -> pd.DataFrame:
    return dataset.neurons()


def found_by(dataset: Dataset, number: int | None = None, **params: str) -> Found:
    parsed = parse(params, dataset.manifest)
    assert parsed.problems == ()
    return apply(parsed.query, dataset, number)


def ids(frame: pd.DataFrame) -> list[NeuronId]:
    return [NeuronId(int(layer), int(neuron)) for layer, neuron in zip(frame["layer"], frame["neuron"], strict=True)]


def test_conditions_hold_together(dataset, everything):
    low, high = np.quantile(everything["cos_in_out"], [0.2, 0.9])
    found = found_by(
        dataset, layers="0,2", cos_in_out=f"{low}..{high}", freq_gate_pos="0.4..", **{"class": "orthogonal output"}
    )
    expected = [
        NeuronId(int(row["layer"]), int(row["neuron"]))
        for row in everything.to_dict("records")
        if row["layer"] in (0, 2)
        and low <= row["cos_in_out"] <= high
        and row["gate+_in+_freq"] + row["gate+_in-_freq"] >= 0.4
        and row["io_class"] == "orthogonal output"
    ]
    assert 0 < len(expected) < 48
    assert ids(found.neurons) == expected
    assert found.alone["layers"] == 48
    assert found.without["layers"] > len(expected)


def test_the_ends_of_a_range_belong_to_it(dataset, everything):
    value = float(everything["cos_in_out"].iloc[5])
    found = found_by(dataset, cos_in_out=f"{value!r}..{value!r}")
    assert ids(found.neurons) == ids(everything[everything["cos_in_out"] == np.float32(value)])


def test_a_neuron_without_a_figure_is_in_no_range(dataset, everything):
    found = found_by(dataset, entropy_share="-1e9..")
    assert ids(found.neurons) == ids(everything[everything["entropy_share"].notna()])
    assert 0 < len(found.neurons) < len(everything)


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("metric", ["cos_gate_in", "entropy_share", "layer"])
def test_sorted(dataset, everything, metric, descending):
    found = found_by(dataset, sort=f"{'-' * descending}{metric}")
    rows = everything.to_dict("records")
    sign = -1 if descending else 1

    def place(row: dict) -> tuple:
        lacks = np.isnan(row[metric])
        return lacks, 0 if lacks else sign * row[metric], row["layer"], row["neuron"]

    rows.sort(key=place)
    assert ids(found.neurons) == [NeuronId(row["layer"], row["neuron"]) for row in rows]


def test_roles_and_none(dataset, everything):
    role = everything["role"].dropna().iloc[0]
    with_role = everything["role"].eq(role)
    assert ids(found_by(dataset, role=role).neurons) == ids(everything[with_role])
    either = found_by(dataset, role=f"{role},none")
    assert ids(either.neurons) == ids(everything[with_role | everything["role"].isna()])


def test_another_threshold_makes_other_classes(dataset, everything):
    cosines = [everything[name].to_numpy(np.float64) for name in ("cos_gate_in", "cos_gate_out", "cos_in_out")]
    classes = classify(*cosines, threshold=0.2)
    found = found_by(dataset, tau="0.2", **{"class": "depletion,atypical depletion"})
    mine = np.isin(classes.astype(str), ["depletion", "atypical depletion"])
    assert ids(found.neurons) == ids(everything[mine])
    assert mine.sum() > 0
    assert set(found.neurons["io_class"]) <= {"depletion", "atypical depletion"}
    assert not everything["io_class"].isin(["depletion"])[mine].all()


@pytest.mark.parametrize(
    ("params", "holds"),
    [
        ({}, lambda row: row is not None),
        ({"vector": "w_out"}, lambda row: row["vector"] == "w_out"),
        ({"vector": "any", "sign": "neg"}, lambda row: row["sign"] == -1),
        ({"matrix": "W_E", "sign": "pos"}, lambda row: row["matrix"] == "W_E" and row["sign"] == 1),
        ({"fires": "on"}, lambda row: row["before"] is False),
        ({"fires": "before"}, lambda row: row["before"] is True),
        ({"case": "np"}, lambda row: row["case"] == "gate-_in+"),
        ({"case": "np", "fires": "before"}, lambda row: row["case"] == "gate-_in+" and row["before"] is True),
    ],
)
def test_of_a_token(dataset, params, holds):
    rows = [row for row in dataset.token_neurons(TOKEN).to_dict("records") if holds(row)]
    expected: dict[NeuronId, list[dict]] = {}
    for row in rows:
        expected.setdefault(NeuronId(int(row["layer"]), int(row["neuron"])), []).append(row)
    found = found_by(dataset, TOKEN, token="x", **params)
    assert expected
    assert set(ids(found.neurons)) == set(expected)
    for neuron, row in zip(ids(found.neurons), found.neurons.to_dict("records"), strict=True):
        cosines = [each["value"] for each in expected[neuron] if isinstance(each["vector"], str)]
        counts = [each["value"] for each in expected[neuron] if isinstance(each["case"], str)]
        assert len(row["lists"]) == len(expected[neuron])
        assert row["cosine"] == max(cosines, key=abs) if cosines else np.isnan(row["cosine"])
        assert row["examples"] == max(counts) if counts else np.isnan(row["examples"])


def test_both_kinds_of_lists_are_both_asked_for(dataset):
    points = set(ids(found_by(dataset, TOKEN, token="x", vector="any").neurons))
    fires = set(ids(found_by(dataset, TOKEN, token="x", fires="any").neurons))
    both = found_by(dataset, TOKEN, token="x", vector="any", fires="any")
    assert set(ids(both.neurons)) == points & fires
    assert both.without == {"vector": len(fires), "fires": len(points)}


def test_the_strongest_tie_comes_first(dataset):
    cosines = found_by(dataset, TOKEN, token="x", vector="any").neurons["cosine"].abs()
    assert cosines.is_monotonic_decreasing
    weakest = found_by(dataset, TOKEN, token="x", vector="any", sort="value").neurons["cosine"].abs()
    assert weakest.is_monotonic_increasing
    assert found_by(dataset, TOKEN, token="x", fires="on").neurons["examples"].is_monotonic_decreasing


def test_a_word_that_is_no_token_finds_nothing(dataset):
    found = found_by(dataset, None, token="no such")
    assert found.neurons.empty
    assert found.alone == {"token": 0}
    assert found.without == {"token": 72}


def test_only_what_a_query_needs_is_read(dataset, monkeypatch):
    query = parse({"token": "x", "cos_in_out": "0..", "sort": "freq_pp"}, dataset.manifest).query
    read: list[tuple[str, ...]] = []
    apply(query, dataset, TOKEN, lambda columns: read.append(columns) or dataset.neurons(columns))
    assert read == [columns_of(query)]
    assert len(read[0]) == len(set(read[0])) == 9
    monkeypatch.setattr("gluscope_core.tables.TableFile.read", None)  # the table of tokens by row group alone
    assert not dataset.token_neurons(TOKEN).empty
    assert dataset.has(TOKENS_TABLE.name)

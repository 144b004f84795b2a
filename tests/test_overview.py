"""What the overview says, against plain loops, and in every state of a dataset."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from compute.config import WeightsConfig
from compute.weights import weights
from gluscope_core.dataset import Dataset, open_dataset
from gluscope_core.discover import FOLDERS_VARIABLE
from gluscope_core.overview import cases_by_layer, cases_chart, classes_by_layer, striking_rows, striking_table
from gluscope_core.vocabulary import CASES, IOClass, freq_column
from tests.app_pages import charts, html_of, prose, read_nothing, visit

BUNDLED = Path(__file__).parent.parent / "datasets" / "smollm2-135m-instruct"


def test_cases_by_layer(finished):
    neurons = open_dataset(finished).neurons()
    found = cases_by_layer(neurons).set_index(["layer", "case"])
    assert len(found) == 3 * 4
    for case in CASES:
        for layer in range(3):
            values = sorted(neurons.loc[neurons["layer"] == layer, freq_column(case)])
            row = found.loc[(layer, case.label)]
            assert row["median"] == pytest.approx((values[11] + values[12]) / 2)
            assert [row["low"], row["high"]] == pytest.approx(np.quantile(values, [0.25, 0.75]))


def test_classes_by_layer():
    frame = pd.DataFrame(
        {
            "layer": [0, 0, 0, 0, 1, 1],
            "io_class": [
                *("depletion", "atypical depletion", "orthogonal output", None),
                *("orthogonal output", "orthogonal output"),
            ],
        }
    )
    found = classes_by_layer(frame).set_index(["layer", "class"])
    assert found.loc[(0, "depletion"), "neurons"] == 2
    assert found.loc[(0, "depletion"), "share"] == pytest.approx(2 / 3)
    assert found.loc[(1, IOClass.ORTHOGONAL_OUTPUT.value), "share"] == 1


def test_striking_neurons_are_taken_from_each_case_in_turn():
    striking = open_dataset(BUNDLED).read_table("striking").to_pandas()
    table = striking_table(striking, rows=8)
    assert table["code"].tolist()[:4] == [case.code for case in reversed(CASES)]
    first = striking[(striking["case"] == table["code"].map({c.code: c.column for c in CASES})[0])].iloc[0]
    assert table["neuron"][0] == f"{first['layer']}.{first['neuron']}"
    assert table["strength, seen again"][0] == first["again"]
    link = striking_rows(table, {"data": "x"})[0][1][0]
    assert link.address == f"neuron?data=x&neuron={table['neuron'][0]}&case={table['code'][0]}"


def test_a_chart_of_frequencies_says_its_denominator(finished):
    found = cases_by_layer(open_dataset(finished).neurons())
    assert "share of 1,234 counted tokens" in cases_chart(found, 1234).to_json()


def test_it_names_dataset_and_texts(monkeypatch):
    monkeypatch.setenv(FOLDERS_VARIABLE, str(BUNDLED))
    app = visit("pages/overview.py")
    assert "dataset smollm2-135m-instruct · texts corpus.jsonl" in prose(app)
    assert "licence of texts: several, each named in the card" in prose(app)
    assert len(charts(app)) == 2
    links = re.findall(r'href="([^"]+)" data-go', html_of(app, "striking"))
    assert len(links) == 40
    assert all(
        re.fullmatch(r"neuron\?data=smollm2-135m-instruct&amp;neuron=\d+\.\d+&amp;case=[pn]{2}", link) for link in links
    )


def test_what_was_read_is_kept(monkeypatch):
    monkeypatch.setenv(FOLDERS_VARIABLE, str(BUNDLED))
    app = visit("pages/overview.py")
    monkeypatch.setattr(Dataset, "read_table", read_nothing)
    app.run()
    assert not app.exception


def test_with_weights_only(model_folder, tmp_path, monkeypatch):
    weights(WeightsConfig(out=tmp_path / "tiny", model=str(model_folder)))
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path / "tiny"))
    app = visit("pages/overview.py")
    assert "weights only" in prose(app)
    assert charts(app) == ["Input-output classes by layer"]
    assert html_of(app, "striking") == ""


def test_without_weights(finished, monkeypatch):
    monkeypatch.setenv(FOLDERS_VARIABLE, str(finished))
    app = visit("pages/overview.py")
    assert charts(app) == ["Frequency of the four sign cases by layer"]
    assert "python -m compute weights" in prose(app)

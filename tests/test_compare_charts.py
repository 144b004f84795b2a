"""Figures of the comparing charts equal direct computations."""

import numpy as np
import pandas as pd
import pytest

from gluscope_core.compare_charts import depth_chart, medians_by_depth, ranges, ranges_chart, shares_by_depth
from gluscope_core.dataset import open_dataset
from gluscope_core.vocabulary import CASES, Quantity


def test_ranges(finished):
    dataset = open_dataset(finished)
    rows = {"1.3": dataset.neuron(1, 3), "2.5": dataset.neuron(2, 5)}
    found = ranges(rows, Quantity.GATE)
    assert len(found) == 8
    for at, (case, name) in enumerate((case, name) for case in CASES for name in rows):
        figures = {stat: rows[name][f"{case.column}_hook_pre_{stat}"] for stat in ("min", "max", "mean", "std")}
        line = found.iloc[at]
        assert (line["least"], line["largest"], line["mean"]) == (figures["min"], figures["max"], figures["mean"])
        assert line["to"] - line["from"] == pytest.approx(2 * figures["std"])
        assert (line["start"], line["stop"]) == (line["least"], line["largest"])
    assert ranges_chart(found, Quantity.GATE).to_dict()["height"]
    kept = {name: value for name, value in rows["1.3"].items() if not name.endswith(("_std", "gate+_in-_hook_pre_min"))}
    theirs = ranges({"1.3": {**dict.fromkeys(rows["1.3"]), **kept}}, Quantity.GATE)
    assert theirs[["from", "to"]].isna().all(axis=None)
    assert theirs["start"][1] == theirs["mean"][1]  # what is not known is not drawn
    assert theirs["stop"].tolist() == theirs["largest"].tolist()
    empty = ranges({"1.3": dict.fromkeys(rows["1.3"])}, Quantity.GATE)
    assert empty.empty


def by_layer(neurons: pd.DataFrame, column: str) -> pd.Series:
    return pd.Series(neurons[column].to_numpy(float, na_value=np.nan), neurons["layer"].to_numpy())


def test_medians_by_depth(with_weights):
    neurons = open_dataset(with_weights).neurons()
    found = medians_by_depth(by_layer(neurons, "cos_in_out"), "tiny", 3)
    assert found["depth"].tolist() == [0.5 / 3, 0.5, 2.5 / 3]
    for layer in range(3):
        values = neurons.loc[neurons["layer"] == layer, "cos_in_out"].astype(float)
        line = found.iloc[layer]
        assert line[["low", "value", "high"]].tolist() == pytest.approx(np.quantile(values, [0.25, 0.5, 0.75]))
        assert line["neurons"] == 24
    chart = depth_chart(found, "title", "y", shares=False).to_dict()
    assert len(chart["layer"]) == 2


def test_a_layer_without_values_has_no_median(with_weights):
    neurons = open_dataset(with_weights).neurons()
    assert medians_by_depth(by_layer(neurons, "entropy_share"), "tiny", 3)["layer"].tolist() == [2]


def test_shares_by_depth(with_weights):
    neurons = open_dataset(with_weights).neurons()
    here = neurons["io_class"].eq("orthogonal output").to_numpy(float)
    found = shares_by_depth(pd.Series(here, neurons["layer"].to_numpy()), "tiny", 3)
    for layer in range(3):
        mine = neurons[neurons["layer"] == layer]
        assert found["value"][layer] == (mine["io_class"] == "orthogonal output").sum() / len(mine)
    assert found["neurons"].tolist() == [24, 24, 24]
    assert len(depth_chart(found, "title", "y", shares=True).to_dict()["layer"]) == 1

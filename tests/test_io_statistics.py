"""Figures of the input-output page against pandas, on neurons drawn at random with all that can go wrong among them."""

import numpy as np
import pandas as pd
import pytest

from gluscope_core.columns import NeuronColumn
from gluscope_core.dataset import open_dataset
from gluscope_core.io_classes import IO_CLASSES, classify
from gluscope_core.io_statistics import (
    GAINS,
    NEAR,
    ROLES,
    IONeurons,
    bands,
    boxes,
    chosen,
    composition,
    contingency,
    gains,
    gains_of_classes,
    near,
)
from gluscope_core.pairs import NO_ROLE
from gluscope_core.schema import COSINES
from gluscope_core.vocabulary import Role

TAU = 0.4


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Layers of different sizes; a vector of length 0, a neuron that was never counted."""
    random = np.random.default_rng(3)
    layer = np.repeat([0, 1, 2, 5], [200, 150, 40, 3])
    found = pd.DataFrame({"layer": layer, "neuron": np.concatenate([np.arange(n) for n in (200, 150, 40, 3)])})
    for name in COSINES:
        found[name.value] = random.uniform(-1, 1, len(layer)).astype(np.float32)
    found["role"] = random.choice([*(role.value for role in Role), None, None, None], len(layer))
    for name in GAINS:
        found[name.value] = random.normal(size=len(layer))
    found.loc[[7, 8], "cos_gate_in"] = np.nan
    found.loc[[11, 200], "mean_gain"] = np.nan
    return found


@pytest.fixture(scope="module")
def neurons(frame) -> IONeurons:
    return IONeurons.of(frame)


@pytest.fixture(scope="module")
def labelled(frame) -> pd.DataFrame:
    """With classes as strings, by the other function."""
    values = (frame[name].to_numpy(dtype=np.float64) for name in COSINES)
    return frame.assign(io_class=classify(*values, threshold=TAU), role=frame["role"].fillna(NO_ROLE))


def test_composition(neurons, labelled):
    found = composition(neurons.layer, neurons.classes(TAU))
    wanted = labelled.groupby(["layer", "io_class"]).size()
    assert found.set_index(["layer", "class"])["neurons"].to_dict() == wanted.to_dict()
    shares = labelled.groupby("layer")["io_class"].value_counts(normalize=True)
    for row in found.itertuples():
        assert row.share == pytest.approx(shares[row.layer, row[2]])


def test_boxes(neurons, frame):
    values = frame["cos_gate_in"].astype(np.float64).abs()
    found = boxes(neurons.layer, values.to_numpy()).set_index("layer")
    for layer, part in values.groupby(frame["layer"]):
        q1, median, q3 = part.quantile([0.25, 0.5, 0.75])
        inside = part[part.between(q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1))]
        wanted = [part.min(), inside.min(), q1, median, q3, inside.max(), part.max()]
        assert found.loc[layer, ["least", "low", "q1", "median", "q3", "high", "most"]].tolist() == pytest.approx(
            wanted
        )
        assert found.loc[layer, "neurons"] == part.notna().sum()
        assert found.loc[layer, "outside"] == part.notna().sum() - len(inside)


def test_boxes_see_what_lies_outside():
    found = boxes(np.zeros(12, dtype=int), np.array([*range(10), 100.0, -100.0]))
    assert found[["outside", "low", "high", "least", "most"]].iloc[0].tolist() == [2, 0, 9, -100, 100]


def test_a_layer_without_cosines_has_no_box():
    assert boxes(np.array([0, 0, 1]), np.array([0.1, 0.2, np.nan]))["layer"].tolist() == [0]


def test_contingency(neurons, labelled):
    found = contingency(neurons.classes(TAU), neurons.role)
    wanted = pd.crosstab(labelled["io_class"], labelled["role"])
    assert found.shape == (len(IO_CLASSES), len(ROLES))
    assert found.to_numpy().sum() == len(labelled) - 2
    for kind in wanted.index:
        assert found.loc[kind, wanted.columns].tolist() == wanted.loc[kind].tolist()


@pytest.mark.parametrize("name", GAINS)
def test_gains(neurons, labelled, name):
    classes = neurons.classes(TAU)
    wanted = labelled.dropna(subset=[name.value]).groupby(["layer", "io_class"])[name.value]
    found = gains(neurons.layer, classes, neurons.gains[name]).set_index(["layer", "class"])
    assert len(found) == wanted.ngroups
    for (layer, kind), values in wanted:
        figures = [values.mean(), values.median(), len(values), (values > 0).mean()]
        assert found.loc[(layer, kind), ["mean", "median", "neurons", "above"]].tolist() == pytest.approx(figures)
    totals = gains_of_classes(classes, neurons.gains[name]).set_index("class")["mean"]
    assert totals.to_dict() == pytest.approx(labelled.groupby("io_class")[name.value].mean().to_dict())


def test_how_many_are_near_the_threshold(neurons, frame):
    found = near(neurons, TAU)
    close = [(frame[name].astype(np.float64).abs() - TAU).abs() <= NEAR for name in COSINES]
    complete = frame[list(COSINES)].notna().all(axis=1)
    assert found.near == (np.any(close, axis=0) & complete).sum() > 0
    values = [frame[name].to_numpy(dtype=np.float64) for name in COSINES]
    below, here, above = (classify(*values, threshold=TAU + step).astype(str) for step in (-NEAR, 0, NEAR))
    assert found.changing == ((below != here) | (above != here)).sum() > 0
    assert found.known == complete.sum()


def test_neurons_of_a_cell(neurons, labelled):
    classes = neurons.classes(TAU)
    kind, role = "conditional depletion", "partition"
    wanted = labelled.query("io_class == @kind and role == @role").index
    assert chosen(neurons, classes, kind, role).tolist() == wanted.tolist()
    assert len(chosen(neurons, classes, None, None)) == len(labelled) - 2
    assert len(chosen(neurons, classes, kind, None)) == (labelled["io_class"] == kind).sum()


def test_bands_of_chance(with_weights):
    manifest = open_dataset(with_weights).manifest
    record = manifest.weights.mismatched[1]
    signed = bands(manifest, NeuronColumn.COS_GATE_OUT, magnitudes=False).set_index("layer")
    assert tuple(signed.loc[1, ["low", "high"]]) == record.gate_out
    magnitudes = bands(manifest, NeuronColumn.COS_GATE_OUT, magnitudes=True).set_index("layer")
    assert magnitudes.loc[1, "low"] == 0
    assert magnitudes.loc[1, "high"] == max(-record.gate_out[0], record.gate_out[1])


def test_the_classes_are_those_of_the_dataset(with_weights):
    dataset = open_dataset(with_weights)
    frame = dataset.neurons()
    codes = IONeurons.of(frame).classes(dataset.manifest.weights.threshold)
    assert [IO_CLASSES[code].value for code in codes] == frame["io_class"].tolist()

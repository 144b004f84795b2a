"""Two datasets' layers: figures in the other's signs against a dataset written in them, and what is not compared."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from compute.config import WeightsConfig
from compute.run import run
from compute.weights import weights
from gluscope_core.compare_layers import comparable, neurons_in_signs, of_class, why_not_compared
from gluscope_core.dataset import Dataset, open_dataset
from gluscope_core.io_classes import classify
from gluscope_core.metrics import METRICS, find
from gluscope_core.schema import COSINES
from gluscope_core.vocabulary import Coordinates, IOClass, SignConvention


@pytest.fixture(scope="module")
def raw(config, model_folder, tmp_path_factory) -> Dataset:
    """Of the same model and texts as `with_weights`, in the model's own signs."""
    folder = tmp_path_factory.mktemp("raw") / "raw"
    run(replace(config, out=folder, sign_convention="raw"))
    weights(WeightsConfig(dataset=folder, model=str(model_folder), top_neurons=4))
    return open_dataset(folder)


@pytest.fixture(scope="module")
def aligned(with_weights: Path) -> Dataset:
    return open_dataset(with_weights)


@pytest.mark.parametrize("metric", [each for each in METRICS if each.turns], ids=lambda metric: metric.key)
def test_figures_are_turned_to_the_first_ones_signs(raw, aligned, metric):
    assert aligned.neurons(["flipped"])["flipped"].any()
    found = metric.values(neurons_in_signs(metric, raw.manifest, partial(read, raw), SignConvention.ALIGNED))
    wanted = metric.values(aligned.neurons(list(metric.columns)))
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    back = metric.values(neurons_in_signs(metric, aligned.manifest, partial(read, aligned), SignConvention.RAW))
    np.testing.assert_allclose(back, metric.values(raw.neurons(list(metric.columns))), rtol=1e-5, atol=1e-6)


def read(dataset: Dataset, columns: tuple[str, ...]) -> pd.DataFrame:
    return dataset.neurons(list(columns))


def test_all_of_two_of_a_kind_is_comparable(raw, aligned):
    found = comparable(aligned.manifest, raw.manifest)
    assert find("freq_pp").key in found.metrics
    assert "layer" not in found.metrics
    assert not found.problems


@pytest.mark.parametrize(
    ("key", "changed", "said"),
    [
        ("cos_in_out", {"coordinates": Coordinates.EFFECTIVE}, "coordinates differ"),
        ("freq_pp", {"coordinates": Coordinates.EFFECTIVE}, None),
        ("freq_pp", {"sign_convention": SignConvention.UNKNOWN}, "not known of both"),
        ("freq_gate_pos", {"sign_convention": SignConvention.UNKNOWN}, None),
        ("cos_gate_out", {"sign_convention": SignConvention.UNKNOWN}, None),
        ("freq_pp", {"sign_convention": SignConvention.RAW}, None),
    ],
)
def test_what_is_not_compared(aligned, key, changed, said):
    manifest = aligned.manifest
    other = replace(manifest, run=replace(manifest.run, **changed))
    for pair in ((manifest, other), (other, manifest)):
        found = why_not_compared(find(key), *pair)
        assert (found is None) if said is None else (said in found)


def test_reasons_are_counted(aligned):
    manifest = aligned.manifest
    other = replace(manifest, run=replace(manifest.run, sign_convention=SignConvention.UNKNOWN))
    found = comparable(manifest, other)
    [(reason, metrics)] = found.problems.items()
    assert "not known" in reason
    assert len(found.metrics) + metrics == len(comparable(manifest, manifest).metrics)


def test_shares_of_a_class_are_by_one_threshold(aligned):
    neurons = aligned.neurons(["layer", *COSINES])
    neurons.loc[[0, 30], "cos_gate_in"] = np.nan
    kinds = classify(*(neurons[name].to_numpy(float) for name in COSINES), threshold=0.3)
    known = pd.Series(kinds, neurons["layer"]).dropna()
    assert len(known) == 70
    for kind in IOClass:
        found = of_class(neurons, kind, 0.3).groupby(level=0).mean()
        assert found.to_dict() == pytest.approx(known.eq(kind.value).groupby(level=0).mean().to_dict())

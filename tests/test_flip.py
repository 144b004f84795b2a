"""The other sign convention, held against a dataset that was computed with it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from compute.config import WeightsConfig
from compute.run import run
from compute.weights import weights
from gluscope_core.dataset import Dataset, open_dataset
from gluscope_core.flip import flip_figures
from gluscope_core.ids import NeuronId
from gluscope_core.neuron_view import NeuronView, conventions
from gluscope_core.vocabulary import SignConvention


@pytest.fixture(scope="module")
def both(config, model_folder, tmp_path_factory) -> tuple[Dataset, Dataset]:
    """Aligned and raw."""
    made = []
    for convention in (SignConvention.ALIGNED, SignConvention.RAW):
        out: Path = tmp_path_factory.mktemp("flip") / convention.value
        run(replace(config, out=out, sign_convention=convention.value))
        weights(WeightsConfig(dataset=out, model=str(model_folder), top_tokens=5, related=3))
        made.append(open_dataset(out))
    return made[0], made[1]


def views(both: tuple[Dataset, Dataset]) -> list[tuple[NeuronView, NeuronView]]:
    """Each neuron as converted, and as computed, in either direction."""
    pairs = []
    for have, wanted in (both, both[::-1]):
        convention = wanted.manifest.sign_convention
        for layer in have.manifest.layers:
            for neuron in range(0, have.manifest.model.d_mlp, 3):
                key = NeuronId(layer, neuron)
                pairs.append((NeuronView.of(have, key, convention), NeuronView.of(wanted, key, convention)))
    return pairs


def test_figures(both):
    compared = 0
    for converted, computed in views(both):
        assert converted.row.keys() == computed.row.keys()
        compared += converted.turned
        for name, value in computed.row.items():
            mine = converted.row[name]
            if isinstance(value, float):
                assert mine == pytest.approx(value, rel=1e-6, abs=1e-9), name
            else:
                assert mine == value, name
    assert compared > 10


def test_examples_and_samples(both):
    for converted, computed in views(both):
        mine, wanted = converted.examples()._frame, computed.examples()._frame
        assert_same_frames(mine, wanted)
        assert_same_frames(converted.samples(), computed.samples())


def test_tokens_and_related(both):
    for converted, computed in views(both):
        mine, wanted = converted.weights(), computed.weights()
        assert_same_frames(mine.tokens, wanted.tokens)
        assert mine.related["certain"].all()
        assert_same_frames(mine.related.drop(columns="certain"), wanted.related)


def assert_same_frames(mine: pd.DataFrame, wanted: pd.DataFrame) -> None:
    assert list(mine.columns) == list(wanted.columns)
    assert len(mine) == len(wanted)
    for name in wanted:
        if wanted[name].dtype == object and isinstance(wanted[name].iloc[0], np.ndarray):
            for one, other in zip(mine[name], wanted[name], strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-6)
        elif pd.api.types.is_numeric_dtype(wanted[name]):
            np.testing.assert_allclose(mine[name].astype(float), wanted[name].astype(float), rtol=1e-6)
        else:
            assert mine[name].fillna("").tolist() == wanted[name].fillna("").tolist()


def test_flipping_twice_changes_nothing(both):
    row = both[0].neuron(1, 3)
    assert flip_figures(flip_figures(row)) == row


def test_the_own_convention_comes_first(both):
    assert conventions(both[1]) == (SignConvention.RAW, SignConvention.ALIGNED)

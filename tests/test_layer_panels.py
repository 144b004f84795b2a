"""Panels of layers: each neuron is in one cell of its own layer's picture, and the layer's coefficient beside it."""

import re

import numpy as np
import pandas as pd
import pytest

from gluscope_core.correlation import correlate
from gluscope_core.layer_panels import panels_html


@pytest.fixture
def neurons() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    x = draw.normal(size=600)
    y = np.concatenate([x[:300], -x[300:]]) + draw.normal(0, 0.2, 600)
    layers = np.repeat([3, 7], 300)
    return pd.DataFrame({"layer": layers, "neuron": np.tile(range(300), 2), "plot_x": x, "plot_y": y})


def html_of(neurons: pd.DataFrame, chosen: list[int]) -> str:
    found = correlate(*(neurons[name].to_numpy() for name in ("layer", "plot_x", "plot_y")))
    return panels_html(neurons, found, chosen)


def cells(panel: str) -> set[tuple[int, int]]:
    return {(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", panel)}


def test_a_panel_shows_the_neurons_of_its_layer_alone(neurons):
    rising, falling = html_of(neurons, [3, 7]).split("<button")[1:]
    for panel, layer, direction in ((rising, 3, 1), (falling, 7, -1)):
        mine = neurons[neurons["layer"] == layer]
        r = np.corrcoef(mine["plot_x"], mine["plot_y"])[0, 1]
        assert np.sign(r) == direction
        assert f"Layer {layer}, r {r:+.2f}".replace("-", "−") in panel
        assert "300 neurons" in panel
        x, y = zip(*cells(panel), strict=True)
        assert np.sign(np.corrcoef(x, y)[0, 1]) == -direction  # rows of a picture are counted from above


def test_every_neuron_is_in_a_cell(neurons):
    x, y = neurons["plot_x"].to_numpy(), neurons["plot_y"].to_numpy()
    low, high = np.percentile([x, y], [0.5, 99.5], axis=1)
    column = np.clip(((x - low[0]) / (high[0] - low[0]) * 36).astype(int), 0, 35)
    row = 25 - np.clip(((y - low[1]) / (high[1] - low[1]) * 26).astype(int), 0, 25)
    panels = html_of(neurons, [3, 7]).split("<button")[1:]
    for panel, mine in zip(panels, (slice(0, 300), slice(300, 600)), strict=True):
        assert cells(panel) == set(zip(column[mine].tolist(), row[mine].tolist(), strict=True))


def test_one_far_off_does_not_squeeze_the_rest(neurons):
    apart = cells(html_of(neurons, [3, 7]))
    neurons.loc[5, "plot_x"] = 1e6
    assert len(cells(html_of(neurons, [3, 7]))) > 0.9 * len(apart)


def test_chosen_layers_stand_out(neurons):
    first, second = html_of(neurons, [3]).split("<button")[1:]
    assert 'class="back"' not in first
    assert "show all layers" in first
    assert 'aria-pressed="true"' in first
    assert 'class="back"' in second
    assert "show this layer alone" in second


def test_a_constant_has_no_coefficient(neurons):
    neurons["plot_y"] = 1.0
    assert "r –" in html_of(neurons, [3, 7])

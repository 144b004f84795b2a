"""The catalogue of metrics, pairs of them, and what binds two together."""

import contextlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluscope_core import pairs
from gluscope_core.bound import why_bound
from gluscope_core.errors import BadSettings
from gluscope_core.metrics import METRICS, Metric, find
from gluscope_core.pairs import Plain, parse_layers
from gluscope_core.schema import LAYER, NEURON, NEURONS
from gluscope_core.vocabulary import CASES, QUANTITIES, Quantity, Stat, freq_column, freq_se_column, stat_column


def metric(name: str) -> Metric:
    found = find(name)
    assert found is not None, name
    return found


def test_every_metric_is_made_of_columns_that_exist():
    names = set(NEURONS.names)
    for each in METRICS:
        assert names.issuperset(each.columns), each.key
        assert names.issuperset(each.error_columns), each.key
    for names_of in (lambda each: each.key, lambda each: each.label):
        assert len({names_of(each) for each in METRICS}) == len(METRICS)


def test_metrics_are_found_by_key_label_and_column():
    assert find("cos_in_out") is find("cos(w_in, w_out)") is metric("cos_in_out")
    assert find("gate+_in-_hook_post_mean") is metric("pn_post_mean")
    assert find("gate+_in-_freq") is metric("freq_pn")
    assert find("nonsense") is None


def neuron_frame(seed: int = 0, size: int = 40) -> pd.DataFrame:
    """Neurons whose gate and in are drawn, with the columns that a run would give them."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(size):
        gate, in_ = random.normal(0.3, 1, 500), random.normal(-0.2, 2, 500)
        act = gate / (1 + np.exp(-gate))
        by_quantity = dict(zip(QUANTITIES, (act * in_, in_, gate, act), strict=True))
        row: dict[str, float] = {LAYER: number // 10, NEURON: number % 10}
        for case in CASES:
            here = (np.sign(gate) == case.gate_sign) & (np.sign(in_) == case.in_sign)
            row[freq_column(case)], row[freq_se_column(case)] = here.mean(), 0.01
            for quantity, values in by_quantity.items():
                for stat in Stat:
                    row[stat_column(case, quantity, stat)] = getattr(np, stat)(values[here])
        row |= {f"true {q.label}": values for q, values in by_quantity.items()}  # pyright: ignore[reportAttributeAccessIssue]
        rows.append(row)
    return pd.DataFrame(rows)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_figures_over_all_tokens_are_put_together_from_cases(quantity):
    frame = neuron_frame()
    true = np.stack(frame[f"true {quantity.label}"].to_list())
    name = quantity.label
    assert metric(f"mean_{name}").values(frame) == pytest.approx(true.mean(axis=1))
    assert metric(f"abs_{name}").values(frame) == pytest.approx(np.abs(true).mean(axis=1))
    assert metric(f"rms_{name}").values(frame) == pytest.approx(np.sqrt((true**2).mean(axis=1)))
    assert metric(f"largest_{name}").values(frame) == pytest.approx(np.abs(true).max(axis=1))


OPPOSITE = {Stat.MIN: Stat.MAX, Stat.MAX: Stat.MIN}


def flipped(frame: pd.DataFrame) -> pd.DataFrame:
    """The same neurons with w_in and w_out turned round."""
    turned = frame.copy()
    for case in CASES:
        turned[freq_column(case.mirrored)] = frame[freq_column(case)]
        for quantity in QUANTITIES:
            turns = quantity in (Quantity.POST, Quantity.IN)
            for stat in Stat:
                values = frame[stat_column(case, quantity, stat)]
                other = OPPOSITE.get(stat, stat) if turns else stat
                sign = -1 if turns and stat is not Stat.STD else 1
                turned[stat_column(case.mirrored, quantity, other)] = sign * values
    return turned


def test_marks_of_sign_are_right():
    frame = neuron_frame()
    turned = flipped(frame)
    for each in METRICS:
        if set(each.columns) <= set(frame.columns):
            assert np.allclose(each.values(frame), each.values(turned)) is not each.turns, each.label


def test_the_error_of_a_sum_is_bounded_by_the_sum_of_errors():
    frame = neuron_frame(size=3)
    assert metric("freq_pp").errors(frame) == pytest.approx(0.01)
    assert metric("freq_gate_pos").errors(frame) == pytest.approx(0.02)
    assert metric("mean_post").errors(frame) is None


@pytest.mark.parametrize(
    ("first", "second", "part"),
    [
        ("freq_pp", "freq_pp", "the same"),
        ("freq_pp", "freq_gate_pos", "contain the frequency of gate+ in+"),
        ("freq_np", "freq_pn", "sum to 1"),
        ("freq_gate_pos", "freq_np", "sum to 1"),
        ("effective_io", "cos_in_out", "factor"),
        ("mean_gain", "effective_io", "factor"),
        ("cos_in_out", "cos_gate_out", "three vectors"),
        ("pn_post_mean", "pn_in_mean", "act · in"),
        ("pn_gate_mean", "pn_act_mean", "function of gate"),
        ("pn_gate_mean", "pn_gate_max", "min ≤ mean ≤ max"),
        ("unembed_skew", "unembed_kurtosis", "moments"),
        ("mean_post", "pn_post_mean", "computed from"),
        ("mean_gain", "pn_post_mean", "mean gain = E[post · in] / E[in²]"),
        ("mean_gain", "nn_in_std", "mean gain = E[post · in] / E[in²]"),
        ("mean_gain", "pp_act_mean", "weighted by in²"),
        ("mean_gain", "rms_in", "of the same tokens"),
        ("effective_io", "pp_gate_max", "contains mean gain"),
    ],
)
def test_bound_pairs_are_marked_both_ways(first, second, part):
    assert part in (why_bound(metric(first), metric(second)) or "")
    assert part in (why_bound(metric(second), metric(first)) or "")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("cos_in_out", "freq_gate_pos"),
        ("norm_out", "layer"),
        ("pp_in_mean", "nn_in_mean"),
        ("mean_gain", "freq_gate_pos"),
        ("mean_gain", "norm_in"),
    ],
)
def test_other_pairs_are_not(first, second):
    assert why_bound(metric(first), metric(second)) is None


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("", [0, 1, 2, 14]),
        (" ", [0, 1, 2, 14]),
        ("14", [14]),
        ("0-2", [0, 1, 2]),
        ("2,0 – 1", [0, 1, 2]),
        ("1-14", [1, 2, 14]),
    ],
)
def test_layers_are_read(text, layers):
    assert parse_layers(text, [0, 1, 2, 14]) == layers


@pytest.mark.parametrize("text", ["3", "a", "2-1", "1-2-14", "-", "0,,1", "٣", "1e3", "0-99999999999999999999"])
def test_layers_that_are_not_there_are_refused(text):
    with pytest.raises(BadSettings):
        parse_layers(text, [0, 1, 2, 14])


@given(st.text(max_size=12))
def test_any_text_is_layers_or_an_error(text):
    with contextlib.suppress(BadSettings):
        assert set(parse_layers(text, [0, 1, 2])) <= {0, 1, 2}


def test_neurons_without_a_metric_are_left_out_and_counted():
    frame = neuron_frame(size=20)
    frame.loc[3, freq_column(CASES[0])] = np.nan
    frame.loc[4, stat_column(CASES[0], QUANTITIES[0], Stat.MAX)] = np.inf
    found = pairs.pair(frame, metric("freq_pp"), metric("pp_post_max"), Plain.NONE, 0.5)
    assert len(found.neurons) == 18
    assert found.left_out == ("1 without freq(gate+ in+)", "1 without max post, gate+ in+")


@given(st.integers(0, 50), st.sampled_from(["even", "few", "one"]))
def test_cells_count_every_neuron_once(seed, kind):
    random = np.random.default_rng(seed)
    x = {"even": random.normal(size=500), "few": random.integers(0, 5, 500).astype(float), "one": np.ones(500)}[kind]
    frame = pd.DataFrame({LAYER: 0, NEURON: np.arange(500), "x": x, "y": random.normal(size=500)})
    neurons = pairs.placed(frame.assign(colour=random.choice(["a", "b"], 500)), by_rank=False)
    found = pairs.grid(neurons)
    assert found.cells["count"].sum() == 500
    cell = found.cells.iloc[seed % len(found.cells)]
    inside = pairs.selected(neurons, found, {"pick": [{"cell": int(cell["cell"])}]})
    assert len(inside) == cell["count"]
    assert inside["x"].between(cell["x_from"], cell["x_to"]).all()
    assert inside["y"].between(cell["y_from"], cell["y_to"]).all()
    assert cell["share"] == (inside["colour"] == cell["colour"]).mean()


def test_a_brush_selects_by_what_is_plotted():
    frame = pd.DataFrame({LAYER: 0, NEURON: range(4), "x": [1.0, 10, 100, 1000], "y": [4.0, 3, 2, 1]})
    by_rank = pairs.placed(frame, by_rank=True)
    brush = {"brush": {"plot_x": [40, 80], "plot_y": [0, 100]}}
    assert pairs.selected(by_rank, None, brush)["x"].tolist() == [10, 100]
    by_value = pairs.placed(frame, by_rank=False)
    assert pairs.selected(by_value, None, {"brush": {"x_from": [5, 50]}})["x"].tolist() == [10]
    assert pairs.selected(by_value, None, {"pick": [], "brush": {}}).empty

"""Entries of lists are found again, also those of the original program, which keeps no positions."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from compute.listed import UNKNOWN, Listed
from compute.loading import load_model
from compute.models import describe_model, find_model, load_config
from compute.placement import choose_device
from compute.revisit import Scope, revisit
from compute.token_texts import read_texts
from gluscope_core import NeuronId
from gluscope_core.vocabulary import LISTS, TOP_LISTS, Coordinates, Field
from tests.conftest import write_texts
from tests.test_oracle import CONVENTIONS, ORACLE, smollm2  # noqa: F401  # a fixture

NEURONS = tuple(NeuronId(layer, neuron) for layer in (0, 14) for neuron in (0, 5, 700, 1535))


def frame(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["case", "quantity", "value", "text", "position"])


def test_lists_in_any_order_with_zeros_for_absent():
    one = frame(
        ("gate-_in-", None, 0.5, 4, None),
        ("gate+_in+", "hook_post", 2.0, 7, 3),
        ("gate+_in+", "hook_post", 0.0, 0, None),
        ("gate+_in+", "hook_pre_linear", 0.25, 7, None),
    )
    two = frame(("gate+_in+", "hook_post", -3.0, 1, 0), ("gate+_in+", "hook_post", 1.0, None, 0))
    listed = Listed.of({NeuronId(0, 1): one, NeuronId(2, 3): two})
    assert listed.sizes.sum(axis=1).tolist() == [3, 1]
    assert listed.values.tolist() == [2.0, 0.25, 0.5, -3.0]
    assert listed.texts.tolist() == [7, 7, 4, 1]
    assert listed.positions.tolist() == [3, UNKNOWN, UNKNOWN, 0]
    assert listed.lists.tolist() == [0, 1, len(LISTS) - 1, 0]
    assert listed.owners.tolist() == [0, 0, 0, 1]
    assert listed.layers.tolist() == [0, 0, 0, 2]
    assert listed.scales().tolist() == [2.0, 0.25, 2.0, 3.0]  # a random list holds post


@pytest.mark.parametrize("convention", [pytest.param("raw", marks=pytest.mark.slow), "aligned"])
def test_lists_of_the_original_program(smollm2, tmp_path, convention):  # noqa: F811
    oracle = ORACLE / f"{CONVENTIONS[convention]}.parquet"
    if not oracle.exists():
        pytest.skip(f"SKIPPED for want of {oracle.name}: lists of the original program, {convention} signs")
    ids = json.loads(oracle.with_suffix(".json").read_text())["input_ids"]
    table = pq.read_table(oracle).to_pandas().set_index(["layer", "neuron"])
    listed = Listed.of({neuron: _frame_of(table.loc[neuron]) for neuron in NEURONS})
    source = find_model(str(smollm2), None)
    config, device = load_config(source), choose_device("cpu")
    model = load_model(source, config, describe_model(source, config, "float32", "cpu"), 14, device)
    turned = np.zeros(len(NEURONS), bool)
    if convention == "aligned":
        apart = {layer: model.mlps[layer].points_apart(Coordinates.NORM_FOLDED) for layer in (0, 14)}
        turned = np.array([bool(apart[layer][neuron]) for layer, neuron in NEURONS])
    texts = read_texts(write_texts(tmp_path / "texts.parquet", ids))
    found = revisit(model, listed, turned, texts, Scope(window=32, skip_first=0, batch_tokens=512))
    assert found.errors(listed).max() < 1e-4
    assert (found.positions >= 0).all()
    assert (found.positions < texts.lengths[listed.texts]).all()
    if convention == "aligned" and turned.any():
        wrong = revisit(model, listed, ~turned, texts, Scope(window=32, skip_first=0, batch_tokens=512))
        assert np.median(wrong.errors(listed)) > 0.05  # the signs are told apart


def _frame_of(row: pd.Series) -> pd.DataFrame:
    return frame(
        *(
            (each.case.column, each.quantity, value, text, None)
            for each in TOP_LISTS
            for value, text in zip(row[each.column(Field.VALUES)], row[each.column(Field.INDICES)], strict=True)
        )
    )

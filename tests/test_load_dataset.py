"""The folder is a dataset for Hugging Face's `datasets`, by config name; the paper's figure 4 runs on it."""

from dataclasses import replace
from pathlib import Path

import datasets
import pytest
import torch
from scipy import stats

from compute.run import run
from gluscope_core import open_dataset
from gluscope_core.schema import STRIKING_TABLE, TABLES


@pytest.fixture(scope="module")
def whole(with_weights, config, tmp_path_factory) -> dict[str, Path]:
    """By table, a dataset that has it: so few tokens have rare cases only where more of them count as rare."""
    out = tmp_path_factory.mktemp("striking") / "dataset"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("compute.striking.RARE", 0.2)
        run(replace(config, out=out))
    return {**dict.fromkeys(TABLES, with_weights), STRIKING_TABLE.name: out}


@pytest.mark.parametrize("name", TABLES)
def test_every_config(whole, tmp_path, name):
    loaded = datasets.load_dataset(str(whole[name]), name, cache_dir=str(tmp_path))["train"]
    assert loaded.column_names == TABLES[name].schema.names
    assert len(loaded) == sum(record.rows for record in open_dataset(whole[name]).manifest.files_of(name)) > 0


def test_figure_4(with_weights, tmp_path):
    torch.save(torch.randn(3, 24), tmp_path / "cosine_data.pt")
    # select single layer
    layer = 2
    # load precomputed cos(w_in,w_out) data,
    # assumed format is a tensor of shape (layer, neuron).
    cosines = torch.load(tmp_path / "cosine_data.pt")
    # select layer
    cosines = cosines[layer, :]
    # load our activation dataset
    activation_dataset = datasets.load_dataset(str(with_weights), cache_dir=str(tmp_path))["train"]
    # select layer
    activation_dataset = activation_dataset.filter(lambda example: example["layer"] == layer)
    # compute frequency of x_gate>0 for each neuron
    freq_gate_pos = torch.Tensor(activation_dataset["gate+_in+_freq"]) + torch.Tensor(
        activation_dataset["gate+_in-_freq"]
    )
    # compute correlation and p value
    corr_and_p = stats.pearsonr(cosines, freq_gate_pos)

    neurons = open_dataset(with_weights).neurons().query("layer == 2")
    wanted = stats.pearsonr(cosines.numpy(), neurons["gate+_in+_freq"] + neurons["gate+_in-_freq"])
    assert corr_and_p.statistic == pytest.approx(wanted.statistic, abs=1e-6)

"""What `weights --plan` says, against what the stage then takes."""

import json

import torch

from compute.cli import main
from compute.config import WeightsConfig
from compute.models import describe_model, find_model, load_config
from compute.weights import weights
from compute.weights.budget import budget_of_weights, measured_speed, weights_budget
from tests.architectures import save_random_model

SHAPE_70B = {
    "model_type": "llama",
    "vocab_size": 128256,
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "num_hidden_layers": 80,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
}


def test_a_70b_model_from_its_config_alone(tmp_path, capsys):
    (tmp_path / "big").mkdir()
    (tmp_path / "big" / "config.json").write_text(json.dumps(SHAPE_70B))
    assert main(["weights", "--model", str(tmp_path / "big"), "--plan"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["neurons", "2,293,760"]
    assert [line.split()[0] for line in lines] == ["neurons", "products", "time", "memory", "scratch", "dataset"]
    budget, _ = weights_budget(WeightsConfig(model=str(tmp_path / "big"), plan=True))
    assert 20e9 < budget.memory_bytes < 64e9  # far less than its 140 GB of weights
    links = 2 * 8192 * 2293760**2 * (79 / 80)
    assert budget.flops["links"] == links


def test_parts_that_are_left_out_cost_nothing(tmp_path):
    folder = save_random_model("llama", tmp_path / "model")
    model = describe_model(source := find_model(str(folder), None), load_config(source), "float32", "cpu")
    whole, some = (
        budget_of_weights(WeightsConfig(model=str(folder), plan=True, **parts), model)
        for parts in ({}, {"parts": ("neighbours",)})
    )
    assert set(some.flops) == {"neighbours"}
    assert some.dataset_bytes < whole.dataset_bytes


def test_size_on_disk(tmp_path):
    folder = save_random_model("llama", tmp_path / "model")
    config = WeightsConfig(model=str(folder), out=tmp_path / "out")
    weights(config)
    model = describe_model(source := find_model(str(folder), None), load_config(source), "float32", "cpu")
    written = sum(path.stat().st_size for path in (tmp_path / "out").rglob("*.parquet"))
    footers = 60_000  # of so small a dataset
    assert 0.2 * written - footers < budget_of_weights(config, model).dataset_bytes < 5 * written


def test_speed_is_a_number():
    assert 1e8 < measured_speed(16, torch.device("cpu")) < 1e15

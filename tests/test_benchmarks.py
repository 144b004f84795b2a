"""That the benchmark for GPUs runs where there is none, so that it is ready where there is one."""

from dataclasses import replace

import pytest
import torch

from benchmarks import gpu
from compute.kernels import Kernels


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(
        gpu, "kernels_for", lambda setting: Kernels.eager(torch.nn.functional.silu, window=32, dtype=setting.dtype)
    )
    return replace(gpu.OLMO_7B, d_model=32, d_mlp=48, heads=4, layers=2, texts=20, tokens=12, device="cpu")


def test_cost_on_a_gpu(small):
    found = gpu.cost(small)
    assert 0 < found["G1"]["min"] <= found["G1"]["median"] <= found["G1"]["max"]
    assert found["hours_for_20M_tokens"] > 0


def test_distance_from_float32(small):
    found = gpu.distance_from_float32(small)
    assert 0 < found["bf16_list_overlap"] <= 1
    assert 0 <= found["bf16_frequency_error"] < 0.1

"""What the stage `weights` will take, from the model's config alone: what `weights --plan` prints."""

import time
from dataclasses import dataclass

import torch

from compute.budget import size_of
from compute.config import WeightsConfig
from compute.models import describe_model, find_model, load_config
from compute.placement import choose_device
from compute.weights.tokens import NEURONS_AT_ONCE, TOKENS_AT_ONCE
from gluscope_core.records import ModelRecord
from gluscope_core.vocabulary import INDEX_LISTS, RELATIONS, TOKEN_LISTS, VECTORS

GPU_FLOPS = {"A100": 19.5e12, "H100": 67e12, "H200": 67e12}
"""Of float32 products, by the vendors' data sheets."""
_BEYOND_PRODUCTS = 1.5
"""Selecting the largest of all values takes half as long again as computing them; measured on SmolLM2-135M."""
_LAYERS_COPIES = 4
"""Of a layer's weights in float32: as read, scaled, and as unit vectors."""
_TOKEN_ENTRY, _RELATED_ENTRY, _INDEX_ENTRY = 8, 8, 8
_COMPRESSED = 0.75


@dataclass(frozen=True)
class WeightsBudget:
    neurons: int
    flops: dict[str, float]
    """By part."""
    memory_bytes: float
    scratch_bytes: float
    """Unit vectors of all neurons, on disk while the stage works."""
    dataset_bytes: float
    kept_bytes: float
    """What is kept of each part while it is computed, so that it can be cut off."""

    @property
    def disk_bytes(self) -> float:
        """While the stage works: what is kept replaces what was kept before once it is whole."""
        return self.scratch_bytes + 2 * self.kept_bytes + self.dataset_bytes

    def hours(self, flops_per_second: float) -> float:
        return _BEYOND_PRODUCTS * sum(self.flops.values()) / flops_per_second / 3600

    def lines(self, here: float) -> list[str]:
        parts = ", ".join(f"{name} {count:.2g}" for name, count in self.flops.items())
        gpus = ", ".join(f"{self.hours(rate):.2g} h on one {gpu}" for gpu, rate in GPU_FLOPS.items())
        return [
            f"neurons   {self.neurons:,}",
            f"products  {sum(self.flops.values()):.3g} FLOPs in float32: {parts or 'none'}",
            f"time      {self.hours(here):.2g} h here, at {here:.2g} FLOP/s; {gpus}; beside reading the weights once",
            f"memory    {size_of(self.memory_bytes)}",
            f"scratch   {size_of(self.disk_bytes - self.dataset_bytes)} of disk, until it is done",
            f"dataset   about {size_of(self.dataset_bytes)} on disk",
        ]


def weights_budget(config: WeightsConfig) -> tuple[WeightsBudget, float]:
    """And how many products a second this machine manages."""
    if config.model is None:
        raise ValueError("a plan needs a model")
    source = find_model(config.model, config.revision)
    device = choose_device(config.device)
    record = describe_model(source, load_config(source), "float32", device.type)
    return budget_of_weights(config, record), measured_speed(record.d_model, device)


def budget_of_weights(config: WeightsConfig, model: ModelRecord) -> WeightsBudget:
    neurons, tokens, width = model.layers * model.d_mlp, model.vocab_size, model.d_model
    product = 2.0 * width
    links = 1 - 1 / model.layers
    flops = {
        "roles": product * neurons * tokens,
        "tokens": product * neurons * tokens * len(TOKEN_LISTS) / 2,
        "neighbours": product * len(VECTORS) * neurons**2 / 2,
        "links": product * neurons**2 * links,
    }
    parts = set(config.parts)
    listed = neurons * len(TOKEN_LISTS) * config.top_tokens if "tokens" in parts else 0
    indexed = tokens * len(INDEX_LISTS) * config.top_neurons if "tokens" in parts else 0
    related = neurons * len(RELATIONS) * config.related if {"neighbours", "links"} & parts else 0
    both = 2 * 4 * tokens * width + 4 * NEURONS_AT_ONCE * TOKENS_AT_ONCE if {"roles", "tokens"} & parts else 0
    return WeightsBudget(
        neurons=neurons,
        flops={part: count for part, count in flops.items() if part in parts},
        memory_bytes=4.0 * _LAYERS_COPIES * 3 * model.d_mlp * width + both + 12 * listed + 8 * (indexed + related),
        scratch_bytes=4.0 * len(VECTORS) * neurons * width,
        dataset_bytes=_COMPRESSED * (_TOKEN_ENTRY * listed + _INDEX_ENTRY * indexed + _RELATED_ENTRY * related)
        + 60.0 * neurons,
        kept_bytes=12.0 * listed + 8.0 * (indexed + related) + 100.0 * neurons,
    )


def measured_speed(width: int, device: torch.device) -> float:
    """FLOPs a second of the products that the stage consists of."""
    rows, columns = (torch.rand(count, width, device=device) for count in (1024, 4096))
    room = torch.empty(1024, 4096, device=device)
    torch.mm(rows, columns.t(), out=room)[0, 0].item()
    began, times = time.perf_counter(), 4
    for _ in range(times):
        torch.mm(rows, columns.t(), out=room)
    room[0, 0].item()
    return times * 2.0 * rows.numel() * len(columns) / (time.perf_counter() - began)

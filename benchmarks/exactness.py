"""R4 and R7: that speed costs no truth.

R4 counts the figures and list entries in which four shards, merged in shuffled order, differ from one run. R7 holds a
run against the plainest computation from the model's own values: the share of the top 16 texts that both name, and the
largest error of a frequency."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from transformers import LlamaModel

from benchmarks.figures import Figures, summary
from benchmarks.whole_runs import write_random_texts, write_small_model
from compute.config import MergeConfig, RunConfig
from compute.merge import merge
from compute.options import Shard
from compute.run import run
from gluscope_core import open_dataset
from gluscope_core.dataset import Dataset
from gluscope_core.vocabulary import CASES, LISTS, TOP_LISTS, Field, Quantity, count_column, freq_column

SEEDS = 5
TEXTS, RANKS, K = 96, 4, 16


def measure() -> Iterator[tuple[str, Figures]]:
    with tempfile.TemporaryDirectory() as name:
        found = pd.DataFrame([_measure_once(Path(name) / str(seed), seed) for seed in range(SEEDS)])
    for measure_name, values in found.items():
        yield str(measure_name), summary(list(values))


def _measure_once(folder: Path, seed: int) -> dict[str, float]:
    torch.manual_seed(seed)
    folder.mkdir()
    model = write_small_model(folder / "model")
    random = np.random.default_rng(seed)
    texts = write_random_texts(folder / "texts.parquet", random.integers(1, 200, TEXTS))

    def config(out: str, shard: Shard) -> RunConfig:
        return RunConfig(
            str(model), texts, folder / out, sign_convention="raw", batch_tokens=1024, seed=seed, shard=shard
        )

    run(config("whole", Shard(0, 1)))
    ranks = [config(f"rank{i}", Shard(i, RANKS)) for i in range(RANKS)]
    for rank in ranks:
        run(rank)
    merge(MergeConfig(tuple(ranks[i].out for i in random.permutation(RANKS)), folder / "merged"))
    whole, merged = open_dataset(folder / "whole"), open_dataset(folder / "merged")
    overlap, error = _against_brute_force(whole, model)
    return {"R4": _differences(whole, merged), "R7": overlap, "R7-frequency": error}


def _differences(one: Dataset, other: Dataset) -> int:
    counts = [count_column(case) for case in CASES]
    unequal = int((one.neurons()[counts] != other.neurons()[counts]).to_numpy().sum())
    ours, theirs = (dataset.read_table("examples").to_pandas() for dataset in (one, other))
    columns = [each.column(field) for each in LISTS for field in Field]
    return unequal + sum(
        not np.array_equal(a, b) for name in columns for a, b in zip(ours[name], theirs[name], strict=True)
    )


def _against_brute_force(dataset: Dataset, model: Path) -> tuple[float, float]:
    """Share of list entries that both name, and the largest difference of a frequency."""
    seen = _run_by_itself(dataset, model)
    neurons, examples = dataset.neurons(), dataset.read_table("examples").to_pandas()
    shared = named = 0
    error = 0.0
    for layer, texts in enumerate(seen):
        ours = examples[examples["layer"] == layer]
        for case in CASES:
            inside = [(gate * case.gate_sign > 0) & (linear * case.in_sign > 0) for gate, linear, _ in texts]
            frequency = np.concatenate(inside).mean(axis=0)
            theirs = neurons.loc[neurons["layer"] == layer, freq_column(case)]
            error = max(error, float(np.abs(frequency - theirs).max()))
            for each in (each for each in TOP_LISTS if each.case is case):
                values = [np.abs(_quantity(each.valued, *text)) for text in texts]
                best = np.stack([np.where(i, value, 0).max(axis=0) for i, value in zip(inside, values, strict=True)])
                order = np.argsort(-best, axis=0, kind="stable")[:K]
                for neuron, indices in enumerate(ours[each.column(Field.INDICES)]):
                    expected = {text for text in order[:, neuron] if best[text, neuron] > 0}
                    shared += len(expected & set(indices))
                    named += max(len(expected), len(indices))
    return shared / named, error


def _quantity(quantity: Quantity, gate: np.ndarray, linear: np.ndarray, act: np.ndarray) -> np.ndarray:
    return {Quantity.GATE: gate, Quantity.IN: linear, Quantity.ACT: act, Quantity.POST: act * linear}[quantity]


def _run_by_itself(dataset: Dataset, folder: Path) -> list[list[tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """gate, in and act, token × neuron, by layer and text: as the model's modules give them, one text at a time."""
    model = LlamaModel.from_pretrained(folder).eval()
    seen = [[] for _ in model.layers]
    for layer, found in zip(model.layers, seen, strict=True):
        parts = (layer.mlp.gate_proj, layer.mlp.up_proj, layer.mlp.act_fn)
        kept: list[np.ndarray] = []
        for part in parts:
            part.register_forward_hook(lambda _, __, out, kept=kept: kept.append(out.flatten(0, -2).numpy()))

        def take(*_: object, found: list = found, kept: list = kept) -> None:
            gate, act, linear = kept  # in the order in which a Llama computes them
            found.append((gate, linear, act))
            kept.clear()

        layer.mlp.register_forward_hook(take)
    with torch.inference_mode():
        for number in range(dataset.manifest.texts.texts):
            model(input_ids=torch.tensor(dataset.text(number)["input_ids"])[None], use_cache=False)
    return seen

"""`make bench`: what it costs to collect everything, as a ratio to the bare forward pass of the same batch.

R1 is the time of forward pass and collection over that of the bare decoder, same attention, in pairs that take turns.
The lists are filled beforehand as after 10,000 texts, since what enters then is what a long run spends its time on."""

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaConfig, LlamaModel

from compute.architectures import ARCHITECTURES
from compute.batches import Batch, make_batch
from compute.gated import GatedMLP
from compute.kernels import Kernels
from compute.state import LayerState
from compute.token_texts import TokenTexts
from compute.toplists import TopLists
from compute.watch import Watch

PAIRS = 7
TEXTS, TOKENS, VOCAB = 8, 256, 1000
SEEN_TEXTS = 10_000
RESULTS = Path("build/bench.json")


def main() -> None:
    figures = {}
    eager = Kernels.eager(torch.nn.functional.silu, window=32)
    for name, kernels in (("R1", eager.compiled()), ("R1-eager", eager)):
        figures[name] = measure(kernels)
        show = {key: f"{value:.3f}" if isinstance(value, float) else value for key, value in figures[name].items()}
        print(name, show)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=1))


@torch.inference_mode()
def measure(kernels: Kernels) -> dict[str, float | int]:
    model, mlps = random_model()
    batch, chosen = random_batch()
    plain = [mlp.forward for mlp in mlps]
    layers = range(len(mlps))
    flipped = torch.zeros(mlps[0].intermediate_size, dtype=torch.bool)
    states = {layer: LayerState.none(flipped, top_k=16, random_k=16, window=32, samples=1024) for layer in layers}
    watch = Watch(
        states, kernels, sampled=(np.arange(1024) * SEEN_TEXTS // 1024, np.arange(1024) % TOKENS), first_text=0
    )
    for layer in layers:
        watch.attach(layer, GatedMLP(model.layers[layer], ARCHITECTURES["llama"]))
    watched = [mlp.forward for mlp in mlps]

    def run(forwards: list[Callable]) -> float:
        for mlp, forward in zip(mlps, forwards, strict=True):
            mlp.forward = forward
        watch.begin(batch, chosen)
        start = time.perf_counter()
        model(input_ids=batch.ids, use_cache=False)
        return time.perf_counter() - start

    run(watched)  # compiles
    ratios = []
    for _ in range(PAIRS):
        for state in states.values():
            fill(state.top)
            fill(state.random)
        ratios.append(run(watched) / run(plain))
    return {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios), "pairs": PAIRS}


def fill(lists: TopLists) -> None:
    """Raises the keys of lists that hold a batch to those of the 16 best of many such texts: each text then enters
    with the chance of k in 10,000."""
    random = torch.Generator().manual_seed(0)
    rows = torch.rand(lists.key.shape[:2], generator=random) < TEXTS * lists.k / SEEN_TEXTS
    lists.key.copy_(torch.where(rows[..., None], 1, torch.iinfo(torch.int64).max))
    lists.key[..., 1:] = torch.iinfo(torch.int64).max


def random_model() -> tuple[LlamaModel, list[torch.nn.Module]]:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCAB,
        hidden_size=1024,
        intermediate_size=2816,
        num_hidden_layers=4,
        num_attention_heads=16,
        attn_implementation="sdpa",
    )
    model = LlamaModel(config).eval()
    return model, [layer.mlp for layer in model.layers]


def random_batch() -> tuple[Batch, np.ndarray]:
    ids = np.random.default_rng(0).integers(0, VOCAB, TEXTS * TOKENS).astype(np.int32)
    texts = TokenTexts("random", (), ids, np.arange(TEXTS + 1) * TOKENS)
    chosen = np.arange(TEXTS)
    return make_batch(texts, chosen, skip_first=0, seed=0), chosen


if __name__ == "__main__":
    main()

"""`make bench`: what it costs to collect everything, as a ratio to the bare forward pass of the same batch.

R1 is the time of forward pass and collection over that of the bare decoder, same attention, in pairs that take turns.
The lists are filled beforehand as after 10,000 texts, since what enters then is what a long run spends its time on.
R1-cold starts with empty lists; R1-plain is the two-pass program of `plain.py`."""

import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaConfig, LlamaModel

from benchmarks.plain import TwoPasses
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
SEEN_TEXTS, SAMPLES = 10_000, 1024
RESULTS = Path("build/bench.json")

Figures = dict[str, float | int]


@dataclass(frozen=True)
class Shape:
    """Of a Llama-like model with random weights."""

    d_model: int
    d_mlp: int
    heads: int
    layers: int = 4


WIDE, SMOLLM2 = Shape(1024, 2816, 16), Shape(576, 1536, 9)


def main() -> None:
    figures = {}
    for name, found in measure_all():
        figures[name] = found
        spread = f"{found['min']:.2f} to {found['max']:.2f}, {found['pairs']} pairs"
        print(f"{name:12} {found['median']:.2f}   {spread}", flush=True)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(figures, indent=1))


def measure_all() -> Iterator[tuple[str, Figures]]:
    eager = Kernels.eager(torch.nn.functional.silu, window=32)
    compiled = eager.compiled()
    cold = Bench(WIDE)
    yield "R1-cold", cold.against_bare(cold.watched(compiled), pairs=1)
    for suffix, shape in (("", WIDE), ("-576", SMOLLM2)):
        bench = Bench(shape)
        yield f"R1{suffix}", bench.against_bare(bench.watched(compiled, seen_texts=SEEN_TEXTS))
        yield f"R1-eager{suffix}", bench.against_bare(bench.watched(eager, seen_texts=SEEN_TEXTS))
        yield f"R1-plain{suffix}", bench.against_bare(bench.plain())


class Bench:
    """A model, a batch, and programs that run the one over the other and say how long they took."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.model, self.mlps = random_model(shape)
        self.batch, self.chosen = random_batch()
        self._bare = [mlp.forward for mlp in self.mlps]

    def against_bare(self, program: Callable[[], float], pairs: int = PAIRS) -> Figures:
        with torch.inference_mode():
            if pairs > 1:  # else what is asked for is the first time
                program()
            self.forward(self._bare)
            ratios = [program() / self.forward(self._bare) for _ in range(pairs)]
        return {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios), "pairs": pairs}

    def watched(self, kernels: Kernels, seen_texts: int = 0) -> Callable[[], float]:
        """Forward pass and collection; the lists as after so many texts, before each."""
        flipped = torch.zeros(self.shape.d_mlp, dtype=torch.bool)
        layers = range(self.shape.layers)
        states = {i: LayerState.none(flipped, top_k=16, random_k=16, window=32, samples=SAMPLES) for i in layers}
        sampled = np.arange(SAMPLES) * SEEN_TEXTS // SAMPLES, np.arange(SAMPLES) % TOKENS
        watch = Watch(states, kernels, sampled, first_text=0)
        for layer in layers:
            watch.attach(layer, GatedMLP(self.model.layers[layer], ARCHITECTURES["llama"]))
        forwards = [mlp.forward for mlp in self.mlps]

        def program() -> float:
            if seen_texts:
                for state in states.values():
                    fill(state.top, seen_texts)
                    fill(state.random, seen_texts)
            watch.begin(self.batch, self.chosen)
            return self.forward(forwards)

        return program

    def plain(self) -> Callable[[], float]:
        def program() -> float:
            both = TwoPasses(self.mlps)
            start = time.perf_counter()
            self.forward(self._bare)
            both.first_pass()
            self.forward(self._bare)
            both.second_pass()
            both.remove()
            return time.perf_counter() - start

        return program

    def forward(self, forwards: list[Callable]) -> float:
        for mlp, forward in zip(self.mlps, forwards, strict=True):
            mlp.forward = forward
        start = time.perf_counter()
        self.model(input_ids=self.batch.ids, use_cache=False)
        return time.perf_counter() - start


def fill(lists: TopLists, seen_texts: int) -> None:
    """Raises the keys of lists to those of the 16 best of many such texts: each text of the batch then enters with the
    chance of k in so many."""
    random = torch.Generator().manual_seed(0)
    rows = torch.rand(lists.key.shape[:2], generator=random) < TEXTS * lists.k / seen_texts
    lists.key.copy_(torch.where(rows[..., None], 1, torch.iinfo(torch.int64).max))
    lists.key[..., 1:] = torch.iinfo(torch.int64).max


def random_model(shape: Shape) -> tuple[LlamaModel, list[torch.nn.Module]]:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCAB,
        hidden_size=shape.d_model,
        intermediate_size=shape.d_mlp,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
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

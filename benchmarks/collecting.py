"""R1: what it costs to collect everything, as a ratio to the bare forward pass of the same batch.

The lists are filled beforehand as after 10,000 texts, since what enters then is what a long run spends its time on.
R1-cold starts with empty lists and an empty compiler; R1-plain is the two-pass program of `plain.py`."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from transformers import AutoModel, LlamaConfig, PreTrainedModel

from benchmarks.figures import Figures, summary
from benchmarks.plain import TwoPasses
from compute.architectures import ARCHITECTURES
from compute.batches import Batch, make_batch
from compute.gated import GatedMLP
from compute.kernels import Kernels
from compute.state import LayerState
from compute.token_texts import TokenTexts
from compute.toplists import TopLists
from compute.watch import Watch

PAIRS, SLOW_PAIRS = 25, 5
VOCAB = 1000
SEEN_TEXTS, SAMPLES = 10_000, 1024


@dataclass(frozen=True)
class Setting:
    """A Llama-like model with random weights, and a batch of random tokens."""

    d_model: int
    d_mlp: int
    heads: int
    layers: int = 4
    texts: int = 8
    tokens: int = 256
    device: str = "cpu"
    dtype: torch.dtype = torch.float32


WIDE, SMOLLM2 = Setting(1024, 2816, 16), Setting(576, 1536, 9)


def measure() -> Iterator[tuple[str, Figures]]:
    eager = Kernels.eager(torch.nn.functional.silu, window=32)
    compiled = eager.compiled()
    cold = Bench(WIDE)
    yield "R1-cold", cold.against_bare(cold.watched(compiled), pairs=1)
    for suffix, setting in (("", WIDE), ("-576", SMOLLM2)):
        bench = Bench(setting)
        yield f"R1{suffix}", bench.against_bare(bench.watched(compiled, seen_texts=SEEN_TEXTS))
    bench = Bench(SMOLLM2)
    yield "R1-eager-576", bench.against_bare(bench.watched(eager, seen_texts=SEEN_TEXTS), SLOW_PAIRS)
    yield "R1-plain-576", bench.against_bare(bench.plain(), SLOW_PAIRS)


class Bench:
    """A model, a batch, and programs that run the one over the other and say how long they took."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.model = random_model(setting)
        self.mlps = [layer.mlp for layer in self.model.layers]
        self.batch, self.chosen = random_batch(setting)
        self.states: dict[int, LayerState] = {}
        self.bare = [mlp.forward for mlp in self.mlps]

    def against_bare(self, program: Callable[[], float], pairs: int = PAIRS) -> Figures:
        with torch.inference_mode():
            if pairs > 1:  # else what is asked for is the first time
                program()
            self.forward(self.bare)
            ratios = [program() / self.forward(self.bare) for _ in range(pairs)]
        return summary(ratios)

    def watched(self, kernels: Kernels, seen_texts: int = 0) -> Callable[[], float]:
        """Forward pass and collection; the lists as after so many texts, before each."""
        flipped = torch.zeros(self.setting.d_mlp, dtype=torch.bool, device=self.setting.device)
        layers = range(self.setting.layers)
        states = {i: LayerState.none(flipped, top_k=16, random_k=16, window=32, samples=SAMPLES) for i in layers}
        sampled = np.arange(SAMPLES) * SEEN_TEXTS // SAMPLES, np.arange(SAMPLES) % self.setting.tokens
        watch = Watch(states, kernels, sampled, first_text=0)
        self.states = watch.states
        for layer in layers:
            watch.attach(layer, GatedMLP(self.model.layers[layer], ARCHITECTURES["llama"]))
        forwards = [mlp.forward for mlp in self.mlps]

        def program() -> float:
            if seen_texts:
                for state in states.values():
                    fill(state.top, self.setting.texts, seen_texts)
                    fill(state.random, self.setting.texts, seen_texts)
            watch.begin(self.batch, self.chosen)
            return self.forward(forwards)

        return program

    def plain(self) -> Callable[[], float]:
        def program() -> float:
            both = TwoPasses(self.mlps)
            start = time.perf_counter()
            self.forward(self.bare)
            both.first_pass()
            self.forward(self.bare)
            both.second_pass()
            both.remove()
            return time.perf_counter() - start

        return program

    def forward(self, forwards: list[Callable]) -> float:
        for mlp, forward in zip(self.mlps, forwards, strict=True):
            mlp.forward = forward
        self._wait()
        start = time.perf_counter()
        self.model(input_ids=self.batch.ids, use_cache=False)
        self._wait()
        return time.perf_counter() - start

    def _wait(self) -> None:
        if self.batch.ids.is_cuda:
            torch.cuda.synchronize()


def fill(lists: TopLists, texts: int, seen_texts: int) -> None:
    """Raises the keys of lists to those of the 16 best of many such texts: each text of the batch then enters with the
    chance of k in so many."""
    random = torch.Generator().manual_seed(0)
    rows = torch.rand(lists.key.shape[:2], generator=random) < texts * lists.k / seen_texts
    lists.key.copy_(torch.where(rows[..., None], 1, torch.iinfo(torch.int64).max))
    lists.key[..., 1:] = torch.iinfo(torch.int64).max


def random_model(setting: Setting) -> PreTrainedModel:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCAB,
        hidden_size=setting.d_model,
        intermediate_size=setting.d_mlp,
        num_hidden_layers=setting.layers,
        num_attention_heads=setting.heads,
        attn_implementation="sdpa",
    )
    with torch.device(setting.device):
        return AutoModel.from_config(config, dtype=setting.dtype).eval()


def random_batch(setting: Setting) -> tuple[Batch, np.ndarray]:
    ids = np.random.default_rng(0).integers(0, VOCAB, setting.texts * setting.tokens).astype(np.int32)
    texts = TokenTexts("random", (), ids, np.arange(setting.texts + 1) * setting.tokens)
    chosen = np.arange(setting.texts)
    return make_batch(texts, chosen, skip_first=0, seed=0).to(torch.device(setting.device)), chosen

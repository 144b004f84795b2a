"""`make bench-gpu`: G1, what collecting costs on a GPU: OLMo-7B's shape, random weights in bfloat16.

Tokens per second of forward pass and collection over those of the bare forward pass, lists as after 10,000 texts and
empty; the time that 20 million tokens would take; the most memory held; and how far frequencies and lists are from
those of the same weights in float32, on a few layers."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.collecting import SEEN_TEXTS, Bench, Setting
from compute.kernels import Kernels
from compute.state import LayerState

OLMO_7B = Setting(4096, 11008, 32, layers=32, texts=32, tokens=1024, device="cuda", dtype=torch.bfloat16)
RUN_TOKENS = 20_000_000
COMPARED = replace(OLMO_7B, layers=4, texts=128, tokens=256)
RESULTS = Path("build/bench-gpu.json")


def main() -> None:
    figures = {"device": torch.cuda.get_device_name(), **cost(OLMO_7B)}
    figures["peak_gb"] = torch.cuda.max_memory_allocated() / 1e9
    torch.cuda.empty_cache()
    figures |= distance_from_float32(COMPARED)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=1))
    for name, value in figures.items():
        print(f"{name:28} {value:.4g}" if isinstance(value, float) else f"{name:28} {value}")


def cost(setting: Setting) -> dict:
    """As ratios of tokens per second, so that 1 would be free."""
    bench, kernels = Bench(setting), kernels_for(setting)
    ratios = {
        "G1": bench.against_bare(bench.watched(kernels, seen_texts=SEEN_TEXTS)),
        "G1-empty": bench.against_bare(bench.watched(kernels)),
    }
    with torch.inference_mode():
        seconds = bench.forward(bench.bare)
    tokens_per_second = setting.texts * setting.tokens / seconds
    of_bare = {
        name: {"median": 1 / found["median"], "min": 1 / found["max"], "max": 1 / found["min"], "pairs": found["pairs"]}
        for name, found in ratios.items()
    }
    return of_bare | {
        "bare_tokens_per_second": tokens_per_second,
        "hours_for_20M_tokens": RUN_TOKENS / (tokens_per_second * of_bare["G1"]["median"]) / 3600,
    }


def distance_from_float32(setting: Setting) -> dict[str, float]:
    """The same weights, once in bfloat16 and once in float32."""
    low = Bench(setting)
    exact = Bench(replace(setting, dtype=torch.float32))
    exact.model.load_state_dict(low.model.state_dict())
    ours, theirs = (collected(bench) for bench in (low, exact))
    error, shared, entries = 0.0, 0, 0
    for layer, state in ours.items():
        counts = (state.moments.count - theirs[layer].moments.count).abs()
        error = max(error, float(counts.max()) / (setting.texts * setting.tokens))
        mine, other = state.top, theirs[layer].top
        same = (mine.texts[..., :, None] == other.texts[..., None, :]) & (mine.key > 0)[..., :, None]
        shared += int((same & (other.key > 0)[..., None, :]).any(dim=-1).sum())
        entries += int((other.key > 0).sum())
    return {"bf16_frequency_error": error, "bf16_list_overlap": shared / entries}


def collected(bench: Bench) -> dict[int, LayerState]:
    program: Callable[[], float] = bench.watched(kernels_for(bench.setting))
    with torch.inference_mode():
        program()
    return bench.states


def kernels_for(setting: Setting) -> Kernels:
    return Kernels.eager(torch.nn.functional.silu, window=32, dtype=setting.dtype).compiled()


if __name__ == "__main__":
    main()

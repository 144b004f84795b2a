"""What a run will take, from its configuration alone: what `run --plan` prints."""

from dataclasses import dataclass

from compute.models import text_config
from compute.plan import Plan
from gluscope_core.records import ModelRecord, RunRecord, TextsRecord
from gluscope_core.vocabulary import RANDOM_LISTS, TOP_LISTS

# Of dense bf16 products, by the vendors' data sheets; half of it is what a forward pass of large batches reaches.
GPU_FLOPS = {"A100": 312e12, "H100": 989e12, "H200": 989e12}
_REACHED = 0.5
_BYTES_OF_TOKEN = 8
"""In a window: token id, and gate and in as float16."""
_BYTES_OF_ENTRY = 22
_COMPRESSED = 0.47
"""Measured on windows of SmolLM2-135M."""
_BYTES_OF_LISTED, _BYTES_OF_SAMPLE, _BYTES_OF_NEURON, _BYTES_OF_TEXT, _BYTES_OF_WORD = 12, 4, 600, 6, 20
"""Of an entry of a list, a sample, a neuron's figures, a text's token and a token of the vocabulary: as much as they
take at most, or take uncompressed."""


@dataclass(frozen=True)
class Budget:
    tokens: int
    flops: float
    """Of the forward pass; collecting adds bandwidth, hardly arithmetic."""
    observed_bytes: float
    """gate and in, each read once in float32."""
    state_bytes: float
    """Lists, windows, samples and sums of all recorded layers: in memory during the run, on disk in a checkpoint."""
    dataset_bytes: float

    @property
    def disk_bytes(self) -> float:
        """While the run lasts: a checkpoint replaces the one before once it is whole; the dataset is written last."""
        return 2 * self.state_bytes + self.dataset_bytes

    def hours_on(self, gpu: str) -> float:
        return self.flops / (GPU_FLOPS[gpu] * _REACHED) / 3600

    def lines(self) -> list[str]:
        times = ", ".join(f"{self.hours_on(gpu):.2g} h on one {gpu}" for gpu in GPU_FLOPS)
        return [
            f"tokens    {self.tokens:,}",
            f"forward   {self.flops:.3g} FLOPs: {times}, in bf16 at half of its peak",
            f"observed  {size_of(self.observed_bytes)} of gate and in",
            f"state     {size_of(self.state_bytes)} of memory, and as much disk for each of up to two checkpoints",
            f"dataset   about {size_of(self.dataset_bytes)} on disk",
        ]


def budget_of(plan: Plan) -> Budget:
    run, model = plan.settings.run, plan.settings.model
    lengths = plan.texts.lengths.astype(float)
    neurons = model.d_mlp * len(run.layers)
    return Budget(
        tokens=len(plan.texts.ids),
        flops=_flops(plan, lengths.sum(), (lengths**2).sum()),
        observed_bytes=8.0 * neurons * lengths.sum(),
        state_bytes=float(plan.state_bytes * len(run.layers)),
        dataset_bytes=dataset_bytes(run, model, plan.settings.texts),
    )


def dataset_bytes(run: RunRecord, model: ModelRecord, texts: TextsRecord) -> float:
    """Of which windows are most."""
    neurons = model.d_mlp * len(run.layers)
    top, chosen = (min(most, texts.texts) for most in (run.top_k, run.random_k))
    entries = neurons * (len(TOP_LISTS) * top + len(RANDOM_LISTS) * chosen)
    samples = neurons * min(run.samples, run.counted_tokens)
    figures = _BYTES_OF_LISTED * entries + _BYTES_OF_SAMPLE * samples + _BYTES_OF_NEURON * neurons
    inputs = _BYTES_OF_TEXT * texts.tokens + _BYTES_OF_WORD * model.vocab_size
    return windows_bytes(entries, run.window) + figures + inputs


def windows_bytes(entries: int, window: int) -> float:
    """On disk, of so many entries of lists."""
    return _COMPRESSED * entries * (window * _BYTES_OF_TOKEN + _BYTES_OF_ENTRY)


def _flops(plan: Plan, tokens: float, squared: float) -> float:
    """Two for each weight and token, and attention's two products of all pairs of a text's tokens."""
    config, model = text_config(plan.config), plan.settings.model
    heads = config.num_attention_heads
    head = getattr(config, "head_dim", None) or model.d_model // heads
    shared = getattr(config, "num_key_value_heads", None) or heads
    weights = model.d_model * (2 * heads * head + 2 * shared * head + 3 * model.d_mlp)
    return (plan.layers[-1] + 1) * (2 * weights * tokens + 4 * heads * head * squared)


def size_of(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"

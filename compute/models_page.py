"""`make docs`: the page that lists the architectures, from their entries."""

from compute.architectures import ARCHITECTURES, Architecture, Norm

_HEAD = """# Models

GLUScope analyses decoders with dense gated MLPs, of any size, from the Hugging Face Hub, from a folder, or from a
`.gguf` file where transformers reads that architecture from GGUF. Weights come as safetensors or GGUF, tied or not, and
are run in float32 on a CPU, in the checkpoint's own precision on a GPU, or as `--dtype` says. Of a model that also sees
or hears, the text tower is taken. Code that comes with a model is never run.

Refused, by name and reason, before any weights are downloaded: MLPs without a gate (GPT-2, Pythia, OPT, Falcon …),
mixtures of experts, encoders, state-space models, quantised checkpoints other than GGUF, and architectures that
transformers does not know.

This page is made from the entries in `compute/architectures.py` by `make docs`;
[CONTRIBUTING.md](../CONTRIBUTING.md#how-to-add-an-architecture) says how to add one.

| `model_type` | models | gate and in | norm before the MLP | norm after it |
|---|---|---|---|---|
"""
_FOOT = """
The norm before the MLP matters for the coordinates: w_gate and w_in are multiplied by its scale, which is its weight
unless the table says otherwise. A norm that centres takes the mean over the residual stream away, as LayerNorm does.
With `--coordinates effective` w_out is multiplied by the scale of the norm after the MLP, and where the norm before it
centres, all three vectors are centred.
"""


def page() -> str:
    return _HEAD + "".join(_row(entry) for entry in ARCHITECTURES.values()) + _FOOT


def _row(entry: Architecture) -> str:
    matrices = f"`{entry.fused}`, halves" if entry.fused else f"`{entry.gate}`, `{entry.linear}`"
    before = _norm(entry.norm_before)
    if entry.norm_parallel is not None:
        before += f"; beside attention: {_norm(entry.norm_parallel)}"
    return f"| `{entry.model_type}` | {entry.models} | {matrices} | {before} | {_norm(entry.norm_after)} |\n"


def _norm(norm: Norm | None) -> str:
    if norm is None:
        return "none"
    traits = [f"{norm.scale_offset:g} + weight"] if norm.scale_offset else []
    traits += ["no weight"] if not norm.scaled else []
    traits += ["centres"] if norm.centres else []
    return f"`{norm.path}`" + (f" ({', '.join(traits)})" if traits else "")


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201

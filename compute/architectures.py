"""One entry per architecture: where its gated MLP lives and which norm feeds it."""

from dataclasses import dataclass

from gluscope_core.errors import ModelRefused


@dataclass(frozen=True)
class Architecture:
    """Paths are attributes of a decoder layer in transformers, or of the decoder itself."""

    model_type: str
    """`model_type` in the config."""
    layers: str = "layers"
    """The list of decoder layers, in the bare decoder."""
    mlp: str = "mlp"
    gate: str = "gate_proj"
    linear: str = "up_proj"
    out: str = "down_proj"
    act: str = "act_fn"
    """The four within the MLP."""
    norm_before: str = "post_attention_layernorm"
    """The norm whose output the MLP reads."""
    activation_setting: str = "hidden_act"
    """Where the config names the activation function."""


ARCHITECTURES = {entry.model_type: entry for entry in (Architecture("llama"),)}


def architecture_of(model_type: str, model: str) -> Architecture:
    if model_type not in ARCHITECTURES:
        raise ModelRefused(f"{model}: architecture {model_type!r} is not known; known are {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[model_type]

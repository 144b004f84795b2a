"""One entry per architecture: where its gated MLP lives, which norm feeds it, which follows it.

A new one is a new entry in `ARCHITECTURES`, and a case in `tests/architectures.py`; see CONTRIBUTING.md."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import transformers
from torch import nn
from transformers import CONFIG_MAPPING, PretrainedConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

from gluscope_core.errors import ModelRefused


@dataclass(frozen=True)
class Norm:
    path: str
    """Attribute of a decoder layer in transformers, or of the decoder itself."""
    scaled: bool = True
    """Whether it has a weight to multiply by."""
    scale_offset: float = 0.0
    """Gemma multiplies by 1 + weight."""
    centres: bool = False
    """Whether it takes the mean away first, as LayerNorm does and RMSNorm does not."""


@dataclass(frozen=True)
class Architecture:
    """Paths are attributes of a decoder layer in transformers, or of the decoder itself."""

    model_type: str
    """`model_type` in the config of the text model."""
    models: str
    """Some that have it."""
    layers: str = "layers"
    """The list of decoder layers, in the bare decoder."""
    mlp: str = "mlp"
    gate: str = "gate_proj"
    linear: str = "up_proj"
    fused: str | None = None
    """A projection that holds gate and in, one after the other, in place of the two."""
    out: str = "down_proj"
    act: str = "act_fn"
    """These within the MLP."""
    norm_before: Norm | None = Norm("post_attention_layernorm")
    """The norm whose output the MLP reads; None where it reads the residual stream as it is."""
    norm_parallel: Norm | None = None
    """The same in layers whose MLP and attention read side by side, where that is a setting."""
    norm_after: Norm | None = None
    """The norm through which the MLP writes."""
    norm_final: Norm = Norm("norm")
    """The norm before the unembedding."""
    activation_setting: str = "hidden_act"
    """Where the config names the activation function."""

    @property
    def norm_attention(self) -> Norm | None:
        """The norm whose output attention reads: of the kind that the MLP's is."""
        return None if self.norm_before is None else replace(self.norm_before, path="input_layernorm")

    def norm_of(self, layer: nn.Module) -> Norm | None:
        """The norm whose output this layer's MLP reads."""
        side_by_side = self.norm_parallel is not None and getattr(layer, "use_parallel_residual", False)
        return self.norm_parallel if side_by_side else self.norm_before


_GEMMA_2 = Architecture(
    "gemma2",
    "Gemma 2",
    norm_before=Norm("pre_feedforward_layernorm", scale_offset=1.0),
    norm_after=Norm("post_feedforward_layernorm", scale_offset=1.0),
    norm_final=Norm("norm", scale_offset=1.0),
    activation_setting="hidden_activation",
)
_OLMO_2 = Architecture("olmo2", "OLMo 2", norm_before=None, norm_after=Norm("post_feedforward_layernorm"))
_PHI_3 = Architecture("phi3", "Phi 3, Phi 3.5 mini, Phi 4", fused="gate_up_proj", act="activation_fn")
_COMMAND_R = Architecture(
    "cohere",
    "Command R",
    norm_before=Norm("input_layernorm", centres=True),
    norm_final=Norm("norm", centres=True),
)

ARCHITECTURES = {
    entry.model_type: entry
    for entry in (
        Architecture("llama", "Llama 1 to 3, Yi, SmolLM 1 and 2, TinyLlama, DeepSeek's distilled Llamas"),
        Architecture("mistral", "Mistral 7B, Nemo and Small"),
        Architecture("ministral", "Ministral 8B"),
        Architecture("qwen2", "Qwen 1.5, 2 and 2.5, QwQ"),
        Architecture("qwen3", "Qwen 3"),
        Architecture(
            "gemma",
            "Gemma 1",
            norm_before=Norm("post_attention_layernorm", scale_offset=1.0),
            norm_final=Norm("norm", scale_offset=1.0),
        ),
        _GEMMA_2,
        replace(_GEMMA_2, model_type="gemma3_text", models="Gemma 3"),
        Architecture(
            "olmo",
            "OLMo 1",
            norm_before=Norm("post_attention_layernorm", scaled=False, centres=True),
            norm_final=Norm("norm", scaled=False, centres=True),
        ),
        _OLMO_2,
        replace(_OLMO_2, model_type="olmo3", models="OLMo 3"),
        _PHI_3,
        Architecture("smollm3", "SmolLM 3"),
        replace(_PHI_3, model_type="glm", models="GLM-4 9B"),
        replace(_PHI_3, model_type="glm4", models="GLM-4-0414", norm_after=Norm("post_mlp_layernorm")),
        Architecture("granite", "Granite 3 and 4, dense"),
        Architecture(
            "stablelm",
            "StableLM 2, StableLM 3B",
            norm_before=Norm("post_attention_layernorm", centres=True),
            norm_parallel=Norm("input_layernorm", centres=True),
            norm_final=Norm("norm", centres=True),
        ),
        _COMMAND_R,
        replace(_COMMAND_R, model_type="cohere2", models="Command R7B, Command A"),
        replace(_OLMO_2, model_type="exaone4", models="EXAONE 4"),
        Architecture("seed_oss", "Seed-OSS"),
    )
}


def architecture_of(config: PretrainedConfig, model: str) -> Architecture:
    """The entry of a text model; refuses, by name and reason, one that cannot be analysed."""
    if (method := _quantised_by(config)) is not None:
        raise ModelRefused(f"{model}: its weights are quantised ({method}): give the checkpoint they were made from")
    if (reason := _why_not(config)) is not None:
        raise ModelRefused(f"{model}: {reason}: give a dense decoder with gated MLPs, such as those in docs/models.md")
    return ARCHITECTURES[config.model_type]


def refuse_foreign_code(content: dict, model: str) -> None:
    """Refuses, by what its config file says, a model that transformers has no code for."""
    kind = content.get("model_type")
    if kind in CONFIG_MAPPING:
        return
    if "auto_map" in content:
        raise ModelRefused(
            f"{model}: architecture {kind!r} needs code that comes with the model, which is never run: give a "
            "checkpoint that transformers has code for, often the one whose name ends in -hf"
        )
    raise ModelRefused(
        f"{model}: architecture {kind!r} is unknown to transformers {transformers.__version__}: upgrade transformers, "
        "or give another model"
    )


def _quantised_by(config: PretrainedConfig) -> str | None:
    stored = getattr(config, "quantization_config", None)
    method = stored.get("quant_method") if isinstance(stored, dict) else getattr(stored, "quant_method", None)
    return None if stored is None else str(getattr(method, "value", method))


def _why_not(config: PretrainedConfig) -> str | None:
    return next((reason for holds, reason in _reasons(config) if holds), None)


def _reasons(config: PretrainedConfig) -> Iterator[tuple[bool, str]]:
    """Each reason to refuse, and whether it holds, the telling ones first."""
    kind = config.model_type
    yield (
        any(_count(config, setting) > 1 for setting in _EXPERTS),
        f"architecture {kind!r} is a mixture of experts, each of which sees only some of the tokens",
    )
    if kind in ARCHITECTURES:
        return
    yield config.is_encoder_decoder, f"architecture {kind!r} is an encoder with a decoder: only decoders are analysed"
    yield (
        kind in _STATE_SPACE or any(hasattr(config, setting) for setting in _STATE_SPACE_SETTINGS),
        f"architecture {kind!r} is a state-space model, or partly one",
    )
    yield (
        kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not getattr(config, "is_decoder", False),
        f"architecture {kind!r} is an encoder only: only decoders are analysed",
    )
    yield kind in _NOT_GATED, f"architecture {kind!r} has no gated MLP, so that its neurons have no sign cases"
    yield True, f"architecture {kind!r} is not known to GLUScope; known are {', '.join(ARCHITECTURES)}"


def _count(config: PretrainedConfig, setting: str) -> int:
    value = getattr(config, setting, None)
    return value if isinstance(value, int) else 0


_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "num_routed_experts")
_STATE_SPACE = {"mamba", "mamba2", "falcon_mamba", "rwkv", "xlstm", "recurrent_gemma"}
_STATE_SPACE_SETTINGS = ("mamba_d_state", "mamba_d_conv", "ssm_state_size")
_NOT_GATED = {
    "apertus",
    "arcee",
    "bloom",
    "codegen",
    "cpmant",
    "ctrl",
    "falcon",
    "fuyu",
    "gpt2",
    "gpt_bigcode",
    "gpt_neo",
    "gpt_neox",
    "gpt_neox_japanese",
    "gptj",
    "jais2",
    "mpt",
    "nanochat",
    "nemotron",
    "openai-gpt",
    "opt",
    "persimmon",
    "phi",
    "starcoder2",
    "xglm",
}

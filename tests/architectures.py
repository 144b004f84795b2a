"""A tiny random model of every architecture that GLUScope knows."""

from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

VOCAB = 61
_SHAPE = {
    "vocab_size": VOCAB,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": None,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_HEADS = {"head_dim": 4}
_PARTIAL_ROTATION = {"partial_rotary_factor": 0.5}

# What an architecture's config needs beside the shape; each model type may come in several variants.
VARIANTS: dict[str, dict] = {
    "llama": {},
    "llama-bias": {"mlp_bias": True},
    "mistral": {"sliding_window": 4},
    "ministral": {"sliding_window": 4, **_HEADS},
    "qwen2": {},
    "qwen3": _HEADS,
    "gemma": _HEADS,
    "gemma2": {"sliding_window": 4, "query_pre_attn_scalar": 4, **_HEADS},
    "gemma3_text": {"sliding_window": 4, "query_pre_attn_scalar": 4, **_HEADS},
    "olmo": {"clip_qkv": 3.0},
    "olmo2": {},
    "olmo3": {"sliding_window": 4},
    "phi3": {},
    "smollm3": {},
    "glm": {**_HEADS, **_PARTIAL_ROTATION},
    "glm4": {**_HEADS, **_PARTIAL_ROTATION},
    "granite": {"embedding_multiplier": 2.0, "residual_multiplier": 0.5, "logits_scaling": 2.0},
    "stablelm": _PARTIAL_ROTATION,
    "stablelm-parallel": {"use_parallel_residual": True, "use_qkv_bias": True, **_PARTIAL_ROTATION},
    "cohere": {},
    "cohere2": {"sliding_window": 4, **_HEADS},
    "exaone4": {"sliding_window": 4},
    "seed_oss": _HEADS,
}


def model_type(variant: str) -> str:
    return variant.partition("-")[0]


def random_model(variant: str, seed: int = 0) -> PreTrainedModel:
    """With the unembedding. Norms' scales are random too, so that leaving one out shows."""
    torch.manual_seed(seed)
    config = AutoConfig.for_model(model_type(variant), **_SHAPE, **VARIANTS[variant])
    config._attn_implementation = "eager"
    model = AutoModelForCausalLM.from_config(config)
    model.config.architectures = [type(model).__name__]
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            offset = 0.7 if "norm" in name and name.endswith("weight") else 0.0
            parameter.copy_(offset + torch.randn_like(parameter) * 0.15)
    return model.eval()


def save_random_model(variant: str, folder: Path) -> Path:
    random_model(variant).save_pretrained(folder)
    return folder

"""What the weights say, the plainest way: whole matrices in float64, one figure after the other."""

from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel

from tests.outside import scale_before, weights_point_apart

NORMED_QUERIES = ("qwen3", "gemma3_text", "olmo2", "olmo3", "exaone4")


@dataclass(frozen=True)
class Plain:
    """Vectors of all neurons of a model, layer after layer, aligned; directions of tokens."""

    gate: np.ndarray
    linear: np.ndarray
    out: np.ndarray
    unembed: np.ndarray
    embed: np.ndarray
    layer: np.ndarray
    flipped: np.ndarray

    @classmethod
    def of(cls, model: PreTrainedModel) -> "Plain":
        decoder = model.model
        gate, linear, out, layer, flipped = [], [], [], [], []
        for number, block in enumerate(decoder.layers):
            scale = scale_before(decoder, number).double()
            if hasattr(block.mlp, "gate_up_proj"):
                raw_gate, raw_in = block.mlp.gate_up_proj.weight.detach().double().chunk(2)
            else:
                raw_gate, raw_in = (part.weight.detach().double() for part in (block.mlp.gate_proj, block.mlp.up_proj))
            apart = weights_point_apart(decoder, number)
            sign = np.where(apart, -1, 1)[:, None]
            gate.append((raw_gate * scale).numpy())
            linear.append((raw_in * scale).numpy() * sign)
            out.append(block.mlp.down_proj.weight.detach().double().t().numpy() * sign)
            layer.append(np.full(len(sign), number))
            flipped.append(apart)
        unembed = model.lm_head.weight.detach().double().numpy() * final_scale(model)
        embed = decoder.embed_tokens.weight.detach().double().numpy()
        parts = (np.concatenate(part) for part in (gate, linear, out))
        return cls(*parts, unembed - unembed.mean(axis=0), embed, np.concatenate(layer), np.concatenate(flipped))

    @property
    def vectors(self) -> dict[str, np.ndarray]:
        return {"w_gate": self.gate, "w_in": self.linear, "w_out": self.out}

    @property
    def matrices(self) -> dict[str, np.ndarray]:
        return {"W_U": self.unembed, "W_E": self.embed}


def final_scale(model: PreTrainedModel) -> np.ndarray:
    kind, norm = model.config.model_type, model.model.norm
    if kind == "olmo":
        return np.ones(model.config.hidden_size)
    weight = norm.weight.detach().double().numpy()
    return 1 + weight if kind in ("gemma", "gemma2", "gemma3_text") else weight


def cosine(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Of every row with every row."""
    return unit(one) @ unit(other).T


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def moments(plain: Plain) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Variance, skew and excess kurtosis of cos(w_out, W_U)."""
    cosines = cosine(plain.out, plain.unembed)
    around = cosines - cosines.mean(axis=1, keepdims=True)
    variance = (around**2).mean(axis=1)
    return variance, (around**3).mean(axis=1) / variance**1.5, (around**4).mean(axis=1) / variance**2 - 3


def seeking(model: PreTrainedModel, token: int) -> list[np.ndarray] | None:
    """For each layer, each query head's W_Q k of the first token; None where queries are normed."""
    if model.config.model_type in NORMED_QUERIES:
        return None
    keys = {}
    width = getattr(model.config, "head_dim", None) or model.config.hidden_size // model.config.num_attention_heads
    queries = model.config.num_attention_heads * width
    shared = model.config.num_key_value_heads * width
    hooks = []
    for number, block in enumerate(model.model.layers):
        fused = hasattr(block.self_attn, "qkv_proj")
        part = block.self_attn.qkv_proj if fused else block.self_attn.k_proj
        start = queries if fused else 0
        hooks.append(
            part.register_forward_hook(
                lambda _, __, out, number=number, start=start: keys.__setitem__(
                    number, out[0, 0, start : start + shared]
                )
            )
        )
    with torch.no_grad():
        model.model(torch.tensor([[token]]))
    for hook in hooks:
        hook.remove()
    found = []
    for number, block in enumerate(model.model.layers):
        attention = block.self_attn
        weight = attention.qkv_proj.weight[:queries] if hasattr(attention, "qkv_proj") else attention.q_proj.weight
        per_head = weight.detach().double().numpy().reshape(-1, width, weight.shape[1])
        by_head = keys[number].double().numpy().reshape(-1, width)
        each = len(per_head) // len(by_head)
        directions = np.stack([per_head[head].T @ by_head[head // each] for head in range(len(per_head))])
        found.append(directions * input_scale(model, number))
    return found


def input_scale(model: PreTrainedModel, layer: int) -> np.ndarray:
    kind, block = model.config.model_type, model.model.layers[layer]
    if kind == "olmo":
        return np.ones(model.config.hidden_size)
    weight = block.input_layernorm.weight.detach().double().numpy()
    return 1 + weight if kind in ("gemma", "gemma2") else weight

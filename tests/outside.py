"""A model seen from outside: what its MLPs compute for each text alone, through forward hooks."""

from pathlib import Path

import numpy as np
import torch
from transformers import LlamaModel

from tests.conftest import CONTEXT
from tests.reference import Text

LAYERS, NEURONS = 3, 24


def activations_of(folder: Path, texts: list[list[int]], *, aligned: bool) -> list[list[Text]]:
    """By layer: what the model computes for each text alone, seen from outside with forward hooks."""
    model = LlamaModel.from_pretrained(folder, attn_implementation="eager").eval()
    found: list[list[Text]] = [[] for _ in range(LAYERS)]
    for number, ids in enumerate(texts):
        seen: dict[str, np.ndarray] = {}
        hooks = [
            module.register_forward_hook(
                lambda _, __, out, name=name, seen=seen: seen.__setitem__(name, out[0].numpy())
            )
            for name, module in model.named_modules()
            if name.endswith(("gate_proj", "up_proj", "act_fn"))
        ]
        with torch.no_grad():
            if ids:
                model(torch.tensor([ids[:CONTEXT]]))
        for hook in hooks:
            hook.remove()
        for layer in range(LAYERS):
            names = [f"layers.{layer}.mlp.{part}" for part in ("gate_proj", "up_proj", "act_fn")]
            gate, linear, act = (seen.get(name, np.empty((0, NEURONS), np.float32)) for name in names)
            sign = np.where(weights_point_apart(model, layer), -1, 1) if aligned else 1
            found[layer].append(Text(number, gate, (linear * sign).astype(np.float32), act))
    return found


def weights_point_apart(model: LlamaModel, layer: int) -> np.ndarray:
    block = model.layers[layer]
    scale = block.post_attention_layernorm.weight.detach().double().numpy()
    gate, linear = (module.weight.detach().double().numpy() for module in (block.mlp.gate_proj, block.mlp.up_proj))
    return ((gate * scale) * (linear * scale)).sum(axis=1) < 0

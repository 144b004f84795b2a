"""A model seen from outside: what its MLPs compute for each text alone, through forward hooks."""

import re
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModel, PreTrainedModel

from tests.reference import Text

_PARTS = re.compile(r"layers\.(\d+)\.mlp\.(gate_proj|up_proj|gate_up_proj|act_fn|activation_fn)$")


def activations_of(folder: Path, texts: list[list[int]], *, aligned: bool) -> list[list[Text]]:
    """By layer: what the model computes for each text alone, seen from outside with forward hooks."""
    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    found: list[list[Text]] = [[] for _ in model.layers]
    context = model.config.max_position_embeddings
    for number, ids in enumerate(texts):
        seen = _run(model, ids[:context])
        for layer, of_layer in enumerate(found):
            gate, linear, act = seen.get(layer, [np.empty((0, model.config.intermediate_size), np.float32)] * 3)
            sign = np.where(weights_point_apart(model, layer), -1, 1) if aligned else 1
            of_layer.append(Text(number, gate, (linear * sign).astype(np.float32), act))
    return found


def _run(model: PreTrainedModel, ids: list[int]) -> dict[int, list[np.ndarray]]:
    """gate, in and act of each layer, token × neuron."""
    seen: dict[tuple[int, str], np.ndarray] = {}
    hooks = [
        module.register_forward_hook(
            lambda _, __, out, key=(int(match[1]), match[2]): seen.__setitem__(key, out[0].numpy())
        )
        for name, module in model.named_modules()
        if (match := _PARTS.search(name))
    ]
    with torch.no_grad():
        if ids:
            model(torch.tensor([ids]))
    for hook in hooks:
        hook.remove()
    found: dict[int, list[np.ndarray]] = {}
    for layer in sorted({layer for layer, _ in seen}):
        if (layer, "gate_up_proj") in seen:
            gate, linear = np.split(seen[layer, "gate_up_proj"], 2, axis=1)
            found[layer] = [gate, linear, seen[layer, "activation_fn"]]
        else:
            found[layer] = [seen[layer, part] for part in ("gate_proj", "up_proj", "act_fn")]
    return found


def weights_point_apart(model: PreTrainedModel, layer: int) -> np.ndarray:
    mlp = model.layers[layer].mlp
    if hasattr(mlp, "gate_up_proj"):
        gate, linear = mlp.gate_up_proj.weight.detach().double().chunk(2)
    else:
        gate, linear = (module.weight.detach().double() for module in (mlp.gate_proj, mlp.up_proj))
    scale = scale_before(model, layer).double()
    return ((gate * scale) * (linear * scale)).sum(dim=1).numpy() < 0


def scale_before(model: PreTrainedModel, layer: int) -> torch.Tensor:
    """What the norm that feeds the MLP multiplies by: said here once more, so that a wrong entry shows."""
    block, kind = model.layers[layer], model.config.model_type
    if kind in ("olmo", "olmo2", "olmo3", "exaone4"):
        return torch.ones(model.config.hidden_size)
    if kind == "gemma":
        return 1 + block.post_attention_layernorm.weight.detach()
    if kind in ("gemma2", "gemma3_text"):
        return 1 + block.pre_feedforward_layernorm.weight.detach()
    if kind in ("cohere", "cohere2") or getattr(model.config, "use_parallel_residual", False):
        return block.input_layernorm.weight.detach()
    return block.post_attention_layernorm.weight.detach()

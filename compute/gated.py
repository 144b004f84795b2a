"""A gated MLP inside a transformers model: its weights in the contract's coordinates, its signs, its observer."""

from collections.abc import Callable
from operator import attrgetter

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from compute.architectures import Architecture

Observer = Callable[[Tensor, Tensor], Tensor]
"""Called with gate and in, neuron × text × token, float32; gives post, likewise, in the dtype of the model."""


class GatedMLP:
    """The MLP of one decoder layer."""

    def __init__(self, decoder_layer: nn.Module, architecture: Architecture) -> None:
        self._module: nn.Module = attrgetter(architecture.mlp)(decoder_layer)
        self._norm_scale: Tensor = attrgetter(architecture.norm_before)(decoder_layer).weight
        self._gate: nn.Linear = attrgetter(architecture.gate)(self._module)
        self._linear: nn.Linear = attrgetter(architecture.linear)(self._module)
        self._out: nn.Linear = attrgetter(architecture.out)(self._module)
        self._act: Callable[[Tensor], Tensor] = attrgetter(architecture.act)(self._module)

    @property
    def neurons(self) -> int:
        return self._gate.weight.shape[0]

    @property
    def device(self) -> torch.device:
        return self._gate.weight.device

    def points_apart(self) -> Bool[Tensor, "neuron"]:
        """Where ⟨w_gate, w_in⟩ < 0 in coordinates that hold the norm's scale, in float64: half of the signs of
        some models are decided by less than float32 resolves."""
        scale = self._norm_scale.double() ** 2
        blocks = zip(self._gate.weight.split(1024), self._linear.weight.split(1024), strict=True)
        return torch.cat([(gate.double() * linear.double()) @ scale < 0 for gate, linear in blocks])

    @torch.no_grad()
    def flip(self, neurons: Bool[Tensor, "neuron"]) -> None:
        """Changes the signs of w_in and w_out of some neurons; negation is exact, so the model's output stays."""
        sign = torch.where(neurons, -1, 1).to(self._linear.weight.dtype)
        self._linear.weight.mul_(sign[:, None])
        if self._linear.bias is not None:
            self._linear.bias.mul_(sign)
        self._out.weight.mul_(sign)

    @property
    def act(self) -> Callable[[Tensor], Tensor]:
        return self._act

    def observe(self, observer: Observer) -> None:
        """From now on `observer` sees the MLP's pre-activations and multiplies them in its stead."""

        def forward(x: Float[Tensor, "text token d_model"]) -> Float[Tensor, "text token d_model"]:
            tokens = x.flatten(0, 1).t()
            gate, linear = (_neuron_rows(layer, tokens) for layer in (self._gate, self._linear))
            post = observer(gate.unflatten(1, x.shape[:2]), linear.unflatten(1, x.shape[:2]))
            return self._out(post.flatten(1).t()).unflatten(0, x.shape[:2])

        self._module.forward = forward


def _neuron_rows(layer: nn.Linear, tokens: Float[Tensor, "d_model token"]) -> Float[Tensor, "neuron token"]:
    """The layer's output the other way round, in float32: a product of 16-bit matrices has those digits, which a GPU
    can keep, and rounding them away makes ties."""
    if tokens.dtype != torch.float32 and tokens.is_cuda:
        rows = torch.mm(layer.weight, tokens, out_dtype=torch.float32)
    else:
        rows = torch.mm(layer.weight, tokens).float()
    return rows if layer.bias is None else rows + layer.bias.float()[:, None]

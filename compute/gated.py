"""A gated MLP inside a transformers model: its weights in the contract's coordinates, its signs, its observer."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from compute.architectures import Architecture, Norm
from gluscope_core.vocabulary import Coordinates

Observer = Callable[[Tensor, Tensor], Tensor]
"""Called with gate and in, neuron × text × token, float32; gives post, likewise, in the dtype of the model."""

_NEURONS_AT_ONCE = 1024


@dataclass(frozen=True)
class Projection:
    """A linear map, or the part of a fused one that makes gate or in; the weights are the model's own."""

    weight: Float[Tensor, "neuron d_model"]
    bias: Float[Tensor, "neuron"] | None

    def rows(self, tokens: Float[Tensor, "d_model token"]) -> Float[Tensor, "neuron token"]:
        """The output the other way round, in float32: a product of 16-bit matrices has those digits, which a GPU can
        keep, and rounding them away makes ties."""
        if tokens.dtype != torch.float32 and tokens.is_cuda:
            rows = torch.mm(self.weight, tokens, out_dtype=torch.float32)
        else:
            rows = torch.mm(self.weight, tokens).float()
        return rows if self.bias is None else rows + self.bias.float()[:, None]

    def of(self, neurons: Int[Tensor, "some"]) -> "Projection":
        return Projection(self.weight[neurons], None if self.bias is None else self.bias[neurons])


class GatedMLP:
    """The MLP of one decoder layer."""

    def __init__(self, decoder_layer: nn.Module, architecture: Architecture) -> None:
        self._module: nn.Module = attrgetter(architecture.mlp)(decoder_layer)
        self._before = Scale.of(decoder_layer, architecture.norm_of(decoder_layer))
        self._after = Scale.of(decoder_layer, architecture.norm_after)
        self._gate, self._linear = _projections(self._module, architecture)
        self._out: nn.Linear = attrgetter(architecture.out)(self._module)
        self._act: Callable[[Tensor], Tensor] = attrgetter(architecture.act)(self._module)

    @property
    def neurons(self) -> int:
        return self._gate.weight.shape[0]

    @property
    def device(self) -> torch.device:
        return self._gate.weight.device

    def weights(
        self, coordinates: Coordinates, neurons: slice = slice(None), dtype: torch.dtype = torch.float64
    ) -> tuple[Float[Tensor, "some d_model"], Float[Tensor, "some d_model"], Float[Tensor, "some d_model"]]:
        """w_gate, w_in and w_out of some neurons."""
        gate, linear = (self._before.folded_into(each.weight[neurons].to(dtype)) for each in (self._gate, self._linear))
        out = self._out.weight.t()[neurons].to(dtype)
        if coordinates is Coordinates.EFFECTIVE:
            out = self._after.folded_into(out)
            if self._before.centres:
                gate, linear, out = (each - each.mean(dim=1, keepdim=True) for each in (gate, linear, out))
        return gate, linear, out

    def points_apart(self, coordinates: Coordinates) -> Bool[Tensor, "neuron"]:
        """Where ⟨w_gate, w_in⟩ < 0, in float64: half of the signs of some models are decided by less than float32
        resolves."""
        signs = []
        for start in range(0, self.neurons, _NEURONS_AT_ONCE):
            gate, linear, _ = self.weights(coordinates, slice(start, start + _NEURONS_AT_ONCE))
            signs.append((gate * linear).sum(dim=1) < 0)
        return torch.cat(signs)

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
            gate, linear = self._gate.rows(tokens), self._linear.rows(tokens)
            post = observer(gate.unflatten(1, x.shape[:2]), linear.unflatten(1, x.shape[:2]))
            return self._out(post.flatten(1).t()).unflatten(0, x.shape[:2])

        self._module.forward = forward

    def look_at(self, neurons: Int[Tensor, "some"], look: Callable[[Tensor, Tensor], None]) -> RemovableHandle:
        """Before the MLP does its part, `look` is called with gate and in of some neurons, neuron × text × token,
        float32."""
        gate, linear = self._gate.of(neurons), self._linear.of(neurons)

        def before(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            x = arguments[0]
            tokens = x.flatten(0, 1).t()
            look(gate.rows(tokens).unflatten(1, x.shape[:2]), linear.rows(tokens).unflatten(1, x.shape[:2]))

        return self._module.register_forward_pre_hook(before)


@dataclass(frozen=True)
class Scale:
    """What a norm multiplies by; nothing where there is no norm, or one without weights."""

    factor: Float[Tensor, "d_model"] | None
    centres: bool

    @classmethod
    def of(cls, layer: nn.Module, norm: Norm | None) -> "Scale":
        if norm is None:
            return cls(None, centres=False)
        factor = attrgetter(norm.path)(layer).weight.double() + norm.scale_offset if norm.scaled else None
        return cls(factor, norm.centres)

    def folded_into(self, vectors: Float[Tensor, "some d_model"]) -> Float[Tensor, "some d_model"]:
        return vectors if self.factor is None else vectors * self.factor.to(vectors)


def _projections(module: nn.Module, architecture: Architecture) -> tuple[Projection, Projection]:
    if architecture.fused is None:
        parts = (attrgetter(path)(module) for path in (architecture.gate, architecture.linear))
        gate, linear = (Projection(part.weight, part.bias) for part in parts)
        return gate, linear
    both = attrgetter(architecture.fused)(module)
    weights = both.weight.chunk(2)
    biases = (None, None) if both.bias is None else both.bias.chunk(2)
    gate, linear = map(Projection, weights, biases)
    return gate, linear

"""Where attention rests: for each head of each layer, the direction along which a query seeks the first token."""

from collections.abc import Mapping
from functools import partial
from operator import attrgetter

import torch
from jaxtyping import Float
from torch import Tensor, nn

from compute.architectures import Architecture
from compute.gated import Scale
from gluscope_core.vocabulary import Coordinates

_NORMS_OF_QUERIES = ("q_norm", "q_layernorm")


class FirstTokenKeys:
    """Hooks into a layer's attention while the model runs over the first token alone."""

    def __init__(self, architecture: Architecture, coordinates: Coordinates) -> None:
        self._architecture = architecture
        self._coordinates = coordinates
        self._keys: dict[int, Tensor] = {}

    def attach(self, layers: nn.ModuleList) -> None:
        for number, layer in enumerate(layers):
            part = _fused(layer) or attrgetter("self_attn.k_proj")(layer)
            part.register_forward_hook(partial(self._keep, number))

    def _keep(self, number: int, _module: nn.Module, _given: object, out: Tensor) -> None:
        self._keys[number] = out[0, 0]

    def take(self, number: int, layer: nn.Module) -> Float[Tensor, "head d_model"] | None:
        """W_Q k of each head, in the coordinates of the residual stream, as unit vectors; None where queries are
        normed, so that no direction of theirs is fixed."""
        attention = attrgetter("self_attn")(layer)
        if any(getattr(attention, name, None) is not None for name in _NORMS_OF_QUERIES):
            return None
        width, config, fused = attention.head_dim, attention.config, _fused(layer)
        queries, shared = config.num_attention_heads * width, config.num_key_value_heads * width
        weight = attention.q_proj.weight if fused is None else fused.weight[:queries]
        keys = self._keys.pop(number) if fused is None else self._keys.pop(number)[queries : queries + shared]
        by_head = weight.double().unflatten(0, (-1, width))
        by_shared_head = keys.double().unflatten(0, (-1, width))
        own_key = by_shared_head.repeat_interleave(len(by_head) // len(by_shared_head), dim=0)
        seeking = self._fold(torch.einsum("hwd,hw->hd", by_head, own_key), layer)
        return nn.functional.normalize(seeking, dim=1).float()

    def _fold(self, seeking: Float[Tensor, "head d_model"], layer: nn.Module) -> Float[Tensor, "head d_model"]:
        norm = self._architecture.norm_attention
        if norm is None:
            return seeking
        scaled = Scale.of(layer, norm).folded_into(seeking)
        centres = norm.centres and self._coordinates is Coordinates.EFFECTIVE
        return scaled - scaled.mean(dim=1, keepdim=True) if centres else scaled


def _fused(layer: nn.Module) -> nn.Linear | None:
    """A projection that holds queries, keys and values, one after the other."""
    return getattr(attrgetter("self_attn")(layer), "qkv_proj", None)


def attention_scores(
    out: Float[Tensor, "neuron d_model"], heads: Mapping[int, Float[Tensor, "head d_model"]], layer: int, layers: int
) -> tuple[Float[Tensor, "neuron"], Float[Tensor, "neuron"]]:
    """The cosine of largest magnitude with a head of the next layer, and with one of all later layers; NaN where
    there are none. Its sign is that of w_out."""
    nothing = torch.full((len(out),), torch.nan)
    following = heads.get(layer + 1)
    later = [heads[number] for number in range(layer + 1, layers) if number in heads]
    return (
        nothing if following is None else _strongest(out @ following.t()),
        _strongest(out @ torch.cat(later).t()) if later else nothing,
    )


def _strongest(cosines: Float[Tensor, "neuron head"]) -> Float[Tensor, "neuron"]:
    return cosines.gather(1, cosines.abs().argmax(dim=1, keepdim=True)).squeeze(1)

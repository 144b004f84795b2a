"""A model to run: its bare decoder with weights in place, and its gated MLPs."""

from dataclasses import dataclass
from operator import attrgetter

import torch
from transformers import AutoModel, PretrainedConfig, PreTrainedModel
from transformers.utils import logging

from compute.architectures import architecture_of
from compute.gated import GatedMLP
from compute.models import LOADING_ERRORS, ModelSource, refusal, text_config
from compute.placement import gpu_memories, needs_several
from compute.streamed import StreamedModel
from gluscope_core.errors import ModelRefused
from gluscope_core.records import ModelRecord


@dataclass(frozen=True)
class GatedModel:
    """A bare decoder (no unembedding) and its gated MLPs, layer by layer."""

    decoder: PreTrainedModel
    mlps: tuple[GatedMLP, ...]

    @property
    def input_device(self) -> torch.device:
        return next(self.decoder.get_input_embeddings().parameters()).device


def load_model(
    source: ModelSource, config: PretrainedConfig, record: ModelRecord, deepest: int, device: torch.device
) -> GatedModel:
    """The decoder up to its deepest layer of interest: nothing below depends on those above."""
    weights = _weight_bytes(config, record) if device.type == "cuda" and device.index is None else 0
    several = needs_several(weights, gpu_memories())
    if source.is_gguf and not several:
        decoder = _from_gguf(source, config, record, deepest)
    else:
        decoder = _from_files(source, config, record, several=several)
    architecture = architecture_of(text_config(config), source.id)
    layers = attrgetter(architecture.layers)(decoder)
    del layers[deepest + 1 :]
    if not several:
        decoder.to(device)  # pyright: ignore[reportArgumentType]: its stub takes the class for a function
    decoder.eval().requires_grad_(requires_grad=False)
    homeless = [name for name, parameter in decoder.named_parameters() if parameter.device.type != device.type]
    if homeless:
        raise ModelRefused(
            f"{source.id}: all GPUs together are too small for it ({homeless[0]} finds no place): give --device cpu, "
            "or a machine with more memory"
        )
    return GatedModel(decoder, tuple(GatedMLP(layer, architecture) for layer in layers))


def _from_files(
    source: ModelSource, config: PretrainedConfig, record: ModelRecord, *, several: bool
) -> PreTrainedModel:
    logging.set_verbosity_error()  # else a report names the unembedding, which is left out on purpose
    try:
        decoder, report = AutoModel.from_pretrained(
            source.place,
            config=config,
            output_loading_info=True,
            dtype=getattr(torch, record.dtype),
            device_map="auto" if several else None,
            trust_remote_code=False,
            use_safetensors=None if source.is_gguf else True,
            **source.arguments,
        )
    except LOADING_ERRORS as error:
        raise refusal(source, error) from error
    if report["missing_keys"]:
        lacking = min(report["missing_keys"])
        raise ModelRefused(f"{source.id}: its files lack the weights {lacking} and others: fetch the model again")
    return decoder if text_config(config) is config else decoder.get_decoder()  # of one that also sees


def _from_gguf(source: ModelSource, config: PretrainedConfig, record: ModelRecord, deepest: int) -> PreTrainedModel:
    """Tensor by tensor, up to the deepest layer: transformers takes seven times as long."""
    try:
        return StreamedModel(source, config).loaded(deepest, getattr(torch, record.dtype))
    except LOADING_ERRORS as error:
        raise refusal(source, error) from error


def _weight_bytes(config: PretrainedConfig, record: ModelRecord) -> int:
    with torch.device("meta"):
        decoder = AutoModel.from_config(config, dtype=getattr(torch, record.dtype), trust_remote_code=False)
    return sum(parameter.nbytes for parameter in decoder.parameters())

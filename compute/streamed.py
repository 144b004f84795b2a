"""A model whose weights are read layer by layer, so that a small machine can go through a large one."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import init_empty_weights
from gguf import MODEL_ARCH_NAMES, GGMLQuantizationType, dequantize, get_tensor_name_map
from jaxtyping import Float
from safetensors import safe_open
from torch import Tensor, nn
from transformers import AutoModel, PretrainedConfig, PreTrainedModel
from transformers.integrations.gguf.reader import GgufHeader, load_gguf_state_dict
from transformers.modeling_gguf_pytorch_utils import TENSOR_PROCESSORS, TensorProcessor
from transformers.utils import SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME
from transformers.utils.hub import cached_file

from compute.architectures import architecture_of
from compute.models import ModelSource, text_config
from gluscope_core.errors import ModelRefused

_UNEMBEDDING = "lm_head.weight"


class _Tensors(Protocol):
    """The tensors of a checkpoint, each read when it is asked for."""

    @property
    def names(self) -> set[str]: ...

    def read(self, name: str) -> Tensor: ...


class StreamedModel:
    """A decoder without weights, and the files that hold them."""

    def __init__(self, source: ModelSource, config: PretrainedConfig) -> None:
        text = text_config(config)
        self.architecture = architecture_of(text, source.id)
        with init_empty_weights():
            model = AutoModel.from_config(config, dtype=torch.float32, trust_remote_code=False)
        self.decoder = (model if text is config else model.get_decoder()).eval().requires_grad_(requires_grad=False)
        self._source, self._config = source, text
        own = [name for name, _ in self.decoder.named_parameters()]
        self._tensors: _Tensors = _GGUF(source.files[0], text, own) if source.is_gguf else _Safetensors(source)
        self._prefix = self._find_prefix()

    @cached_property
    def layers(self) -> nn.ModuleList:
        return self.decoder.get_submodule(self.architecture.layers)  # pyright: ignore[reportReturnType]

    @cached_property
    def tied(self) -> bool:
        """Whether tokens are written with the same directions as they are read."""
        return bool(self._config.tie_word_embeddings) or self._unembedding_name() is None

    @property
    def heads(self) -> int:
        """Of queries, in each layer."""
        return self._config.num_attention_heads

    def embedding(self) -> Tensor:
        return self._read(self._embedding_name())

    def unembedding(self) -> Tensor:
        name = self._unembedding_name()
        return self.embedding() if self.tied or name is None else self._tensors.read(name).float()

    def final_norm(self) -> nn.Module:
        """The decoder, with the weights of its last norm in place."""
        self._fill(self.architecture.norm_final.path)
        return self.decoder

    def loaded(self, deepest: int, dtype: torch.dtype) -> PreTrainedModel:
        """The decoder up to a layer, whole, for those who want to run it over many tokens."""
        del self.layers[deepest + 1 :]
        for part, _ in self.decoder.named_children():
            self._fill(part)
        return self.decoder.to(dtype)

    @contextmanager
    def layer(self, number: int) -> Iterator[nn.Module]:
        """One layer, while its weights are there."""
        layer = self.layers[number]
        self._fill(f"{self.architecture.layers}.{number}")
        yield layer
        layer.to("meta")

    @torch.no_grad()
    def run_layer(self, number: int, token: int, given: Float[Tensor, "1 1 d_model"]) -> Float[Tensor, "1 1 d_model"]:
        """What a layer, whose weights are there, makes of what the layers before it made of a single token. The first
        layer is given the token itself."""
        made: list[Tensor] = []

        def keep(_layer: nn.Module, _given: object, out: Tensor) -> None:
            made.append(out)

        hook = self.layers[number].register_forward_hook(keep)
        others = [layer for each, layer in enumerate(self.layers) if each != number]
        for layer in others:
            layer.forward = lambda *_, **__: given
        try:
            self._around_layers(input_ids=torch.tensor([[token]]), use_cache=False)
        finally:
            hook.remove()
            for layer in others:
                del layer.forward
        return made[0]

    @cached_property
    def _around_layers(self) -> nn.Module:
        """The decoder, with the weights of all that is no layer in place."""
        for part, _ in self.decoder.named_children():
            if part != self.architecture.layers.split(".", maxsplit=1)[0]:
                self._fill(part)
        return self.decoder

    def _fill(self, path: str) -> None:
        """Puts a part's weights in place."""
        part = self.decoder.get_submodule(path)
        found = {name: self._read(f"{path}.{name}") for name, _ in part.named_parameters()}
        part.load_state_dict(found, strict=False, assign=True)

    def _read(self, name: str) -> Tensor:
        return self._tensors.read(self._prefix + name).float()

    def _embedding_name(self) -> str:
        table = self.decoder.get_input_embeddings().weight
        return next(name for name, parameter in self.decoder.named_parameters() if parameter is table)

    def _unembedding_name(self) -> str | None:
        return next((name for name in sorted(self._tensors.names) if name.endswith(_UNEMBEDDING)), None)

    def _find_prefix(self) -> str:
        """What the files write before the decoder's own names: nothing, or its place within a larger model."""
        own, names = [name for name, _ in self.decoder.named_parameters()], self._tensors.names
        for name in sorted(names):
            prefix = name.removesuffix(own[0])
            if prefix + own[0] == name and all(prefix + each in names for each in own):
                return prefix
        raise ModelRefused(
            f"{self._source.id}: its files do not hold all weights of a {self._config.model_type} model: fetch the "
            "model again"
        )


class _Safetensors:
    def __init__(self, source: ModelSource) -> None:
        self._locate = partial(
            cached_file, source.place, _raise_exceptions_for_missing_entries=False, **source.arguments
        )
        self._opened: dict[str, Any] = {}
        index = self._locate(SAFE_WEIGHTS_INDEX_NAME)
        if index is not None:
            self._file_of: Mapping[str, str] = json.loads(Path(index).read_text())["weight_map"]
        elif self._locate(SAFE_WEIGHTS_NAME) is not None:
            self._file_of = dict.fromkeys(self._open(SAFE_WEIGHTS_NAME).keys(), SAFE_WEIGHTS_NAME)
        else:
            raise ModelRefused(f"{source.id} has no safetensors files: give a revision or a copy that has them")

    @property
    def names(self) -> set[str]:
        return set(self._file_of)

    def read(self, name: str) -> Tensor:
        return self._open(self._file_of[name]).get_tensor(name)

    def _open(self, name: str) -> Any:
        if name not in self._opened:
            path = self._locate(name)
            if path is None:
                raise ModelRefused(f"{name}: this file of the model is missing: fetch the model again")
            self._opened[name] = safe_open(path, framework="pt")
        return self._opened[name]


class _GGUF:
    """A GGUF file under transformers' names, dequantised tensor by tensor: loading it whole takes far longer."""

    def __init__(self, path: Path, config: PretrainedConfig, wanted: list[str]) -> None:
        header = GgufHeader.from_file(str(path))
        self._stored = load_gguf_state_dict(header)
        self._processor = TENSOR_PROCESSORS.get(header.architecture, TensorProcessor)(config=config.to_dict())
        kinds = {name: kind for kind, name in MODEL_ARCH_NAMES.items()}
        names = get_tensor_name_map(kinds[header.architecture], config.num_hidden_layers)
        parts = [name.rpartition(".") for name in (*(f"model.{name}" for name in wanted), _UNEMBEDDING)]
        self._stored_as = {
            f"{stem}.{kind}": stored
            for stem, _, kind in parts
            if (stored := f"{names.get_name(stem)}.{kind}") in self._stored
        }

    @property
    def names(self) -> set[str]:
        return set(self._stored_as)

    def read(self, name: str) -> Tensor:
        stored = self._stored_as[name]
        tensor = self._stored[stored]
        kind = GGMLQuantizationType(tensor.ggml_type)
        values = tensor[...]
        if values.dtype == torch.uint8:
            values = torch.from_numpy(dequantize(values.numpy(), kind))
        return torch.as_tensor(self._processor.process(values.float().numpy(), stored).weights.copy())

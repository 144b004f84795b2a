"""Loading a model: from the Hub, a folder or a GGUF file, as its bare decoder, without running remote code."""

import hashlib
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch
from gguf import LlamaFileType
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModel, AutoTokenizer, PretrainedConfig, PreTrainedModel
from transformers.integrations.gguf.reader import read_gguf_metadata
from transformers.tokenization_utils_base import PreTrainedTokenizerBase
from transformers.utils import logging
from transformers.utils.hub import cached_file

from compute.architectures import architecture_of, refuse_foreign_code
from compute.durable import sha256_of
from compute.gated import GatedMLP
from compute.placement import gpu_memories, needs_several
from gluscope_core.activations import ACTIVATIONS
from gluscope_core.errors import BadSettings, ModelRefused
from gluscope_core.manifest import Manifest, ModelRecord

_LOADING_ERRORS = (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError)
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json")


@dataclass(frozen=True)
class ModelSource:
    """Where a model comes from."""

    id: str
    place: str
    """What transformers is given: a Hub id, or a folder."""
    arguments: dict[str, Any]
    files: tuple[Path, ...]
    """Local files that hold config and weights; none for a model on the Hub, which its commit identifies."""

    @property
    def is_gguf(self) -> bool:
        return "gguf_file" in self.arguments

    def pinned(self, config: PretrainedConfig) -> "ModelSource":
        """The same, at the commit that the config came from, so that what is loaded later belongs to it."""
        commit = getattr(config, "_commit_hash", None)
        return self if commit is None else replace(self, arguments={**self.arguments, "revision": commit})


@dataclass(frozen=True)
class GatedModel:
    """A bare decoder (no unembedding) and its gated MLPs, layer by layer."""

    decoder: PreTrainedModel
    mlps: tuple[GatedMLP, ...]

    @property
    def input_device(self) -> torch.device:
        return next(self.decoder.get_input_embeddings().parameters()).device


def find_model(model: str, revision: str | None) -> ModelSource:
    path = Path(model)
    if revision is not None and path.exists():
        raise BadSettings(f"--revision {revision}: {model} is local and has no revisions; leave it out")
    if path.suffix == ".gguf":
        if not path.is_file():
            raise ModelRefused(f"{model}: there is no such file; give the path of a .gguf file")
        return ModelSource(path.stem, str(path.parent), {"gguf_file": path.name}, (path,))
    if path.is_dir():
        files = sorted([*path.glob("*.safetensors"), *path.glob("*.json")])
        return ModelSource(path.resolve().name, model, {}, tuple(files))
    return ModelSource(model, model, {"revision": revision}, ())


def find_model_of(manifest: Manifest | None, model: str | None, revision: str | None) -> ModelSource:
    """The model that is named, or else the one on the Hub that a dataset was computed from."""
    if model is not None:
        return find_model(model, revision)
    if manifest is None or manifest.model.revision is None:
        raise BadSettings("--model: give the model that the dataset was computed from, since it was a local one")
    return find_model(manifest.model.id, revision or manifest.model.revision)


def refuse_other_model(found: ModelRecord, given: ModelRecord, folder: Path) -> None:
    """Names what differs between the model of a dataset and another that is given for it. What a dataset does not say
    of its model cannot differ."""
    differing = [
        f"{name} is {old!r}, of the model given {getattr(given, name)!r}"
        for name, old in vars(found).items()
        if name not in ("id", "dtype") and old is not None and getattr(given, name) != old
    ]
    if differing:
        raise ModelRefused(f"{folder} was computed from another model: {'; '.join(differing)}")


def load_config(source: ModelSource) -> PretrainedConfig:
    """The whole model's, of which the text model's may be a part."""
    try:
        content, _ = PretrainedConfig.get_config_dict(source.place, **source.arguments)
        refuse_foreign_code(content, source.id)
        if source.is_gguf:  # AutoConfig would read the file again, which takes seconds
            return AutoConfig.for_model(**content)
        return AutoConfig.from_pretrained(source.place, trust_remote_code=False, **source.arguments)
    except _LOADING_ERRORS as error:
        raise _refusal(source, error) from error


def load_tokenizer(source: ModelSource, config: PretrainedConfig) -> PreTrainedTokenizerBase | None:
    """None for a model that comes without one; one that cannot be loaded is an error."""
    try:
        if not has_tokenizer(source):
            return None
        return AutoTokenizer.from_pretrained(source.place, config=config, trust_remote_code=False, **source.arguments)
    except Exception as error:  # the tokenizers library raises no narrower class
        raise _refusal(source, error) from error


def has_tokenizer(source: ModelSource) -> bool:
    if source.is_gguf:
        return True
    if source.files:
        return any((Path(source.place) / name).exists() for name in _TOKENIZER_FILES)
    optional = {"_raise_exceptions_for_missing_entries": False, **source.arguments}
    return any(cached_file(source.place, name, **optional) is not None for name in _TOKENIZER_FILES)


def text_config(config: PretrainedConfig) -> PretrainedConfig:
    """The part of a config that describes the text model."""
    return config.get_text_config(decoder=True)


def describe_model(source: ModelSource, config: PretrainedConfig, dtype: str, device: str) -> ModelRecord:
    """Everything about a model that its config says, checked before any weights are read."""
    commit, config = getattr(config, "_commit_hash", None), text_config(config)
    architecture = architecture_of(config, source.id)
    activation = getattr(config, architecture.activation_setting)
    if activation not in ACTIVATIONS:
        raise ModelRefused(f"{source.id}: activation function {activation!r} is not known to GLUScope")
    return ModelRecord(
        id=source.id,
        revision=commit,
        quantisation=_quantisation(source),
        architecture=config.model_type,
        layers=config.num_hidden_layers,
        d_model=config.hidden_size,
        d_mlp=config.intermediate_size,
        vocab_size=config.vocab_size,
        context=config.max_position_embeddings,
        activation=activation,
        dtype=_choose_dtype(dtype, config, device),
        fingerprint=_fingerprint(source.files),
    )


def load_model(
    source: ModelSource, config: PretrainedConfig, record: ModelRecord, deepest: int, device: torch.device
) -> GatedModel:
    """The decoder up to its deepest layer of interest: nothing below depends on those above."""
    weights = _weight_bytes(config, record) if device.type == "cuda" and device.index is None else 0
    several = needs_several(weights, gpu_memories())
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
    except _LOADING_ERRORS as error:
        raise _refusal(source, error) from error
    if report["missing_keys"]:
        raise ModelRefused(f"{source.id}: its files lack the weights {min(report['missing_keys'])} and others")
    if text_config(config) is not config:
        decoder = decoder.get_decoder()  # of a model that also sees or hears
    architecture = architecture_of(text_config(config), source.id)
    layers = attrgetter(architecture.layers)(decoder)
    del layers[deepest + 1 :]
    decoder = (decoder if several else decoder.to(device)).eval().requires_grad_(requires_grad=False)
    homeless = [name for name, parameter in decoder.named_parameters() if parameter.device.type != device.type]
    if homeless:
        raise ModelRefused(f"{source.id}: all GPUs together are too small for it: {homeless[0]} finds no place")
    return GatedModel(decoder, tuple(GatedMLP(layer, architecture) for layer in layers))


def _weight_bytes(config: PretrainedConfig, record: ModelRecord) -> int:
    with torch.device("meta"):
        decoder = AutoModel.from_config(config, dtype=getattr(torch, record.dtype), trust_remote_code=False)
    return sum(parameter.nbytes for parameter in decoder.parameters())


def _refusal(source: ModelSource, error: Exception) -> ModelRefused:
    reason = (str(error) or type(error).__name__).strip().splitlines()[0]
    return ModelRefused(f"{source.id}: transformers cannot load it ({reason})")


def _choose_dtype(dtype: str, config: PretrainedConfig, device: str) -> str:
    if dtype != "auto":
        return dtype
    own = str(getattr(config, "dtype", None) or "float32").removeprefix("torch.")
    return own if device.startswith("cuda") else "float32"


def _quantisation(source: ModelSource) -> str | None:
    """How a GGUF file stores most of its weights; they are dequantised to run."""
    if not source.is_gguf:
        return None
    metadata, _ = read_gguf_metadata(str(source.files[0]))
    kind = metadata.get("general.file_type")
    return "unknown" if kind is None else LlamaFileType(kind).name.removeprefix("MOSTLY_")


def _fingerprint(files: tuple[Path, ...]) -> str | None:
    if not files:
        return None
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name} {sha256_of(path)}\n".encode())
    return digest.hexdigest()

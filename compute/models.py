"""Where a model comes from (the Hub, a folder or a GGUF file), and all that its config says; nothing of it is run."""

import hashlib
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gguf import LlamaFileType
from safetensors import SafetensorError
from transformers import AutoConfig, AutoTokenizer, PretrainedConfig
from transformers.integrations.gguf.reader import read_gguf_metadata
from transformers.tokenization_utils_base import PreTrainedTokenizerBase
from transformers.utils.hub import cached_file

from compute.architectures import architecture_of, refuse_foreign_code
from compute.durable import sha256_of
from compute.gguf_files import config_at_hand, vocabulary_left_out
from gluscope_core.activations import ACTIVATIONS
from gluscope_core.errors import BadSettings, ModelRefused
from gluscope_core.manifest import Manifest
from gluscope_core.records import ModelFacts, ModelRecord

LOADING_ERRORS = (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError)
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
        raise BadSettings(
            "--model is missing, and the dataset's was a local one: give the model that it was computed from"
        )
    return find_model(manifest.model.id, revision or manifest.model.revision)


def refuse_other_model(found: ModelFacts, given: ModelRecord, folder: Path) -> None:
    """Names what differs between the model of a dataset and another that is given for it. What a dataset does not say
    of its model cannot differ."""
    differing = [
        f"{name} is {old!r}, of the model given {getattr(given, name)!r}"
        for name, old in vars(found).items()
        if name not in ("id", "dtype") and old is not None and getattr(given, name) != old
    ]
    if differing:
        raise ModelRefused(f"{folder} was computed from another model: {'; '.join(differing)}; give that model")


def load_config(source: ModelSource) -> PretrainedConfig:
    """The whole model's, of which the text model's may be a part."""
    try:
        with vocabulary_left_out() if source.is_gguf else nullcontext():
            content, _ = PretrainedConfig.get_config_dict(source.place, **source.arguments)
        refuse_foreign_code(content, source.id)
        if source.is_gguf:  # AutoConfig would read the file again, which takes seconds
            return AutoConfig.for_model(**content)
        return AutoConfig.from_pretrained(source.place, trust_remote_code=False, **source.arguments)
    except LOADING_ERRORS as error:
        raise refusal(source, error) from error


def load_tokenizer(source: ModelSource, config: PretrainedConfig) -> PreTrainedTokenizerBase | None:
    """None for a model that comes without one; one that cannot be loaded is an error."""
    try:
        if not has_tokenizer(source):
            return None
        with config_at_hand(source.files[0], config) if source.is_gguf else nullcontext():
            return AutoTokenizer.from_pretrained(
                source.place, config=config, trust_remote_code=False, **source.arguments
            )
    except Exception as error:  # the tokenizers library raises no narrower class
        raise refusal(source, error) from error


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
        raise ModelRefused(
            f"{source.id}: activation function {activation!r} is not known to GLUScope: give a model that has one of "
            f"{', '.join(sorted(ACTIVATIONS))}"
        )
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


def refusal(source: ModelSource, error: Exception) -> ModelRefused:
    reason = (str(error) or type(error).__name__).strip().splitlines()[0]
    return ModelRefused(
        f"{source.id}: transformers cannot load it ({reason}): see that name and revision are right and all files "
        "there, and log in by `hf auth login` if it is private"
    )


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

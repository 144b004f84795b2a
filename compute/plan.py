"""Everything about a run that is decided before its weights are read: model, texts, batches, what identifies it."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor
from transformers import PretrainedConfig

from compute.batches import BatchPlan, plan_batches, plan_fingerprint
from compute.chance import sample_positions
from compute.config import RunConfig
from compute.kernels import compiler_works
from compute.models import ModelSource, describe_model, find_model, has_tokenizer, load_config
from compute.options import Shard
from compute.placement import choose_device
from compute.progress import say
from compute.settings import Settings, current_settings
from compute.state import LayerState
from compute.token_texts import TextsOrigin, TokenTexts, first_token, read_texts
from compute.token_texts import fingerprint as text_fingerprint
from gluscope_core.errors import BadSettings, TextsUnusable
from gluscope_core.records import ModelRecord, RunRecord, TextsRecord

_BATCH_TOKENS = {"cpu": 4096, "cuda": 32768}
_WORTH_COMPILING = 1e8
"""Pairs of token and neuron. Compiling takes up to a minute, and ten seconds once it is cached; without it a CPU needs
a quarter of a microsecond more for each pair."""


@dataclass(frozen=True)
class Plan:
    settings: Settings
    source: ModelSource
    config: PretrainedConfig
    texts: TokenTexts
    batches: BatchPlan
    """Of the whole run."""
    sampled: tuple[np.ndarray, np.ndarray]
    """Texts and positions of the samples."""
    shard: Shard
    device: torch.device

    @property
    def own_batches(self) -> BatchPlan:
        return self.batches[self.shard.index :: self.shard.count]

    @property
    def first_text(self) -> int | None:
        """The text whose position 0 is recorded; none where texts start differently, so that it would tell nothing."""
        alike = self.settings.texts.first_token is not None
        return int(np.flatnonzero(self.texts.lengths)[0]) if alike else None

    @property
    def layers(self) -> tuple[int, ...]:
        return self.settings.run.layers

    @property
    def pairs_at_once(self) -> int:
        """Pairs of token and neuron in a layer's largest batch."""
        widest = max(int(self.texts.lengths[batch].max()) * len(batch) for batch in self.batches)
        return widest * self.settings.model.d_mlp

    @property
    def state_bytes(self) -> int:
        """Of one layer."""
        return self.empty_state(torch.zeros(self.settings.model.d_mlp, dtype=torch.bool, device="meta")).nbytes

    def empty_state(self, flipped: Bool[Tensor, "neuron"]) -> LayerState:
        run = self.settings.run
        return LayerState.none(
            flipped, top_k=run.top_k, random_k=run.random_k, window=run.window, samples=len(self.sampled[0])
        )


def make_plan(config: RunConfig) -> Plan:
    device = choose_device(config.device)
    found = find_model(config.model, config.revision)
    loaded = load_config(found)
    source = found.pinned(loaded)
    model = describe_model(source, loaded, config.dtype, device.type)
    given = read_texts(config.texts)
    given.check_vocabulary(model.vocab_size)
    texts = given.cut(model.context)
    if not len(texts.ids):
        raise TextsUnusable(f"{config.texts} holds no tokens, so there is nothing to run: give texts that have some")
    batch_tokens = config.batch_tokens or _BATCH_TOKENS[device.type]
    batches = plan_batches(texts.lengths, batch_tokens, config.seed)
    pairs = len(texts.ids) * model.d_mlp * len(_layers(config, model))
    compiled = _choose_compiled(config, pairs, device)
    record = _describe_run(config, model, texts, batches, batch_tokens=batch_tokens, compiled=compiled)
    settings = current_settings(
        model, _describe_texts(given, texts, TextsOrigin.read(config.texts), source), record, device
    )
    sampled = sample_positions(texts.lengths, config.skip_first, config.samples, config.seed)
    return Plan(settings, source, loaded, texts, batches, sampled, config.shard, device)


def _describe_run(
    config: RunConfig, model: ModelRecord, texts: TokenTexts, batches: BatchPlan, *, batch_tokens: int, compiled: bool
) -> RunRecord:
    return RunRecord(
        sign_convention=config.convention,
        coordinates=config.coordinate_system,
        top_k=config.top_k,
        random_k=config.random_k,
        window=config.window,
        samples=config.samples,
        skip_first=config.skip_first,
        layers=_layers(config, model),
        batch_tokens=batch_tokens,
        batches=len(batches),
        batch_plan=plan_fingerprint(batches),
        compiled=compiled,
        seed=config.seed,
        shards=config.shard.count,
        counted_tokens=int(np.maximum(texts.lengths - config.skip_first, 0).sum()),
    )


def _choose_compiled(config: RunConfig, pairs: int, device: torch.device) -> bool:
    wanted = pairs >= _WORTH_COMPILING if config.compile is None else config.compile
    if wanted and not compiler_works(device):
        say("no compiler works here: figures are collected without, which takes several times as long as the model")
        return False
    return wanted


def _layers(config: RunConfig, model: ModelRecord) -> tuple[int, ...]:
    beyond = [layer for layer in config.layers if layer >= model.layers]
    if beyond:
        raise BadSettings(f"--layers {beyond[0]}: {model.id} has layers 0 to {model.layers - 1}: name some of those")
    return config.layers or tuple(range(model.layers))


def _describe_texts(
    given: TokenTexts, texts: TokenTexts, origin: TextsOrigin | None, source: ModelSource
) -> TextsRecord:
    first = first_token(texts.ids, texts.bounds)
    policy = "as given" if first is None else f"as given: every text starts with token {first}"
    own = source.id if has_tokenizer(source) else None
    return TextsRecord(
        id=origin.id if origin else given.id,
        revision=origin.revision if origin else None,
        licence=origin.licence if origin else None,
        tokenizer=origin.tokenizer if origin else own,
        bos_policy=origin.bos_policy if origin else policy,
        first_token=first,
        texts=len(texts),
        empty=int((texts.lengths == 0).sum()),
        cut=int((given.lengths > texts.lengths).sum()) + (origin.cut if origin else 0),
        tokens=len(texts.ids),
        fingerprint=text_fingerprint(texts.ids, texts.bounds),
    )

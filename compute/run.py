"""The stage `run`: a model over texts, once, to an activation dataset; or one part of it, for `merge`."""

import shutil
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from compute.batches import make_batch
from compute.checkpoint import Checkpoint, Saver, States
from compute.config import RunConfig
from compute.dataset_writer import stage_inputs, write_dataset
from compute.durable import PROGRESS, complete, locked, refuse_strangers
from compute.kernels import Kernels
from compute.models import GatedModel, load_model, load_tokenizer
from compute.placement import choose_homes
from compute.plan import Plan, make_plan
from compute.progress import say, token_bar
from compute.settings import Settings, Strictness, refuse_other_settings
from compute.verify import check_files
from compute.watch import Watch
from gluscope_core.errors import DatasetDamaged, ResumeRefused
from gluscope_core.manifest import MANIFEST_NAME, ModelRecord, read_manifest
from gluscope_core.vocabulary import SignConvention

STAGED = "staged"


def run(config: RunConfig) -> None:
    plan = make_plan(config)
    config.out.mkdir(parents=True, exist_ok=True)
    with locked(config.out):
        complete(config.out)
        if is_finished(config.out, plan.settings):
            say(f"{config.out} is complete already")
            return
        progress = config.out / PROGRESS
        tokenizer = load_tokenizer(plan.source, plan.config)
        if tokenizer is None:
            say(f"{plan.source.id} comes without a tokenizer: the vocabulary holds ids")
        checkpoint = Checkpoint(progress)
        plan = replace(plan, settings=checkpoint.begin(plan.settings, plan.shard))
        torch.set_num_threads(plan.settings.environment.threads)  # the sums of a float32 product depend on it
        shutil.rmtree(progress / STAGED, ignore_errors=True)
        stage_inputs(progress / STAGED, plan.texts, plan.settings.model.vocab_size, tokenizer)
        states = _compute(plan, checkpoint, config)
        if plan.shard.count > 1:
            say(f"{config.out}: part {plan.shard} is complete; join all parts with `merge`")
            return
        write_dataset(config.out, progress / STAGED, plan.settings, plan.texts, states.__getitem__)
        shutil.rmtree(progress)
    counted, layers = plan.settings.run.counted_tokens, len(plan.layers)
    say(f"{config.out}: complete, {counted:,} tokens counted, {layers} layers")


def is_finished(folder: Path, settings: Settings) -> bool:
    """Whether the folder holds this very dataset, whole. Refuses a folder that holds another, or something else."""
    if (folder / MANIFEST_NAME).exists():
        found = read_manifest(folder)
        if found.texts is None or found.run is None or found.environment is None:
            raise ResumeRefused(f"{folder} holds a dataset that `run` did not compute: choose a new folder for --out")
        refuse_other_settings(
            Settings(found.format_version, ModelRecord(**vars(found.model)), found.texts, found.run, found.environment),
            settings,
            folder,
            Strictness.SAME_FIGURES,
        )
        for violation in check_files(folder):
            raise DatasetDamaged(f"{folder}: {violation}: remove the folder and repeat the command")
        shutil.rmtree(folder / PROGRESS, ignore_errors=True)
        return True
    refuse_strangers(folder)
    return False


def _compute(plan: Plan, checkpoint: Checkpoint, config: RunConfig) -> States:
    """The states of all recorded layers once every batch has been seen, from the last checkpoint on."""
    marker = checkpoint.marker()
    if marker is not None and marker.batches_done == len(plan.own_batches):
        return checkpoint.load(marker, plan.layers)
    model = load_model(plan.source, plan.config, plan.settings.model, plan.layers[-1], plan.device)
    flipped = _apply_convention(plan, model)
    devices = {layer: model.mlps[layer].device for layer in plan.layers}
    homes = choose_homes(devices, plan.state_bytes, plan.pairs_at_once)
    states = {
        layer: (checkpoint.load_layer(marker, layer) if marker else plan.empty_state(neurons)).to(homes[layer])
        for layer, neurons in flipped.items()
    }
    kernels = Kernels.eager(model.mlps[0].act, plan.settings.run.window, getattr(torch, plan.settings.model.dtype))
    watch = Watch(states, kernels.compiled() if plan.settings.run.compiled else kernels, plan.sampled, plan.first_text)
    for layer in plan.layers:
        watch.attach(layer, model.mlps[layer])
    saver = Saver(checkpoint, config.checkpoint_share, states)
    _feed(plan, model, watch, saver, marker.batches_done if marker else 0)
    return watch.states


def _apply_convention(plan: Plan, model: GatedModel) -> dict[int, Tensor]:
    """Gives the model the signs that the run asks for; which neurons have weights that point apart, by layer."""
    flipped = {layer: model.mlps[layer].points_apart(plan.settings.run.coordinates) for layer in plan.layers}
    if plan.settings.run.sign_convention is SignConvention.ALIGNED:
        for layer, neurons in flipped.items():
            model.mlps[layer].flip(neurons)
    return flipped


def _feed(plan: Plan, model: GatedModel, watch: Watch, saver: Saver, done: int) -> None:
    """Runs the batches that are left, saving as often as that costs little."""
    run, own = plan.settings.run, plan.own_batches
    tokens = [int(plan.texts.lengths[batch].sum()) for batch in own]
    with token_bar(sum(tokens), sum(tokens[:done])) as bar, torch.inference_mode():
        for number in range(done, len(own)):
            batch = make_batch(plan.texts, own[number], run.skip_first, run.seed).to(model.input_device)
            watch.begin(batch, own[number])
            model.decoder(input_ids=batch.ids, use_cache=False)
            bar.update(tokens[number])
            saver.save_if_due(watch.states, number + 1)
    if plan.shard.count > 1:
        saver.save(watch.states, len(own))

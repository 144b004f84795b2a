"""The stage `run`: a model over texts, once, to an activation dataset; or one part of it, for `merge`."""

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from compute.batches import make_batch
from compute.budget import budget_of
from compute.checkpoint import Checkpoint, States
from compute.config import RunConfig
from compute.dataset_writer import stage_inputs, write_dataset
from compute.durable import PROGRESS, complete, locked, refuse_strangers
from compute.kernels import Kernels
from compute.loading import GatedModel, load_model
from compute.models import load_tokenizer
from compute.placement import choose_homes
from compute.plan import Plan, make_plan
from compute.progress import say, token_bar
from compute.room import Full, is_halving_of, refuse_small_disk, unless_full
from compute.saved import Saver
from compute.settings import Settings, Strictness, refuse_other_settings
from compute.stopping import heeding_stops
from compute.token_texts import TextsOrigin
from compute.verify import check_files
from compute.watch import Watch
from gluscope_core.errors import DatasetDamaged, OutOfMemory, ResumeRefused, Stopped
from gluscope_core.manifest import MANIFEST_NAME, read_manifest
from gluscope_core.records import ModelRecord
from gluscope_core.vocabulary import SignConvention


def run(config: RunConfig) -> None:
    plan = _plan_as_begun(config)
    config.out.mkdir(parents=True, exist_ok=True)
    with locked(config.out):
        complete(config.out)
        if is_finished(config.out, plan.settings):
            say(f"{config.out} is complete already")
            return
        tokenizer = load_tokenizer(plan.source, plan.config)
        if (origin := TextsOrigin.read(config.texts)) is not None:
            origin.refuse_other_vocabulary(config.texts, plan.source.id, tokenizer)
        if tokenizer is None:
            say(f"{plan.source.id} comes without a tokenizer: the vocabulary holds ids")
        checkpoint = Checkpoint(config.out / PROGRESS)
        plan = replace(plan, settings=checkpoint.begin(plan.settings, plan.shard))
        torch.set_num_threads(plan.settings.environment.threads)  # the sums of a float32 product depend on it
        refuse_small_disk(config.out, budget_of(plan).disk_bytes)
        shutil.rmtree(checkpoint.staged, ignore_errors=True)
        stage_inputs(checkpoint.staged, plan.texts, plan.settings.model.vocab_size, tokenizer)
        plan, states = _compute_in_memory(plan, checkpoint, config)
        if plan.shard.count > 1:
            say(f"{config.out}: part {plan.shard} is complete; join all parts with `merge`")
            return
        write_dataset(config.out, checkpoint.staged, plan.settings, plan.texts, states.__getitem__)
        checkpoint.remove()
    counted, layers = plan.settings.run.counted_tokens, len(plan.layers)
    say(f"{config.out}: complete, {counted:,} tokens counted, {layers} layers")


def _plan_as_begun(config: RunConfig) -> Plan:
    """With the batches to which an earlier attempt at the same run came down when memory ran out."""
    plan = make_plan(config)
    recorded = _recorded_batch_tokens(config.out)
    if recorded is not None and is_halving_of(recorded, plan.settings.run.batch_tokens):
        return make_plan(replace(config, batch_tokens=recorded))
    return plan


def _recorded_batch_tokens(folder: Path) -> int | None:
    if (folder / MANIFEST_NAME).exists():
        found = read_manifest(folder).run
        return found.batch_tokens if found else None
    identity = Checkpoint(folder / PROGRESS).identity()
    return identity.settings.run.batch_tokens if identity else None


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
        Checkpoint(folder / PROGRESS).remove()
        return True
    refuse_strangers(folder)
    return False


def _compute_in_memory(plan: Plan, checkpoint: Checkpoint, config: RunConfig) -> tuple[Plan, States]:
    """The states, and the plan that they were computed by: where memory runs out, one with batches half as large."""
    while True:
        found = unless_full(partial(_compute, plan, checkpoint, config), plan.device)
        if not isinstance(found, Full):
            return plan, found
        plan = _halved(plan, config, checkpoint, found.problem)
        checkpoint.begin_again(plan.settings, plan.shard)


def _halved(plan: Plan, config: RunConfig, checkpoint: Checkpoint, problem: str) -> Plan:
    """The batch of the longest texts comes first, so this is known before much is computed."""
    tokens, longest = plan.settings.run.batch_tokens, int(plan.texts.lengths.max())
    refused = f"{problem} at batches of {tokens} tokens"
    if plan.shard.count > 1:
        raise OutOfMemory(f"{refused}; all parts must have the same: begin each anew with --batch-tokens {tokens // 2}")
    if checkpoint.marker() is not None:
        raise OutOfMemory(
            f"{refused}, which had fitted before: free memory and repeat the command, or begin anew in another --out "
            f"with --batch-tokens {tokens // 2}"
        )
    if max(map(len, plan.batches)) == 1:
        raise OutOfMemory(
            f"{refused}, which is one text at a time (the longest has {longest}): record fewer --layers, give shorter "
            "texts (`texts --max-length`), or a device with more memory"
        )
    say(f"memory ran out at batches of {tokens} tokens: beginning again with {tokens // 2}")
    return make_plan(replace(config, batch_tokens=tokens // 2))


def _compute(plan: Plan, checkpoint: Checkpoint, config: RunConfig) -> States:
    """The states of all recorded layers once every batch has been seen, from the last checkpoint on."""
    marker = checkpoint.marker()
    if marker is not None and marker.done == len(plan.own_batches):
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
    saver = Saver(checkpoint, config.checkpoint_share, sum(state.nbytes for state in states.values()))
    _feed(plan, model, watch, saver, marker.done if marker else 0)
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
    with heeding_stops() as stop, token_bar(sum(tokens), sum(tokens[:done])) as bar, torch.inference_mode():
        for number in range(done, len(own)):
            batch = make_batch(plan.texts, own[number], run.skip_first, run.seed).to(model.input_device)
            watch.begin(batch, own[number])
            model.decoder(input_ids=batch.ids, use_cache=False)
            bar.update(tokens[number])
            if stop.by:
                saver.save(watch.states, number + 1)
                raise Stopped(f"{stop.by.name}: {number + 1} of {len(own)} batches are done and saved")
            saver.save_if_due(watch.states, number + 1)
    if plan.shard.count > 1:
        saver.save(watch.states, len(own))

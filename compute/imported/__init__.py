"""The stage `import`: what the original program wrote on disk, as a dataset of ours."""

import shutil
from pathlib import Path

import torch

from compute.card import card
from compute.config import ImportConfig
from compute.durable import PROGRESS, commit, complete, locked, refuse_strangers
from compute.imported.found import Found
from compute.imported.site import has_pages, import_pages
from compute.imported.summary import SUMMARY_PATTERN
from compute.imported.summary_rows import import_summary
from compute.models import describe_model, find_model, load_config
from compute.progress import say
from compute.room import refuse_small_disk
from compute.settings import current_environment
from gluscope_core.dataset_card import CARD_NAME
from gluscope_core.errors import ImportRefused, ResumeRefused
from gluscope_core.manifest import MANIFEST_NAME, Manifest, read_manifest
from gluscope_core.records import ModelRecord
from gluscope_core.schema import FORMAT_VERSION
from gluscope_core.vocabulary import SignConvention

STAGE, STAGED = "imported", "import"


def import_original(config: ImportConfig) -> None:
    found = _find(config)
    config.out.mkdir(parents=True, exist_ok=True)
    with locked(config.out):
        complete(config.out)
        if _is_done(config.out, found):
            say(f"{config.out} is complete already")
            return
        refuse_small_disk(config.out, float(found.bytes))
        staged = config.out / PROGRESS / STAGED
        shutil.rmtree(staged, ignore_errors=True)
        manifest = _write(staged, found)
        commit(config.out, staged, [*(file.path for file in manifest.files), CARD_NAME, MANIFEST_NAME])
        shutil.rmtree(config.out / PROGRESS)
    skipped = f", {found.skipped:,} skipped" if found.skipped else ""
    say(f"{config.out}: complete, {manifest.neuron_count:,} neurons of {manifest.model.id}{skipped}")


def _find(config: ImportConfig) -> Found:
    """What the path holds."""
    convention = None if config.sign_convention == "auto" else SignConvention(config.sign_convention)
    model = _described(config)
    if config.path.is_file():
        return import_summary(config.path, model, convention)
    summaries = sorted(path for path in config.path.glob(SUMMARY_PATTERN) if path.is_file())
    if has_pages(config.path):
        return import_pages(config.path, model, convention, config.window)
    if len(summaries) == 1:
        return import_summary(summaries[0], model, convention)
    if summaries:
        names = " and ".join(path.name for path in summaries)
        raise ImportRefused(f"{config.path} holds {names}: name the one to import")
    raise ImportRefused(f"{config.path} holds neither pages (vis.html) nor a {SUMMARY_PATTERN}: name what holds them")


def _described(config: ImportConfig) -> ModelRecord | None:
    if config.model is None:
        return None
    source = find_model(config.model, config.revision)
    return describe_model(source, load_config(source), "auto", "cpu")


def _is_done(folder: Path, found: Found) -> bool:
    """Whether the same was imported here before. Refuses a folder that holds something else."""
    if not (folder / MANIFEST_NAME).exists():
        refuse_strangers(folder)
        return False
    there = read_manifest(folder)
    if there.imported == found.record and there.model == found.model:
        return True
    raise ResumeRefused(f"{folder} holds another dataset: choose a new folder for --out")


def _write(staged: Path, found: Found) -> Manifest:
    files, texts = found.write(staged)
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        model=found.model,
        texts=texts,
        run=None,
        weights=None,
        environment=current_environment(torch.device("cpu")),
        nonfinite_values=0,
        stages=(STAGE,),
        files=tuple(sorted(files, key=lambda file: file.path)),
        imported=found.record,
    ).sealed()
    (staged / CARD_NAME).write_text(card(manifest), encoding="utf-8")
    (staged / MANIFEST_NAME).write_bytes(manifest.to_json())
    return manifest

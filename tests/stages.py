"""Every stage that writes, as tests of faults try them: on what it needs, which is made first."""

from dataclasses import replace
from pathlib import Path

from compute.config import (
    ExamplesConfig,
    ImportConfig,
    MergeConfig,
    RunConfig,
    SiteConfig,
    TextsConfig,
    WeightsConfig,
)
from compute.examples import examples
from compute.imported import import_original
from compute.merge import merge
from compute.options import Shard
from compute.pages import site
from compute.run import run
from compute.texts import texts
from compute.weights import weights
from tests.original_files import Site
from tests.tasks import Task, Texts, without_windows
from tests.test_texts_stage import DOCUMENTS, jsonl

STAGES = ("run", "merge", "weights", "examples", "texts", "import", "site")
WINDOWED = ("0.3", "1.4", "2.5")


def task_of(stage: str, config: RunConfig, dataset: Path, tokenizer: str, home: Path) -> Task:
    """`dataset` is a whole one of `config`; `home` is where more can be put that the stage needs."""
    made = {
        "run": lambda: Task(lambda out: run(replace(config, out=out))),
        "merge": lambda: _merging(run_parts(config, home)),
        "weights": lambda: Task(lambda out: weights(WeightsConfig(dataset=out, model=config.model)), dataset),
        "examples": lambda: _revisiting(without_windows(dataset, home / "lists"), config.model),
        "texts": lambda: _tokenising(write_source(home / "source.jsonl"), tokenizer),
        "import": lambda: _importing(write_pages(home / "pages")),
        "site": lambda: Task(lambda out: site(SiteConfig(dataset, WINDOWED, out))),
    }
    return made[stage]()


def _merging(parts: tuple[Path, ...]) -> Task:
    return Task(lambda out: merge(MergeConfig(parts, out)))


def _revisiting(lists: Path, model: str) -> Task:
    return Task(lambda out: examples(ExamplesConfig(out, WINDOWED, model=model)), lists)


def _tokenising(source: Path, tokenizer: str) -> Task:
    return Texts(lambda out: texts(TextsConfig(str(source), tokenizer, out, tokens=1500)))


def _importing(pages: Path) -> Task:
    return Task(lambda out: import_original(ImportConfig(pages, out)))


def run_parts(config: RunConfig, home: Path) -> tuple[Path, ...]:
    parts = tuple(home / f"part-{number}" for number in range(2))
    for number, part in enumerate(parts):
        run(replace(config, out=part, shard=Shard(number, len(parts))))
    return parts


def write_source(path: Path) -> Path:
    path.write_bytes(jsonl(DOCUMENTS))
    return path


def write_pages(folder: Path) -> Path:
    writer = Site()
    for neuron in ((3, 17), (20, 4)):
        writer.write_page(folder, *neuron)
    return folder

"""Starts stages in forked processes and stops them with SIGKILL, at random times or at named steps, and repeats the
command until it comes to its end. Run as a script of its own, so that torch is imported once and no test framework is
in the children."""

import errno
import json
import os
import random
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path

from compute import durable

_countdown: dict[durable.Step, int] = {}


def _stop_here(step: durable.Step) -> None:
    if step in _countdown:
        _countdown[step] -= 1
        if _countdown[step] == 0:
            os.kill(os.getpid(), signal.SIGKILL)


durable.reached = _stop_here  # before the modules that import it by name

import torch
import transformers.models.llama.modeling_llama  # noqa: F401 - else every child imports it

import compute.examples
import compute.publish
import compute.texts
import compute.weights
from compute.config import ExamplesConfig, MergeConfig, PublishConfig, RunConfig, TextsConfig, WeightsConfig
from compute.merge import merge
from compute.options import Shard
from compute.run import run
from gluscope_core import open_dataset
from gluscope_core.errors import DatasetNotFound
from gluscope_core.manifest import MANIFEST_NAME, read_manifest
from tests.tasks import SMALL_PIECES, Task, Texts, without_windows

REFUSED = 28
"""Exit code of a stage that a file's limit ended."""
FOOLED = 29
SECONDS = 120
"""Longer than anything may take, on however busy a machine."""
IN_A_ROW = 10
"""Kills, after which a stage may come to its end."""
LATER = 1.2
"""Times as long as a stage takes: when a kill comes at the latest."""

for module, name, value in SMALL_PIECES:
    setattr(module, name, value)


class Publish(Task):
    """What it leaves is on the Hub."""

    def honest(self, folder: Path) -> bool:
        try:
            there = open_dataset(repo_of(folder))
        except DatasetNotFound:
            return True
        same = there.neurons().equals(open_dataset(folder).neurons())
        return same and there.manifest == read_manifest(folder)

    def outcome(self, folder: Path) -> object:
        """The test looks at all of what is on the Hub."""
        return (folder / MANIFEST_NAME).exists()


def repo_of(folder: Path) -> str:
    return f"killed/{folder.name}"


@dataclass
class Report:
    killed: int = 0
    refused: int = 0
    """Times that a file became too large."""
    differing: list[str] = field(default_factory=list)
    fooled: list[str] = field(default_factory=list)
    steps: dict[str, int] = field(default_factory=dict)


def forked(act: Callable[[], None]) -> int:
    """The id of a process that does it. This one has no threads and does nothing else, since a fork copies locks that
    other threads hold."""
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        sys.stderr = Path(os.devnull).open("w")
        try:
            act()
        except OSError as error:
            os._exit(REFUSED if error.errno == errno.EFBIG or "cannot be written" in str(error) else 1)
        except BaseException as error:  # noqa: BLE001
            print(f"a stage failed: {error!r}", file=sys.__stderr__, flush=True)
            os._exit(1)
        os._exit(0)
    return child


def was_killed(child: int) -> bool:
    status = os.waitpid(child, 0)[1]
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, -signal.SIGKILL):
        raise SystemExit(f"a process ended with {code}")
    return code != 0


def was_refused(child: int) -> bool:
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, REFUSED):
        raise SystemExit(f"a process ended with {status}")
    return status == REFUSED


@dataclass
class Killing:
    name: str
    task: Task
    home: Path
    report: Report = field(default_factory=Report)

    def __post_init__(self) -> None:
        folder = self.task.prepare(self.home / f"{self.name}-whole")
        begin = time.monotonic()
        was_killed(self.started(folder))
        self.duration = time.monotonic() - begin
        self.wanted = self.task.outcome(folder)

    def started(self, folder: Path, at: durable.Step | None = None, times: int = 1, limit: int | None = None) -> int:
        def act() -> None:
            if at is not None:
                _countdown[at] = times
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            self.task.act(folder)

        return forked(act)

    def finish(self, name: str, folder: Path) -> None:
        was_killed(self.started(folder))
        self.compare(name, folder)

    def compare(self, name: str, folder: Path) -> None:
        if self.task.outcome(folder) != self.wanted or not self.honest(folder):
            self.report.differing.append(name)
        shutil.rmtree(folder)

    def look(self, name: str, folder: Path) -> None:
        if not self.honest(folder):
            self.report.fooled.append(name)

    def honest(self, folder: Path) -> bool:
        def look() -> None:
            os._exit(0 if self.task.honest(folder) else FOOLED)

        status = os.waitstatus_to_exitcode(os.waitpid(forked(look), 0)[1])
        if status not in (0, FOOLED):
            raise SystemExit(f"a reader ended with {status}")
        return status == 0

    def at_random(self, kills: int, chance: random.Random) -> None:
        """Kills again and again, until the command gets through, and then anew."""
        while self.report.killed < kills:
            name = f"{self.name}-random-{self.report.killed}"
            folder, before = self.task.prepare(self.home / name), self.report.killed
            while self.report.killed < min(kills, before + IN_A_ROW):
                child = self.started(folder)
                time.sleep(chance.uniform(0, LATER * self.duration))
                os.kill(child, signal.SIGKILL)
                if not was_killed(child):
                    break
                self.report.killed += 1
                self.look(name, folder)
            self.finish(name, folder)

    def at_limits(self, sizes: list[int]) -> None:
        """Where no file may be larger than so many bytes."""
        for size in sizes:
            name = f"{self.name}-limited-{size}"
            folder = self.task.prepare(self.home / name)
            self.report.refused += was_refused(self.started(folder, limit=size))
            self.look(name, folder)
            self.finish(name, folder)

    def at_steps(self, steps: list[durable.Step], *, every_time: bool) -> None:
        """At each step that the stage comes to, the first time, or each time that it comes to it."""
        for step in steps:
            for times in count(1) if every_time else [1]:
                name = f"{self.name}-{step.name}-{times}"
                folder = self.task.prepare(self.home / name)
                if not was_killed(self.started(folder, step, times)):
                    self.compare(name, folder)
                    break
                self.report.steps[step.name] = self.report.steps.get(step.name, 0) + 1
                self.look(name, folder)
                self.finish(name, folder)


def tasks(settings: dict, home: Path) -> dict[str, Task]:
    """Each stage, on what those before it wrote."""
    options = {**settings["run"], "texts": Path(settings["run"]["texts"]), "checkpoint_share": 1.0}
    config, model = RunConfig(out=home / "dataset", **options), options["model"]
    parts = tuple(home / f"part-{i}" for i in range(2))
    lists, whole = home / "lists", home / "analysed"
    was_killed(forked(lambda: run(config)))
    without_windows(config.out, lists)
    shutil.copytree(config.out, whole)
    weighing = WeightsConfig(dataset=whole, model=model, top_neurons=4)
    if "merge" in settings["kills"]:
        for i, part in enumerate(parts):
            mine = replace(config, out=part, shard=Shard(i, 2))
            was_killed(forked(partial(run, mine)))
    if "publish" in settings["kills"]:
        was_killed(forked(lambda: compute.weights.weights(weighing)))
    writing = TextsConfig(settings["source"], settings["tokenizer"], home / "texts", max_length=20, tokens=1500)
    neurons = ("0.3", "1.4", "1.7", "2.5")
    every = {
        "run": Task(lambda out: run(replace(config, out=out))),
        "shard": Task(lambda out: run(replace(config, out=out, shard=Shard(1, 2)))),
        "merge": Task(lambda out: merge(MergeConfig(parts, out))),
        "weights": Task(lambda out: compute.weights.weights(replace(weighing, dataset=out)), config.out),
        "examples": Task(lambda out: compute.examples.examples(ExamplesConfig(out, neurons, model=model)), lists),
        "texts": Texts(lambda out: compute.texts.texts(replace(writing, out=out))),
        "publish": Publish(lambda out: compute.publish.publish(PublishConfig(out, repo_of(out))), whole),
    }
    return {name: every[name] for name in settings["kills"]}


def main(settings: dict, home: Path) -> dict[str, dict]:
    torch.set_num_threads(1)  # so that no thread of the parent is missing in a child
    reports = {}
    for name, task in tasks(settings, home).items():
        killing = Killing(name, task, home)
        killing.at_random(settings["kills"][name], random.Random(f"{settings['seed']} {name}"))
        killing.at_limits(settings["limits"].get(name, []))
        steps = [durable.Step(step) for step in settings["steps"].get(name, [])]
        killing.at_steps(steps, every_time=settings["every_time"])
        reports[name] = vars(killing.report)
    return reports


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]), Path(sys.argv[2]))))

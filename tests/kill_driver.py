"""Starts runs in forked processes and stops them with SIGKILL, at random times or at named commit steps, then repeats
the command. Run as a script of its own, so that torch is imported once and no test framework is in the children."""

import hashlib
import json
import os
import random
import signal
import sys
import time
from dataclasses import replace
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

from compute.config import RunConfig
from compute.run import run
from compute.verify import verify
from gluscope_core import open_dataset
from gluscope_core.errors import DatasetBeingUpdated, DatasetNotFound


def start(config: RunConfig, at: durable.Step | None = None, times: int = 1) -> int:
    """Forks a process that runs; its id."""
    child = os.fork()
    if child == 0:
        if at is not None:
            _countdown[at] = times
        sys.stderr = Path(os.devnull).open("w")
        run(config)
        os._exit(0)
    return child


def was_killed(child: int) -> bool:
    status = os.waitpid(child, 0)[1]
    if not os.WIFSIGNALED(status) and os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"a run failed with exit code {os.waitstatus_to_exitcode(status)}")
    return os.WIFSIGNALED(status)


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def reader_is_not_fooled(folder: Path) -> bool:
    """After a kill a reader sees no dataset, one being updated, or a whole one."""
    try:
        open_dataset(folder)
    except (DatasetNotFound, DatasetBeingUpdated):
        return True
    return not list(verify(folder))


def main(settings: dict, folder: Path, kills: int, seed: int) -> dict:
    torch.set_num_threads(1)  # so that no thread of the parent is missing in a child
    options = {**settings, "texts": Path(settings["texts"]), "checkpoint_share": 1.0}
    config = RunConfig(out=folder / "whole", **options)
    begin = time.monotonic()
    was_killed(start(config))
    duration = time.monotonic() - begin
    wanted = digests(folder / "whole")
    report = {"killed": 0, "differing": [], "fooled": [], "steps": {}}

    def resume(name: str, config: RunConfig) -> None:
        if not reader_is_not_fooled(config.out):
            report["fooled"].append(name)
        was_killed(start(config))
        if digests(config.out) != wanted:
            report["differing"].append(name)

    chance = random.Random(seed)
    while report["killed"] < kills:
        name = f"random {report['killed']}"
        mine = replace(config, out=folder / name)
        for _ in range(chance.choice([1, 1, 2])):
            child = start(mine)
            time.sleep(chance.uniform(0, duration))
            os.kill(child, signal.SIGKILL)
            report["killed"] += was_killed(child)
        resume(name, mine)
    for step in durable.Step:
        for times in count(1):
            name = f"{step.name} {times}"
            mine = replace(config, out=folder / name)
            if not was_killed(start(mine, step, times)):
                break
            report["steps"][step.name] = times
            resume(name, mine)
    return report


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))))

"""E1: what the stage `examples` takes for 20 neurons at once, as a user starts it, on SmolLM2-135M.

Seconds for each neuron: of the whole command, loading the model included, and of what comes after that."""

import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.figures import Figures, summary
from benchmarks.whole_runs import find_smollm2, run_command, timed, write_python_topics
from gluscope_core.manifest import MANIFEST_NAME, read_manifest
from gluscope_core.schema import WINDOWS_TABLE

NEURONS, TIMES = 20, 5
_AFTER_THE_MODEL = re.compile(r"neurons added, ([0-9.e+-]+) s each")


def measure() -> Iterator[tuple[str, Figures]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_python_topics(find_smollm2(), folder / "texts.parquet")
        timed(run_command(find_smollm2(), folder / "texts.parquet", folder / "lists"))
        _drop_windows(folder / "lists")
        taken = [_seconds(folder) for _ in range(TIMES)]
    yield "E1", summary([whole for whole, _ in taken])
    yield "E1, loaded", summary([after for _, after in taken])


def _drop_windows(folder: Path) -> None:
    manifest = read_manifest(folder)
    files = tuple(record for record in manifest.files if record.table != WINDOWS_TABLE.name)
    (folder / MANIFEST_NAME).write_bytes(replace(manifest, files=files, sha256="").sealed().to_json())
    shutil.rmtree(folder / WINDOWS_TABLE.name)


def _seconds(folder: Path) -> tuple[float, float]:
    shutil.copytree(folder / "lists", folder / "added")
    model = read_manifest(folder / "added").model
    drawn = random.Random(2).sample(range(model.layers * model.d_mlp), NEURONS)  # noqa: S311
    named = [f"{each // model.d_mlp}.{each % model.d_mlp}" for each in drawn]
    command = [sys.executable, "-m", "compute", "examples", str(folder / "added"), "--model", str(find_smollm2())]
    began = time.perf_counter()
    done = subprocess.run([*command, "--neurons", *named], capture_output=True, text=True, check=True)
    took = time.perf_counter() - began
    shutil.rmtree(folder / "added")
    [after] = _AFTER_THE_MODEL.findall(done.stderr)
    return took / NEURONS, float(after)


def main() -> None:
    for name, found in measure():
        print(name, found, flush=True)


if __name__ == "__main__":
    main()

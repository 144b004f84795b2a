"""Reads files of which a bit was flipped or an end cut off, each kind in a process of its own, so that one that hangs
or crashes is a finding and not an end."""

import json
import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from compute import durable
from compute.checkpoint import Checkpoint
from compute.durable import PROGRESS, read_record
from compute.saved import STATE_NAME, Saved
from compute.text_sample import Sample, SampleOnDisk
from compute.token_texts import ORIGIN_NAME, TextsOrigin, read_texts
from compute.weights.begun import Begun
from compute.weights.layers import Layers
from gluscope_core import open_dataset
from gluscope_core.errors import GluscopeError
from gluscope_core.ids import NeuronId
from gluscope_core.manifest import JOURNAL_NAME, MANIFEST_NAME
from gluscope_core.static_site import LIST_NAME, Site

SECONDS = 20
"""Longer than any read may take."""


@dataclass(frozen=True)
class Kind:
    path: Path
    read: Callable[[], object]


def of_a_dataset(folder: Path) -> dict[str, Kind]:
    manifest = open_dataset(folder).manifest
    found = {"manifest": Kind(folder / MANIFEST_NAME, lambda: open_dataset(folder).manifest)}
    for table in sorted({record.table for record in manifest.files}):
        record = manifest.files_of(table)[-1]
        layer = None if record.layers is None else record.layers[1]

        def read(table: str = table, layer: int | None = layer) -> object:
            dataset = open_dataset(folder)
            rows = dataset.read_table(table, layer=layer)
            return rows, dataset._row(table, NeuronId(layer, 7)) if rows.schema.names[:2] == [
                "layer",
                "neuron",
            ] else None

        found[table] = Kind(folder / record.path, read)
    return found


def of_a_run(folder: Path) -> dict[str, Kind]:
    own = Checkpoint(folder / PROGRESS)
    marker = own.marker()
    state = own.home / marker.folder / "layer_001.safetensors"
    return {
        "run's identity": Kind(own.home / "run.json", own.identity),
        "run's marker": Kind(own.home / "checkpoint.json", own.marker),
        "run's state": Kind(state, lambda: own.load_layer(own.marker(), 1).tensors()),
    }


def of_weights(folder: Path) -> dict[str, Kind]:
    home = folder / PROGRESS / "weights"
    part = Saved(home / "tokens")
    state = part.home / part.marker().folder / STATE_NAME
    looked = Saved(home / "layers")
    figures = looked.home / looked.marker().folder / STATE_NAME
    model = read_record(home / "begun.json", Begun, "").model

    def layers() -> object:
        found = Layers.none(home, model, heads=4)
        done = Saved(home / "layers", found).restore(found.tensors())
        return done, found.directions.unit, found.tensors()

    return {
        "analysis' identity": Kind(home / "begun.json", lambda: read_record(home / "begun.json", Begun, "")),
        "analysis' marker": Kind(looked.home / "checkpoint.json", layers),
        "analysis' figures": Kind(figures, layers),
        "analysis' directions": Kind(min(home.glob("*.float32")), layers),
        "analysis' state": Kind(state, lambda: part.load(part.marker(), state.name)),
    }


def of_texts(folder: Path, unfinished: Path) -> dict[str, Kind]:
    def read() -> object:
        origin = TextsOrigin.read(folder)
        texts = read_texts(folder)
        about = {name: value for name, value in vars(origin).items() if name != "sha256"}
        return about, texts.ids, texts.bounds, list(texts.strings())

    def sample() -> object:
        settings = json.loads((unfinished / "settings").read_text())
        kept, counts = SampleOnDisk(unfinished / PROGRESS, settings).load(Sample(10**9), 0)
        return [vars(each) for each in kept.in_order()], vars(counts)

    return {
        "texts' origin": Kind(folder / ORIGIN_NAME, read),
        "tokenised texts": Kind(folder / "texts_000.parquet", read),
        "texts' checkpoint": Kind(unfinished / PROGRESS / "sample", sample),
    }


def of_a_journal(folder: Path) -> dict[str, Kind]:
    path = folder / JOURNAL_NAME
    return {"journal": Kind(path, lambda: durable._read_journal(path))}


def of_a_site(folder: Path) -> dict[str, Kind]:
    path = folder / LIST_NAME

    def read() -> object:
        return {
            name: value
            for name, value in vars(Site.from_json(path.read_bytes(), str(path))).items()
            if name != "sha256"
        }

    return {"site's list": Kind(path, read)}


def damages(whole: bytes, flips: int, cuts: int, chance: random.Random) -> list[bytes]:
    made = []
    for _ in range(flips):
        changed = bytearray(whole)
        changed[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        made.append(bytes(changed))
    return made + [whole[: chance.randrange(len(whole))] for _ in range(cuts)]


def as_bytes(value: object) -> bytes:
    """Alike for what is alike, NaN included."""
    if isinstance(value, pa.Table):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, value.schema) as writer:
            writer.write_table(value.combine_chunks())
        return sink.getvalue().to_pybytes()
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if isinstance(value, torch.Tensor):
        return value.numpy().tobytes()
    if isinstance(value, dict):
        return b"".join(as_bytes(each) for item in value.items() for each in item)
    if isinstance(value, list | tuple):
        return b"".join(map(as_bytes, value))
    return as_bytes(vars(value)) if hasattr(value, "__dataclass_fields__") else repr(value).encode()


def try_all(kind: Kind, made: list[bytes], tell: int) -> None:
    """One line for each: how it went."""
    whole = kind.path.read_bytes()
    wanted = as_bytes(kind.read())
    for content in made:
        kind.path.write_bytes(content)
        try:
            found = as_bytes(kind.read())
            said = "same" if found == wanted else "silent"
        except GluscopeError:
            said = "reported"
        except Exception as error:  # noqa: BLE001
            said = f"not ours: {error!r}"
        os.write(tell, f"{said.splitlines()[0]}\n".encode())
    kind.path.write_bytes(whole)


def outcome(kind: Kind, made: list[bytes]) -> list[str]:
    """Of each try; the last one is that which hung or crashed, if one did."""
    whole = kind.path.read_bytes()
    hear, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(hear)
        try:
            try_all(kind, made, tell)
        finally:
            os._exit(0)  # what is missing from what it said fails the test
    os.close(tell)
    said, heard = b"", time.monotonic()
    while time.monotonic() - heard < SECONDS:
        if select.select([hear], [], [], 1)[0]:
            more = os.read(hear, 2**16)
            if not more:
                break
            said, heard = said + more, time.monotonic()
    else:
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(hear)
    kind.path.write_bytes(whole)
    return said.decode().splitlines() + ([f"ended with {status}"] if status else [])


def main(folders: dict[str, str], flips: int, cuts: int, seed: int) -> dict[str, list[str]]:
    torch.set_num_threads(1)
    at = {name: Path(path) for name, path in folders.items()}
    kinds = of_a_dataset(at["dataset"]) | of_a_run(at["run"]) | of_weights(at["weights"])
    kinds |= of_texts(at["texts"], at["unfinished texts"]) | of_a_journal(at["journal"]) | of_a_site(at["site"])
    return {
        name: outcome(kind, damages(kind.path.read_bytes(), flips, cuts, random.Random(f"{seed} {name}")))
        for name, kind in kinds.items()
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]), *map(int, sys.argv[2:]))))

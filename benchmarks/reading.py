"""R5: what a neuron costs over a network: bytes and requests for its windows, and for a whole page.

A dataset of two layers in OLMo-7B's shape is written once, into `build/reading`: real tokens, random activations. A
stand-in for the Hub serves it, 100 ms late with each answer; another process reads 200 random neurons."""

import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

import numpy as np
import pyarrow as pa

from benchmarks.figures import Figures, summary
from compute.write import write_table
from gluscope_core.columns import SampleColumn, WeightColumn, WindowColumn
from gluscope_core.dataset import Dataset, open_dataset
from gluscope_core.manifest import MANIFEST_NAME
from gluscope_core.records import FileRecord
from gluscope_core.schema import (
    LAYER,
    NEURON,
    NEURONS,
    NEURONS_TABLE,
    SAMPLES_TABLE,
    TEXTS_TABLE,
    VOCAB_TABLE,
    WEIGHTS_TABLE,
    WINDOWS_TABLE,
    Table,
)
from gluscope_core.vocabulary import LISTS, RELATIONS, TOKEN_LISTS
from tests.hub_standin import Hub, environment

ROOT = Path(__file__).parent.parent
BUNDLED = ROOT / "datasets" / "smollm2-135m-instruct"
WRITTEN = ROOT / "build" / "reading"
LAYERS, WIDTH = 2, 11008
PER_LIST, WINDOW, SAMPLES = 16, 32, 1024
DISTINCT = 288
"""Of a neuron's 288 windows: the most there can be. SmolLM2's neurons have 265 in the mean."""
NEURONS_READ, DELAY = 200, 0.1
ID = "generated/olmo-7b"
_AT_ONCE = 256
_SHOWN = 16


def measure() -> Iterator[tuple[str, Figures]]:
    if not (WRITTEN / MANIFEST_NAME).exists():
        write_dataset(WRITTEN)
    with Hub().running() as hub, tempfile.TemporaryDirectory() as home:
        hub.add(ID, WRITTEN)
        hub.delay = DELAY
        command, variables = [sys.executable, "-m", "benchmarks.reading", ID], environment(hub, Path(home))
        with subprocess.Popen(
            command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        ) as reader:
            stdin, stdout = cast("IO[str]", reader.stdin), cast("IO[str]", reader.stdout)
            for what in ("windows", "page"):
                stdout.readline()  # now it has what is kept
                hub.forget()
                stdin.write("go\n")
                stdin.flush()
                seconds = json.loads(stdout.readline())
                yield f"R5 {what}, bytes", summary(_bytes_of_each(hub, len(seconds)))
                yield f"R5 {what}, requests", summary([len(hub.asked) / len(seconds)])
                yield f"R5 {what}, s p95", summary([float(np.quantile(seconds, 0.95))])


def _bytes_of_each(hub: Hub, neurons: int) -> list[int]:
    """By request, of windows; of pages the mean, since their requests are not told apart."""
    sent = [each.sent for each in hub.asked]
    return sent if len(sent) <= neurons else [sum(sent) // neurons]


def read(repo_id: str) -> None:
    """In a process of its own: what is kept first, and then, when told to, the seconds for each neuron."""
    dataset = open_dataset(repo_id)
    drawn = random.Random(5)  # noqa: S311
    neurons = [(drawn.randrange(LAYERS), drawn.randrange(WIDTH)) for _ in range(NEURONS_READ)]
    for name, look in (("windows", dataset.examples), ("page", lambda *neuron: _page(dataset, *neuron))):
        for layer in range(LAYERS):
            look(layer, WIDTH - 1)
        print(name, flush=True)
        sys.stdin.readline()
        print(json.dumps([_seconds(look, neuron) for neuron in neurons]), flush=True)
        neurons = [(layer, (neuron + WIDTH // 2) % WIDTH) for layer, neuron in neurons]  # none of which is kept


def _page(dataset: Dataset, layer: int, neuron: int) -> None:
    """What the neuron page reads."""
    dataset.neuron(layer, neuron)
    examples = dataset.examples(layer, neuron)
    dataset.samples(layer, neuron)
    dataset.weights(layer, neuron)
    for text in examples["text"][:_SHOWN]:
        dataset.text(int(text))


def _seconds(look, neuron: tuple[int, int]) -> float:  # noqa: ANN001
    began = time.perf_counter()
    look(*neuron)
    return time.perf_counter() - began


def write_dataset(folder: Path) -> None:
    bundled = open_dataset(BUNDLED)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    random_state = np.random.default_rng(0)
    tokens = np.concatenate(bundled.read_table(TEXTS_TABLE.name, ["input_ids"]).column(0).to_numpy())
    files: list[FileRecord] = []
    for record in (*bundled.manifest.files_of(TEXTS_TABLE.name), *bundled.manifest.files_of(VOCAB_TABLE.name)):
        (folder / record.path).parent.mkdir(exist_ok=True)
        shutil.copyfile(BUNDLED / record.path, folder / record.path)
        files.append(record)
    for layer in range(LAYERS):
        pieces = [range(start, min(start + _AT_ONCE, WIDTH)) for start in range(0, WIDTH, _AT_ONCE)]
        for table, rows in ((WINDOWS_TABLE, _windows), (SAMPLES_TABLE, _samples), (WEIGHTS_TABLE, _weights)):
            made = (_keyed(table, layer, piece, rows(random_state, len(piece), tokens)) for piece in pieces)
            files.append(write_table(folder, table.path(layer), table, made))
    files.append(_statistics(folder, bundled))
    model = replace(bundled.manifest.model, id=ID, layers=LAYERS, d_mlp=WIDTH)
    run = replace(bundled.manifest.run, layers=tuple(range(LAYERS))) if bundled.manifest.run else None
    manifest = replace(bundled.manifest, model=model, run=run, files=tuple(files))
    (folder / MANIFEST_NAME).write_bytes(manifest.to_json())


def _statistics(folder: Path, bundled: Dataset) -> FileRecord:
    """Real ones, over and over."""
    rows = bundled.read_table(NEURONS_TABLE.name).slice(0, LAYERS * WIDTH)
    ids = np.divmod(np.arange(LAYERS * WIDTH), WIDTH)
    for name, values in zip((LAYER, NEURON), ids, strict=True):
        place = rows.schema.get_field_index(name)
        rows = rows.set_column(place, NEURONS.field(name), pa.array(values, pa.int32()))
    return write_table(folder, NEURONS_TABLE.path(0).replace("layer_", "neurons_"), NEURONS_TABLE, [rows])


_Columns = dict[str, tuple[np.ndarray, int]]
"""Values end to end, and how many each row has."""


def _keyed(table: Table, layer: int, neurons: range, columns: _Columns) -> pa.Table:
    arrays: dict[str, pa.Array] = {
        LAYER: pa.array(np.full(len(neurons), layer), pa.int32()),
        NEURON: pa.array(np.asarray(neurons), pa.int32()),
    }
    for name, (values, each) in columns.items():
        kind = table.schema.field(name).type
        offsets = pa.array(np.arange(len(neurons) + 1) * each, pa.int32())
        arrays[name] = pa.ListArray.from_arrays(offsets, pa.array(values).cast(kind.value_type), type=kind)
    return pa.table([arrays[name] for name in table.schema.names], schema=table.schema)


def _windows(draw: np.random.Generator, rows: int, tokens: np.ndarray) -> _Columns:
    entries = len(LISTS) * PER_LIST
    starts = _some_again(draw.integers(0, len(tokens) - WINDOW, (rows, DISTINCT)), entries).ravel()
    gate, into = (_some_again(draw.normal(size=(rows, DISTINCT, WINDOW)), entries).ravel() for _ in range(2))
    wide = entries * WINDOW
    return {
        WindowColumn.LIST_SIZES: (np.full(rows * len(LISTS), PER_LIST), len(LISTS)),
        WindowColumn.VALUES: (draw.normal(size=rows * entries).astype(np.float32), entries),
        WindowColumn.INDICES: (draw.integers(0, 1390, rows * entries), entries),
        WindowColumn.POSITIONS: (draw.integers(0, 1024, rows * entries), entries),
        WindowColumn.STARTS: (draw.integers(0, 1024, rows * entries), entries),
        WindowColumn.LENGTHS: (np.full(rows * entries, WINDOW), entries),
        WindowColumn.TOKENS: (tokens[starts[:, None] + np.arange(WINDOW)].ravel(), wide),
        WindowColumn.GATE: (gate.astype(np.float16), wide),
        WindowColumn.IN: (into.astype(np.float16), wide),
    }


def _some_again(values: np.ndarray, entries: int) -> np.ndarray:
    """As where a text is at the top of several lists."""
    return np.concatenate([values, values[:, : entries - values.shape[1]]], axis=1)


def _samples(draw: np.random.Generator, rows: int, tokens: np.ndarray) -> _Columns:
    del tokens
    return {
        SampleColumn.GATE: (draw.normal(size=rows * SAMPLES).astype(np.float32), SAMPLES),
        SampleColumn.IN: (draw.normal(size=rows * SAMPLES).astype(np.float32), SAMPLES),
        SampleColumn.INDICES: (np.tile(np.arange(SAMPLES), rows), SAMPLES),
        SampleColumn.POSITIONS: (np.tile(np.arange(SAMPLES) % 512, rows), SAMPLES),
    }


def _weights(draw: np.random.Generator, rows: int, tokens: np.ndarray) -> _Columns:
    listed, related = len(TOKEN_LISTS) * PER_LIST, len(RELATIONS) * 8
    return {
        WeightColumn.TOKEN_SIZES: (np.full(rows * len(TOKEN_LISTS), PER_LIST), len(TOKEN_LISTS)),
        WeightColumn.TOKENS: (draw.choice(tokens, rows * listed), listed),
        WeightColumn.DOTS: (draw.normal(size=rows * listed).astype(np.float16), listed),
        WeightColumn.COSINES: (draw.normal(size=rows * listed).astype(np.float16), listed),
        WeightColumn.RELATED_SIZES: (np.full(rows * len(RELATIONS), 8), len(RELATIONS)),
        WeightColumn.RELATED_LAYERS: (draw.integers(0, LAYERS, rows * related), related),
        WeightColumn.RELATED_NEURONS: (draw.integers(0, WIDTH, rows * related), related),
        WeightColumn.RELATED_COSINES: (draw.normal(size=rows * related).astype(np.float16), related),
    }


def main() -> None:
    if len(sys.argv) > 1:
        read(sys.argv[1])
        return
    for name, found in measure():
        print(name, found, flush=True)


if __name__ == "__main__":
    main()

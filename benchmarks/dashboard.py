"""D1, D2 and R6: the dashboard as somebody at a browser meets it.

D1 is seconds from asking for another neuron to its examples being there, on the bundled dataset; D2 seconds from asking
for a whole-model view to its charts, of 352,256 neurons, within the open dashboard and in a new tab; R6 what the
server's process holds after 500 pages of neurons, and how much HTML one of them is."""

import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from playwright.sync_api import Page, sync_playwright

from benchmarks.figures import Figures, summary
from compute.write import write_table
from gluscope_core import open_dataset
from gluscope_core.dataset import Dataset
from gluscope_core.examples_view import Choice
from gluscope_core.ids import NeuronId
from gluscope_core.schema import LAYER, NEURON, NEURONS_TABLE
from tests.browser.conftest import BUNDLED, CHROMIUM, start_server

PAGES, TIMED, WARM_UP = 500, 100, 5
LAYERS, PER_LAYER = 32, 11_008
"""OLMo-7B's."""
VIEWS = ("", "explore", "explore?colour=IO+class", "explore?layers=0-9")
_TIMES = 5
_DRAWN = "canvas.marks, svg.marks"


def measure() -> Iterator[tuple[str, Figures]]:
    yield from _neuron_pages()
    yield from _whole_model_views()


def _neuron_pages() -> Iterator[tuple[str, Figures]]:
    dataset = open_dataset(next(BUNDLED.iterdir()))
    neurons = list(_with_examples(dataset))
    random.Random(0).shuffle(neurons)  # noqa: S311
    seconds, sizes = [], []
    with _browser_at(BUNDLED) as (page, address, process):
        page.goto(f"{address}/neuron?neuron={neurons[-1][0]}")
        page.locator(f'[data-open="{neurons[-1][1]}"]').first.wait_for()
        for visit in range(PAGES):
            neuron, first = neurons[visit % len(neurons)]
            seconds.append(_go_to(page, neuron, first))
            if visit < TIMED:
                sizes.append(_html_size(page))
        held = _resident_bytes(process) / 2**20
    timed = seconds[WARM_UP : WARM_UP + TIMED]
    yield "D1", summary(timed)
    yield "D1-p95", summary([float(np.percentile(timed, 95))])
    yield "R6-MiB", summary([held])
    yield "R6-HTML-kB", summary([size / 1000 for size in sizes])


def _with_examples(dataset: Dataset) -> Iterator[tuple[NeuronId, str]]:
    """And the place of the first example that its page shows."""
    choice = Choice()
    for row in dataset.read_table("windows", [LAYER, NEURON]).to_pylist():
        found = dataset.examples(row[LAYER], row[NEURON])
        mine = found[(found["case"] == choice.case.column) & (found["quantity"] == choice.quantity.value)]
        if len(mine):
            first = mine.iloc[0]
            yield NeuronId(row[LAYER], row[NEURON]), f"{first['text']}.{first['position']}"


def _go_to(page: Page, neuron: NeuronId, first: str) -> float:
    page.get_by_placeholder("31.9634").fill(str(neuron))
    began = time.perf_counter()
    page.keyboard.press("Enter")
    page.locator(f'[data-open="{first}"]').first.wait_for()
    return time.perf_counter() - began


def _html_size(page: Page) -> int:
    return page.locator(".view").evaluate_all("views => views.reduce((sum, view) => sum + view.innerHTML.length, 0)")


def _whole_model_views() -> Iterator[tuple[str, Figures]]:
    with tempfile.TemporaryDirectory() as name:
        write_large(open_dataset(next(BUNDLED.iterdir())), Path(name) / "large")
        with _browser_at(Path(name)) as (page, address, _):
            for view in VIEWS:
                measure = f"D2-{view or 'overview'}"
                yield f"{measure}-tab", summary([_in_a_new_tab(page, f"{address}/{view}") for _ in range(_TIMES)])
                yield measure, summary([_from_another_page(page, view) for _ in range(_TIMES)])


def _in_a_new_tab(page: Page, address: str) -> float:
    """The dashboard's own scripts are part of it, and, the first time, reading the columns."""
    page.goto("about:blank")
    began = time.perf_counter()
    page.goto(address)
    page.locator(_DRAWN).first.wait_for()
    return time.perf_counter() - began


def _from_another_page(page: Page, view: str) -> float:
    """As a link or the way back goes, within the open dashboard."""
    _go_within(page, "methods")
    page.get_by_role("heading", name="Methods").wait_for()
    page.locator(_DRAWN).first.wait_for(state="detached")
    began = time.perf_counter()
    _go_within(page, view)
    page.locator(_DRAWN).first.wait_for()
    return time.perf_counter() - began


def _go_within(page: Page, view: str) -> None:
    page.evaluate(
        "where => { history.pushState({}, '', where); dispatchEvent(new PopStateEvent('popstate')) }", f"/{view}"
    )


def write_large(bundled: Dataset, folder: Path) -> None:
    """A dataset of OLMo-7B's shape: neurons of the bundled one, drawn again and again from the layer of like depth."""
    neurons = bundled.read_table(NEURONS_TABLE.name)
    layer_of, draw = neurons[LAYER].to_numpy(), np.random.default_rng(0)
    own_layers = len(bundled.manifest.layers)
    folder.mkdir(parents=True)
    record = write_table(
        folder, "neurons/neurons_000.parquet", NEURONS_TABLE,
        (_layer(neurons.take(draw.choice(np.flatnonzero(layer_of == layer * own_layers // LAYERS), PER_LAYER)), layer)
         for layer in range(LAYERS)),
    )  # fmt: skip
    manifest = bundled.manifest
    run = replace(manifest.run, layers=tuple(range(LAYERS))) if manifest.run else None
    model = replace(manifest.model, id="generated", layers=LAYERS, d_mlp=PER_LAYER)
    (folder / "gluscope.json").write_bytes(replace(manifest, model=model, run=run, files=(record,)).to_json())


def _layer(rows: pa.Table, layer: int) -> pa.Table:
    for at, (name, values) in enumerate(((LAYER, np.full(PER_LAYER, layer)), (NEURON, np.arange(PER_LAYER)))):
        field = rows.schema.field(name)
        rows = rows.set_column(at, field, pa.array(values, field.type))
    return rows


@contextmanager
def _browser_at(datasets: Path) -> Iterator[tuple[Page, str, Any]]:
    process, address = start_server(datasets)
    try:
        with sync_playwright() as started:
            browser = started.chromium.launch(
                executable_path=CHROMIUM or shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = browser.new_page(viewport={"width": 1440, "height": 1000})
            page.set_default_timeout(60_000)
            yield page, address, process
            browser.close()
    finally:
        process.terminate()
        process.wait()


def _resident_bytes(process: Any) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return 1024 * int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def main() -> None:
    for name, found in measure():
        print(name, {key: np.round(value, 3) for key, value in found.items()}, flush=True)


if __name__ == "__main__":
    main()

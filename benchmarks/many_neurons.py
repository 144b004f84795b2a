"""Pages about many neurons at once, of 352,256, as somebody at a browser meets them.

Seconds from following a link in an open tab to what it leads to being there: S1 a search, D3 the input-output page, D4
two datasets' layers. What a page's first visit costs stands apart. At the end what the server's process holds, whose
bar is R6's. The dataset is written once, into `build/many_neurons`."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pyarrow as pa
from playwright.sync_api import Page

from benchmarks.dashboard import LAYERS, PER_LAYER, _browser_at, _resident_bytes, write_large
from benchmarks.figures import Figures, summary
from compute.write import record_of, write_table
from gluscope_core import open_dataset
from gluscope_core.columns import TokenColumn
from gluscope_core.dataset import Dataset
from gluscope_core.manifest import MANIFEST_NAME
from gluscope_core.query import parse
from gluscope_core.records import FileRecord
from gluscope_core.schema import LAYER, NEURON, TOKENS_TABLE, VOCAB_TABLE, WEIGHTS_TABLE, Table
from gluscope_core.search import apply
from gluscope_core.token_search import Lexicon
from tests.browser.conftest import BUNDLED

WRITTEN = Path(__file__).parent.parent / "build" / "many_neurons"
WORDS = (" again", " not", " because", " she", " import", " time")
CLASSES = ("depletion", "conditional depletion", "enrichment", "conditional enrichment", "proportional change")
THRESHOLDS = (0.42, 0.46, 0.52, 0.56, 0.6)
SHOWN = ("cos_in_out", "freq_gate_pos", "mean_gain", "class depletion", "role prediction")
_FOLLOW = "address => { history.pushState({}, '', address); dispatchEvent(new PopStateEvent('popstate')) }"


def measure() -> Iterator[tuple[str, Figures]]:
    bundled = open_dataset(next(BUNDLED.iterdir()))
    if not (WRITTEN / "large" / MANIFEST_NAME).exists():
        write_searchable(bundled, WRITTEN / "large")
        (WRITTEN / "small").symlink_to(bundled.folder.absolute())
    large = open_dataset(WRITTEN / "large")
    with _browser_at(WRITTEN) as (page, address, process):
        page.goto(f"{address}/?data=large")
        page.locator("canvas.marks, svg.marks").first.wait_for()
        for kind, views in _views(large).items():
            seconds = [_follow(page, view, is_there) for view, is_there in views]
            yield f"{kind}-first", summary(seconds[:1])
            yield kind, summary(seconds[1:])
        held = _resident_bytes(process) / 2**20
    yield "R6-many-MiB", summary([held])


View = tuple[str, Callable[[Page], None]]


def _views(large: Dataset) -> dict[str, list[View]]:
    """Addresses, each with what is waited for."""
    lexicon = Lexicon(large.vocab)
    ranges = [f"{low:.1f}.." for low in (0.1, 0.2, 0.3, 0.2, 0.1)]
    return {
        "S1-token": [_searched(large, {"token": word}, lexicon.find(word).token) for word in WORDS],
        "S1-class-range": [
            _searched(large, {"class": kind, "layers": "0-20", "freq_gate_pos": least})
            for kind, least in zip(CLASSES, ranges, strict=True)
        ],
        "D3-input-output": [(f"/input_output?data=large&tau={tau}", _said(tau)) for tau in THRESHOLDS],
        "D4-layers": [
            (f"/compare?{urlencode({'data': 'large', 'view': 'layers', 'show': shown})}", _drawn(shown))
            for shown in SHOWN
        ],
    }


def _searched(dataset: Dataset, params: dict[str, str], token: int | None = None) -> View:
    """Until the first that is found is the first that should be."""
    query = parse(params, dataset.manifest).query
    found = apply(query, dataset, token).neurons.iloc[0]
    first = f"{found[LAYER]}.{found[NEURON]}"

    def is_there(page: Page) -> None:
        page.locator(f".results tbody tr:first-child a:text-is('{first}')").wait_for()

    return f"/search?{urlencode({'data': 'large', **params})}", is_there


def _said(threshold: float) -> Callable[[Page], None]:
    """Until all figures are of this threshold: what is written first, what is drawn last."""

    def is_there(page: Page) -> None:
        page.get_by_text(f"τ = {threshold - 0.02:.2f} or {threshold + 0.02:.2f}").wait_for()
        page.locator("[data-testid=stVegaLiteChart][aria-label^='Effective IO'] .marks").wait_for()
        _no_longer_running(page)

    return is_there


def _drawn(shown: str) -> Callable[[Page], None]:
    kind = shown.rsplit(maxsplit=1)[-1]

    def is_there(page: Page) -> None:
        name = f"Share of {kind}" if " " in shown else "Median"
        page.locator(f"[data-testid=stVegaLiteChart][aria-label^='{name}'] .marks").wait_for()
        _no_longer_running(page)

    return is_there


def _no_longer_running(page: Page) -> None:
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def _follow(page: Page, address: str, is_there: Callable[[Page], None]) -> float:
    began = time.perf_counter()
    page.evaluate(_FOLLOW, address)
    is_there(page)
    return time.perf_counter() - began


def write_searchable(bundled: Dataset, folder: Path) -> None:
    """A dataset of OLMo-7B's shape that can be searched: the bundled one's vocabulary, lists of its tokens with their
    neurons spread over the larger model, and token lists of as many neurons as there are."""
    write_large(bundled, folder)
    draw = np.random.default_rng(1)
    added = [_copied(bundled, folder, VOCAB_TABLE)]
    tokens = bundled.read_table(TOKENS_TABLE.name)
    added.append(write_table(folder, "tokens/tokens_000.parquet", TOKENS_TABLE, [_spread(tokens, draw)]))
    weights = bundled.read_table(WEIGHTS_TABLE.name)
    added += [
        write_table(folder, f"weights/layer_{layer:03}.parquet", WEIGHTS_TABLE, [_layer(weights, layer, draw)])
        for layer in range(LAYERS)
    ]
    manifest = open_dataset(folder).manifest
    (folder / MANIFEST_NAME).write_bytes(replace(manifest, files=(*manifest.files, *added)).to_json())


def _copied(bundled: Dataset, folder: Path, table: Table) -> FileRecord:
    [record] = bundled.manifest.files_of(table.name)
    shutil.copy(bundled.folder / record.path, folder / record.path)
    return record_of(folder, record.path, table, None)


def _spread(tokens: pa.Table, draw: np.random.Generator) -> pa.Table:
    """The same lists, of other neurons."""
    for name, end in ((TokenColumn.LAYERS, LAYERS), (TokenColumn.NEURONS, PER_LAYER)):
        lists = tokens.column(name).combine_chunks()
        drawn = pa.array(draw.integers(0, end, len(lists.values)), lists.type.value_type)
        field = tokens.schema.get_field_index(name)
        tokens = tokens.set_column(field, name, pa.ListArray.from_arrays(lists.offsets, drawn))
    return tokens.cast(TOKENS_TABLE.schema)


def _layer(weights: pa.Table, layer: int, draw: np.random.Generator) -> pa.Table:
    rows = weights.take(np.sort(draw.integers(0, weights.num_rows, PER_LAYER)))
    for name, values in ((LAYER, np.full(PER_LAYER, layer)), (NEURON, np.arange(PER_LAYER))):
        at = rows.schema.get_field_index(name)
        rows = rows.set_column(at, rows.schema.field(at), pa.array(values, rows.schema.field(at).type))
    return rows


def main() -> None:
    for name, found in measure():
        print(name, {key: np.round(value, 3) for key, value in found.items()}, flush=True)


if __name__ == "__main__":
    main()

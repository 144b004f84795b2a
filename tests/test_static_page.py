"""A neuron's page as a file: everything is in it, nothing is fetched, and what comes from texts is text."""

import base64
import hashlib
import re
import shutil
import tomllib
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from compute.config import ImportConfig, WeightsConfig
from compute.imported import import_original
from compute.weights import weights
from compute.write import write_table
from gluscope_core import NeuronId, open_dataset
from gluscope_core.discover import FOLDERS_VARIABLE
from gluscope_core.examples_view import Choice, collapse
from gluscope_core.highlight import Colouring, ExamplesHtml
from gluscope_core.manifest import MANIFEST_NAME, read_manifest
from gluscope_core.neuron_view import NeuronView
from gluscope_core.provenance import read_source
from gluscope_core.schema import TABLES, WINDOWS_TABLE
from gluscope_core.sign_table import table_html
from gluscope_core.static_examples import SharedLines, StaticExamplesHtml
from gluscope_core.static_page import Surroundings, page_html, token_texts
from gluscope_core.vocabulary import CASES, QUANTITIES, Quantity, SignConvention
from tests.app_pages import visit
from tests.original_files import Site, write_original
from tests.test_examples import keep_rows

ROOT = Path(__file__).parent.parent
NASTY = "<img src=x onerror=alert(1)></script>\"'&"
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "script", "nav", "div", "section", "figure", "svg"),
    *("figcaption", "path", "rect", "text", "g", "h1", "h2", "h3", "p", "b", "i", "q", "small", "span", "table", "tr"),
    *("thead", "tbody", "td", "th", "ol", "li", "a", "label", "input", "dl", "dt", "dd", "code"),
    *("details", "summary"),
}


class Seen(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.attributes, self.texts, self.ids = set(), set(), [], []
        self.addresses = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.ids += [value for name, value in attrs if name == "id"]
        self.addresses += [value for name, value in attrs if name in ("href", "src", "action", "data", "srcset")]

    def handle_data(self, data):
        self.texts.append(data)


def written(folder: Path, neuron: str = "1.3", convention: SignConvention | None = None, **around) -> str:
    dataset = open_dataset(folder)
    view = NeuronView.of(dataset, NeuronId.parse(neuron), convention or dataset.manifest.sign_convention)
    return page_html(view, token_texts(dataset), Surroundings(**around))


@pytest.fixture
def nasty(with_weights, tmp_path) -> Path:
    """All tokens and sources are what a careless page would run."""
    folder = tmp_path / "nasty"
    shutil.copytree(with_weights, folder)
    dataset, files = open_dataset(folder), []
    changed = {"vocab": ("display", pa.string()), "texts": ("source", pa.string())}
    for record in dataset.manifest.files:
        if record.table not in changed:
            files.append(record)
            continue
        name, kind = changed[record.table]
        rows = dataset.read_table(record.table)
        at = rows.schema.get_field_index(name)
        rows = rows.set_column(at, rows.schema.field(at), pa.array([NASTY] * rows.num_rows, kind))
        files.append(write_table(folder, record.path, TABLES[record.table], [rows]))
    manifest = dataset.manifest
    model = replace(manifest.model, id=NASTY)
    (folder / MANIFEST_NAME).write_bytes(replace(manifest, files=tuple(files), model=model).to_json())
    return folder


def test_what_comes_from_texts_is_text(nasty):
    seen = Seen(written(nasty))
    assert seen.tags <= TAGS
    assert not [name for name in seen.attributes if name.startswith("on")]
    assert NASTY in "".join(seen.texts)


def test_nothing_is_fetched_and_nothing_else_runs(with_weights):
    page = written(with_weights)
    seen = Seen(page)
    assert seen.addresses == []
    assert not re.search(r"url\(|@import|http-equiv=.refresh", page)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none';")
    for kind, tag in (("style-src-elem", "style"), ("script-src", "script")):
        [content] = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy
    assert "export default" not in page  # the component's function became the page's own
    assert "function show(" in page
    assert len(seen.ids) == len(set(seen.ids))


def test_the_dashboards_parts_are_there(with_weights):
    view = NeuronView.of(open_dataset(with_weights), NeuronId(1, 3), SignConvention.ALIGNED)
    page, lists = written(with_weights), view.examples()
    assert table_html(view.row) in page
    assert "Joint density" in page
    assert "near by w_gate" in page
    assert "by W_E" in page
    assert view.dataset.manifest.sha256 in page
    assert "1,024" not in page
    for case in CASES:
        for quantity in QUANTITIES:
            start = page.index(f'<div class="panel c-{case.code} l-{quantity.label}">')
            panel = re.split(r'<div class="panel|<h2>', page[start + 1 :])[0]
            wanted = collapse(lists.chosen(Choice(case, quantity)))
            if quantity in case.ranked:
                assert [each.text for each in wanted] == [int(text) for text in re.findall(r">text ([0-9]+)<", panel)]
            else:
                assert "orders as gate does" in panel


def test_values_of_tokens_are_those_of_the_dashboard(with_weights):
    view = NeuronView.of(open_dataset(with_weights), NeuronId(1, 3), SignConvention.ALIGNED)
    lists = view.examples()
    chosen = lists.chosen(Choice())
    colouring, texts = Colouring(Quantity.POST, lists.bound(Quantity.POST)), token_texts(view.dataset)
    plain = ExamplesHtml(texts, colouring, {}).listing(chosen)
    static = StaticExamplesHtml(texts, colouring, {}, SharedLines(())).listing(chosen)
    rows = re.findall(r' data-h="([^"]*)"', static)
    assert len(rows) == len(chosen)
    kept = np.concatenate([np.frombuffer(base64.b64decode(row), "<f2").reshape(-1, 3) for row in rows]).astype(float)
    wanted = np.array([each.split() for each in re.findall(r' data-v="([^"]*)"', plain)], float)
    np.testing.assert_allclose(kept, wanted[:, :3], rtol=6e-3, atol=1e-6)
    np.testing.assert_allclose(kept[:, 1] * kept[:, 2], wanted[:, 3], rtol=6e-3, atol=1e-6)
    tokens = re.compile(r' data-[vh]="[^"]*"|<button.*?</button>')
    strengths = re.sub(r'class=("?)(t )?([pn])(\d+)"?', r"class=\1\2\3\1 style=--a:\4", tokens.sub("", static))
    assert strengths == tokens.sub("", plain)


def test_the_other_sign_convention(with_weights):
    dataset = open_dataset(with_weights)
    flipped = dataset.neurons(["layer", "neuron", "flipped"]).query("flipped").iloc[0]
    name = f"{flipped['layer']}.{flipped['neuron']}"
    raw, aligned = written(with_weights, name, SignConvention.RAW), written(with_weights, name)
    assert "raw signs" in raw
    assert "aligned signs" in aligned
    assert raw != aligned.replace("aligned signs", "raw signs")


def test_links_only_to_pages_that_are_there(with_weights):
    related = open_dataset(with_weights).weights(1, 3).related
    one = NeuronId(int(related["layer"][0]), int(related["neuron"][0]))
    seen = Seen(written(with_weights, neurons={one}, index="index.html"))
    assert set(seen.addresses) == {"index.html", f"{one}.html"}


def test_a_dataset_without_windows_samples_or_weights(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "copy")
    keep_rows(tmp_path / "copy", WINDOWS_TABLE.name, lambda *_: False)
    keep_rows(tmp_path / "copy", "samples", lambda *_: False)
    page = written(tmp_path / "copy")
    assert "compute weights" in page
    assert "compute examples copy --neurons 1.3" in page
    assert "No tokens were sampled" in page
    assert re.search(r"position [0-9]+", page)
    keep_rows(tmp_path / "copy", "examples", lambda layer, _: layer == 0)
    assert "no examples of neuron 1.3" in written(tmp_path / "copy")


@pytest.mark.parametrize("source", ["pages", "dataset"])
def test_what_the_original_wrote_is_said_in_the_dashboards_words(source, finished, model_folder, tmp_path, monkeypatch):
    """On both, of an imported dataset and of one as it was published, its weights in signs that may be others."""
    if source == "pages":
        Site().write_page(tmp_path / "site", 3, 17)
        import_original(ImportConfig(tmp_path / "site", tmp_path / "theirs"))
        neuron = "3.17"
    else:
        write_original(finished, tmp_path / "theirs", 4)
        weights(WeightsConfig(model=str(model_folder), out=tmp_path / "theirs" / "weights"))
        neuron = "1.3"
    page = "".join(Seen(written(tmp_path / "theirs", neuron)).texts)
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path / "theirs"))
    app = visit("pages/neuron.py", neuron=neuron)
    shown = [each.value.replace("`", "") for each in (*app.caption, *app.info)]
    own = [each for each in shown if "by the original" not in each and "Charts as PNG" not in each]
    assert len(own) >= 2
    assert [each for each in own if each not in page] == []
    assert "kept the strongest examples only" in page
    assert "--samples 0" not in page


def test_a_dataset_of_weights_only(model_folder, tmp_path):
    weights(WeightsConfig(model=str(model_folder), out=tmp_path / "w", parts=()))
    page = written(tmp_path / "w")
    assert "says nothing of activations" in page
    assert read_manifest(tmp_path / "w").run is None


def test_its_colours_are_the_dashboards():
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
    css = (ROOT / "gluscope_core" / "static_page.css").read_text()
    light, dark = css.split("prefers-color-scheme: dark")
    names = {"primaryColor": "primary-color", "backgroundColor": "background-color", "textColor": "text-color"}
    for scheme, part in (("light", light), ("dark", dark)):
        for name, variable in names.items():
            assert f"--st-{variable}: {theme[scheme][name]};" in part


def test_what_texts_share_of_their_sources_stands_once():
    """On one of the heaviest pages of the bundled dataset, of which nothing is left out."""
    dataset, neuron = open_dataset(ROOT / "datasets" / "smollm2-135m-instruct"), NeuronId(8, 141)
    page = written(dataset.folder, str(neuron))
    assert len(page.encode()) <= 500_000
    texts = dataset.examples(*neuron)["text"].unique()[:40]
    known = {line for text in texts for line in read_source(str(dataset.text(int(text))["source"])).full.splitlines()}
    assert len(known) > 40
    assert all(escape(line) in page for line in known)
    links, places = (set(re.findall(pattern, page)) for pattern in (r"href=#s(\d+)", r"<li id=s(\d+)"))
    assert links == places

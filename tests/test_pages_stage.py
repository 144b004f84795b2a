"""The stages `page` and `site`, through the command line: without torch, and a site that grows."""

import json
import re
import shutil
from pathlib import Path

import pytest

from compute.cli import main
from gluscope_core import open_dataset
from gluscope_core.manifest import read_manifest
from gluscope_core.schema import WINDOWS_TABLE
from tests.test_boundaries import modules_after
from tests.test_examples import keep_rows


def make(dataset: Path, out: Path, *neurons: str, rest: tuple[str, ...] = ()) -> int:
    return main(["site", str(dataset), "--neurons", *neurons, "--out", str(out), *rest])


def links(page: Path) -> set[str]:
    return set(re.findall(r'href="([^"]*)"', page.read_text()))


@pytest.mark.parametrize("stage", ["page", "site"])
def test_neither_needs_torch(with_weights, tmp_path, stage):
    file = tmp_path / "1.3.html"
    rest = {"page": ["1.3", "--out", str(file)], "site": ["--neurons", "1.3", "--out", str(tmp_path)]}[stage]
    modules = modules_after(f"from compute.cli import main; assert main({[stage, str(with_weights), *rest]}) == 0")
    assert not {"torch", "transformers", "streamlit"} & modules
    assert file.read_text().startswith("<!DOCTYPE html>")


def test_page(with_weights, tmp_path, capsys):
    out = tmp_path / "new" / "page.html"
    assert main(["page", str(with_weights), "L1N3", "--out", str(out), "--sign-convention", "raw"]) == 0
    assert "raw signs" in out.read_text()
    assert re.search(r"neuron 1\.3, [0-9]+ kB", capsys.readouterr().err)
    assert main(["page", str(with_weights), "3.0", "--out", str(out)]) == 2
    assert "3.0 does not exist" in capsys.readouterr().err
    assert main(["page", str(with_weights), "banana", "--out", str(out)]) == 2


def test_a_site_grows(with_weights, tmp_path):
    dataset = open_dataset(with_weights)
    related = dataset.weights(1, 3).related
    other = f"{related['layer'][0]}.{related['neuron'][0]}"
    out = tmp_path / "site"
    assert make(with_weights, out, "1.3") == 0
    assert links(out / "1.3.html") == {"index.html"}
    assert (out / ".nojekyll").exists()
    assert links(out / "index.html") == {"1.3.html", "neurons.json"}
    (tmp_path / "more.txt").write_text(f"{other}\n")
    assert make(with_weights, out, f"@{tmp_path / 'more.txt'}") == 0
    assert links(out / "index.html") == {"1.3.html", f"{other}.html", "neurons.json"}
    assert f"{other}.html" in links(out / "1.3.html")  # written again, for it names the new one
    listed = json.loads((out / "neurons.json").read_text())["entries"]
    assert {(each["layer"], each["neuron"]) for each in listed} == {(1, 3), tuple(map(int, other.split(".")))}
    assert listed[0]["dataset"] == dataset.manifest.sha256


def test_pages_that_cannot_be_written_again_stay(with_weights, tmp_path):
    out, some = tmp_path / "site", tmp_path / "some"
    make(with_weights, out, "1.3", "2.2")
    before = (out / "1.3.html").read_bytes()
    shutil.copytree(with_weights, some)
    keep_rows(some, WINDOWS_TABLE.name, lambda layer, _: layer == 0)
    assert make(some, out, "all") == 0
    assert (out / "1.3.html").read_bytes() == before
    names = {f"0.{neuron}.html" for neuron in range(24)} | {"1.3.html", "2.2.html"}
    assert {path.name for path in out.glob("*.html")} == names | {"index.html"}
    assert links(out / "index.html") == names | {"neurons.json"}


def test_every_link_of_a_site_leads_somewhere(with_weights, tmp_path):
    make(with_weights, tmp_path / "site", "all")
    pages = list((tmp_path / "site").glob("*.html"))
    assert len(pages) == 1 + sum(record.rows for record in read_manifest(with_weights).files_of("windows"))
    for page in pages:
        for link in links(page):
            assert (page.parent / link).is_file()


def test_repeating_it_changes_nothing(with_weights, tmp_path):
    make(with_weights, tmp_path, "1.3", "1.4")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    make(with_weights, tmp_path, "1.3", "1.4")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_other_sites_are_left_alone(with_weights, tmp_path, capsys):
    make(with_weights, tmp_path / "site", "1.3")
    assert make(with_weights, tmp_path / "site", "1.4", rest=("--sign-convention", "raw")) == 2
    assert "choose another folder" in capsys.readouterr().err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.html").write_text("mine")
    assert make(with_weights, tmp_path / "mine", "1.4") == 2
    assert (tmp_path / "mine" / "index.html").read_text() == "mine"
    (tmp_path / "site" / "neurons.json").write_text("[1, 2")
    assert make(with_weights, tmp_path / "site", "1.4") == 2
    assert "no list of pages" in capsys.readouterr().err


def test_a_list_that_was_altered_is_refused(with_weights, tmp_path, capsys):
    make(with_weights, tmp_path, "1.3")
    path = tmp_path / "neurons.json"
    whole = path.read_text()
    path.write_text(whole.replace('"neuron": 3', '"neuron": 4'))
    assert make(with_weights, tmp_path, "1.4") == 2
    assert "neurons.json is not as it was written: choose another folder" in capsys.readouterr().err
    content = json.loads(whole)
    del content["sha256"]  # as earlier releases wrote it
    path.write_text(json.dumps(content))
    assert make(with_weights, tmp_path, "1.4") == 0
    assert json.loads(path.read_text())["sha256"]


def test_a_file_that_is_no_text_names_no_neurons(with_weights, tmp_path, capsys):
    (tmp_path / "list.txt").write_bytes("1.3 é".encode("latin-1"))
    assert make(with_weights, tmp_path / "site", f"@{tmp_path / 'list.txt'}") == 2
    assert f"error: --neurons @{tmp_path / 'list.txt'} is no text in UTF-8: save it as such" in capsys.readouterr().err

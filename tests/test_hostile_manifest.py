"""Manifests that anybody could have written, with hashes that are right: named errors, in little time and memory."""

import os
import shutil
import time
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from streamlit.testing.v1 import AppTest

from gluscope_core import open_dataset
from gluscope_core.discover import FOLDERS_VARIABLE
from gluscope_core.errors import DatasetDamaged, DatasetTooNew, GluscopeError, NoSuchText, TableMissing
from gluscope_core.manifest import MANIFEST_NAME
from tests.hostile import ATTACKS, ROOT, in_bounds, rewrite, seal, strings

ABSURD: tuple[Any, ...] = (
    None, True, -1, 0, 10**12, 2**63 - 1, -(2**63), 2**64 - 1, 0.5, -0.0, 1e308, "", "x", "1", [], {}, [[]], [None],
    {"id": 1}, [10**12], [-1], [0, 0], [[0, 0]] * 2, "../" * 9, ATTACKS[0], "x" * 10**5, list(range(5000)), [{}] * 99,
)  # fmt: skip
PATHS = (
    "/etc/passwd", "/dev/zero", "../outside.parquet", "neurons/../../outside.parquet", "neurons/./neurons_000.parquet",
    "neurons\\neurons_000.parquet", "..\\x.parquet", "C:/x.parquet", "c:x.parquet", "//host/share/x.parquet",
    "neurons/nul\x00.parquet", "neurons/\n.parquet", "con.parquet", "neurons/NUL.parquet", "lpt1/x.parquet",
    "~/x.parquet", ".hidden.parquet", "neurons/", "", ".", "..", "neurons", "file:///etc/x.parquet",
    "http://attacker.invalid/x.parquet", "a" * 400 + ".parquet", "a/" * 50 + "x.parquet", "neurons//x.parquet",
    "neurons/\u202egpj.parquet", "neurons/x.parquet\n", "%2e%2e/x.parquet", "README.md", MANIFEST_NAME,
)  # fmt: skip


@pytest.fixture
def copy(finished, tmp_path) -> Path:
    shutil.copytree(finished, tmp_path / "shelf" / "copy")
    return tmp_path / "shelf" / "copy"


@pytest.mark.parametrize("path", PATHS)
def test_paths_stay_in_the_folder(copy, path):
    rewrite(copy, lambda content: content["files"][0].update(path=path))
    with pytest.raises(DatasetDamaged, match="again"):
        open_dataset(copy)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["files"].append(content["files"][0]),
        lambda content: content["run"].update(layers=[0, 1, 1]),
        lambda content: content["run"].update(layers=[2, 1, 0]),
        lambda content: content["run"].update(layers=[0, 1, 2, 3]),
        lambda content: content["run"].update(layers=[]),
        lambda content: content["model"].update(layers=4096, d_mlp=2**24),
        lambda content: content["model"].update(d_mlp=25),
        lambda content: content["files"][0].update(table="else"),
        lambda content: content["files"][0].update(layers=[2, 1]),
        lambda content: content["files"][0].update(layers=[0, 3]),
        lambda content: content.update(texts=None),
        lambda content: content["run"].update(sign_convention="other"),
    ],
)
def test_contradictions_are_named(copy, change):
    rewrite(copy, change)
    with pytest.raises(DatasetDamaged, match="again"):
        open_dataset(copy)


def places_in(content: Any, at: tuple = ()) -> list[tuple]:
    """Every field of the JSON, at any depth."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [place for key, value in items for place in [(*at, key), *places_in(value, (*at, key))]]


def put(content: Any, place: tuple, value: Any) -> None:
    for key in place[:-1]:
        content = content[key]
    content[place[-1]] = value


def test_absurd_values_everywhere(copy, how_many, record_property):
    """Either a named error, or a dataset from which figures of any neuron can be asked without harm."""
    raw = (copy / MANIFEST_NAME).read_bytes()
    places = places_in(msgspec.json.decode(raw))
    random = Random(9)
    tries, slowest = how_many(250, 20_000), 0.0
    for number in range(tries):
        content = msgspec.json.decode(raw)
        value = random.choice(ABSURD) if random.random() < 0.9 else next(strings(random))
        put(content, places[number % len(places)], value)
        seal(copy, content)
        started = time.perf_counter()
        read_some(copy)
        slowest = max(slowest, time.perf_counter() - started)
    assert slowest < 5
    record_property("manifests with absurd values", tries)


def read_some(folder: Path) -> None:
    try:
        dataset = open_dataset(folder)
        assert dataset.manifest.neuron_count <= 2**25
        dataset.neurons(["layer", "neuron"])
        dataset.text(3)
    except GluscopeError as error:
        assert len(str(error)) < 1_000
        assert "again" in str(error) or isinstance(error, DatasetTooNew | NoSuchText | TableMissing)


def mutated(raw: bytes, random: Random) -> bytes:
    content = bytearray(raw)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(content))
        kind = random.randrange(4)
        if kind == 0:
            content[at] = random.randrange(256)
        elif kind == 1:
            del content[at : at + random.randint(1, 40)]
        elif kind == 2:
            content[at:at] = random.choice([b"[" * 2000, b"9" * 400, b"\xff", b'"', b"{", b"1e999", b"\\u0000", b"-"])
        else:
            content[at:at] = content[at : at + random.randint(1, 200)]
    return bytes(content)


def test_mutated_manifests(copy, how_many, record_property):
    """As bytes; and, where it is JSON still, with the hash that belongs to it, so that what follows is reached."""
    raw = (copy / MANIFEST_NAME).read_bytes()
    random, tries, sealed = Random(5), how_many(300, 20_000), 0
    for _ in range(tries):
        changed = mutated(raw, random)
        try:
            seal(copy, msgspec.json.decode(changed))
            sealed += 1
        except (msgspec.MsgspecError, TypeError, ValueError, RecursionError):
            (copy / MANIFEST_NAME).write_bytes(changed)
        read_some(copy)
    assert sealed > tries // 20
    record_property("mutated manifests", tries)


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 10**5,
        b'{"a":' * 10**5,
        b"9" * 10**6,
        b"1e999999",
        b'"\\ud800"',
        b"NaN",
        b'{"format_version": 99999999999999999999999999, "sha256": ""}',
        b'{"format_version": 1e400, "sha256": ""}',
        b'{"format_version": 1, "sha256": "", "format_version": 2}',
    ],
)
def test_json_that_is_no_manifest(copy, content):
    (copy / MANIFEST_NAME).write_bytes(content)
    with pytest.raises((DatasetDamaged, DatasetTooNew)):
        open_dataset(copy)


def test_files_that_are_large_or_have_no_end(copy, tmp_path):
    """In place of the manifest, or of a table."""
    large = shutil.copytree(copy, tmp_path / "large")
    with (large / MANIFEST_NAME).open("r+b") as file:
        file.truncate(2**30)
    many = shutil.copytree(copy, tmp_path / "many")
    (many / MANIFEST_NAME).write_bytes(b"[" + b"{}," * (8 * 2**20 // 3 - 1) + b"{}]")
    endless = []
    for place in (MANIFEST_NAME, "neurons/neurons_000.parquet"):
        for make in (os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir):
            endless.append(shutil.copytree(copy, tmp_path / str(len(endless))))
            (endless[-1] / place).unlink()
            make(endless[-1] / place)
    said = in_bounds(*(f"open_dataset({str(folder)!r}).neurons()" for folder in (large, many, *endless)))
    assert "is larger than 8,388,608 bytes: download" in said[0][0]
    assert "not a manifest" in said[1][0]
    assert all("is no file" in each for each, _ in said[2:])
    assert said[0][1] < 50
    assert said[1][1] < 400


@pytest.mark.parametrize("name", ["a\x00b", "x" * 5000, "/proc/self/mem/x", "/dev/null", "\ud800"])
def test_folders_that_cannot_be(name):
    with pytest.raises(GluscopeError):
        open_dataset(Path(name))


@pytest.mark.parametrize("whole_folder", [False, True])
def test_links_out_of_the_folder_are_refused(copy, tmp_path, whole_folder):
    outside = tmp_path / "outside"
    inside = copy / "neurons" if whole_folder else copy / "neurons" / "neurons_000.parquet"
    inside.rename(outside)
    inside.symlink_to(outside)
    with pytest.raises(DatasetDamaged, match="leads out of the dataset's folder"):
        open_dataset(copy).neurons()


def test_links_within_and_those_of_the_hubs_cache_are_fine(copy, tmp_path):
    linked = tmp_path / "linked"
    linked.symlink_to(copy)
    (copy / "neurons").rename(copy / "elsewhere")
    (copy / "neurons").symlink_to(copy / "elsewhere")
    assert len(open_dataset(linked).neurons()) == 72
    (copy / "neurons").unlink()
    (copy / "elsewhere").rename(copy / "neurons")
    cache = tmp_path / "datasets--somebody--tiny"
    snapshot = cache / "snapshots" / ("0" * 40)
    (cache / "blobs").mkdir(parents=True)
    for number, path in enumerate(sorted(path for path in copy.rglob("*") if path.is_file())):
        (snapshot / path.relative_to(copy)).parent.mkdir(parents=True, exist_ok=True)
        (cache / "blobs" / str(number)).write_bytes(path.read_bytes())
        (snapshot / path.relative_to(copy)).symlink_to(cache / "blobs" / str(number))
    assert len(open_dataset(snapshot).neurons()) == 72
    assert len(open_dataset(snapshot).examples(1, 3))


def test_the_app_stays_up_and_says_so(copy, monkeypatch):
    rewrite(copy, lambda content: content["model"].update(layers=10**12))
    monkeypatch.setenv(FOLDERS_VARIABLE, str(copy.parent))
    app = AppTest.from_file(ROOT / "streamlit_app.py", default_timeout=60).run()
    assert not app.exception
    assert "4096 - at" in app.warning[0].value.replace("\\", "")

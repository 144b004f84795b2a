"""Reading: only what is asked for, and never anything but what was written."""

import gc
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from compute.write import write_table
from gluscope_core import open_dataset
from gluscope_core.errors import (
    ColumnMissing,
    DatasetBeingUpdated,
    DatasetDamaged,
    DatasetNotFound,
    DatasetTooNew,
    NoSuchNeuron,
    NoSuchRevision,
    NoSuchText,
)
from gluscope_core.ids import NeuronId
from gluscope_core.kept import Kept
from gluscope_core.manifest import JOURNAL_NAME, MANIFEST_NAME, _own_hash, read_manifest
from gluscope_core.places import Folder
from gluscope_core.schema import NEURONS, TABLES
from gluscope_core.tables import TableFile


@pytest.fixture
def copy(finished, tmp_path) -> Path:
    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy"


def test_projection_of_columns(finished):
    dataset = open_dataset(finished)
    some = dataset.neurons(columns=["layer", "neuron", "gate+_in+_freq"])
    assert list(some.columns) == ["layer", "neuron", "gate+_in+_freq"]
    whole = dataset.neurons()
    assert list(whole.columns) == NEURONS.names
    pd.testing.assert_frame_equal(some, whole[list(some.columns)])
    with pytest.raises(ColumnMissing, match="gate_freq"):
        dataset.neurons(columns=["gate_freq"])


def test_columns_of_stages_that_have_not_run_are_null(finished):
    assert open_dataset(finished).neurons()[["cos_in_out", "io_class", "role"]].isna().all(axis=None)


def test_windows_and_lists_say_the_same(finished, copy):
    """Without the windows table the examples come from the lists."""
    with_windows = open_dataset(finished).examples(1, 7)
    rewrite_manifest(
        copy, lambda content: content.update(files=[f for f in content["files"] if f["table"] != "windows"])
    )
    without = open_dataset(copy).examples(1, 7)
    assert list(without.columns) == ["case", "quantity", "rank", "value", "text", "position"]
    pd.testing.assert_frame_equal(with_windows[list(without.columns)], without)
    assert {"start", "tokens", "gate", "in"} <= set(with_windows.columns)


def test_one_neuron_reads_one_row_group(finished, monkeypatch):
    read = []
    original = pq.ParquetFile.read_row_group
    monkeypatch.setattr(pq.ParquetFile, "read_row_group", lambda self, i, **k: read.append(i) or original(self, i, **k))
    monkeypatch.setattr(pq.ParquetFile, "read", lambda *_, **__: pytest.fail("reads a whole file"))
    dataset = open_dataset(finished)
    dataset.examples(2, 9)
    assert read == [3]  # neurons 9 to 11 of layer 2
    assert pq.ParquetFile(finished / "windows/layer_002.parquet").metadata.row_group(3).num_rows == 3


def test_rows_are_found_in_files_that_span_layers(finished, copy):
    """Groups of 32 rows over layers of 24 neurons."""
    manifest = read_manifest(copy)
    records = manifest.files_of("samples")
    layers = [TableFile(Folder(copy), record).read() for record in records]
    together = write_table(copy, "samples/all.parquet", TABLES["samples"], [pa.concat_tables(layers)])
    files = tuple(record for record in manifest.files if record.table != "samples")
    (copy / MANIFEST_NAME).write_bytes(replace(manifest, files=(*files, together)).to_json())
    for layer in range(3):
        for neuron in range(24):
            wanted = open_dataset(finished).samples(layer, neuron)
            pd.testing.assert_frame_equal(open_dataset(copy).samples(layer, neuron), wanted)
    with pytest.raises(NoSuchNeuron):
        open_dataset(copy).samples(1, 24)


@pytest.mark.parametrize("neuron", [(0, 24), (3, 0), (0, -1), (-1, 0), (10**9, 10**9)])
def test_no_such_neuron(finished, neuron):
    with pytest.raises(NoSuchNeuron, match=f"{neuron[0]}.{neuron[1]}"):
        open_dataset(finished).examples(*neuron)


def test_texts_and_vocabulary(finished):
    dataset = open_dataset(finished)
    assert dataset.text(1)["input_ids"] == [2]
    with pytest.raises(NoSuchText, match="0 to 21"):
        dataset.text(22)
    assert dataset.vocab.loc[5, "display"] == "[5]"  # the tiny model has no tokenizer
    assert dataset.vocab["bytes"].isna().all()


def test_not_there(tmp_path, finished):
    for folder in (tmp_path, tmp_path / "none", tmp_path / "none" / "deeper"):
        with pytest.raises(DatasetNotFound, match="holds no dataset"):
            open_dataset(folder)
    with pytest.raises(NoSuchRevision, match="revision"):
        open_dataset(finished, revision="main")


def test_being_updated(copy):
    dataset = open_dataset(copy)
    (copy / JOURNAL_NAME).touch()
    with pytest.raises(DatasetBeingUpdated, match="repeat the command"):
        open_dataset(copy)
    flip(copy / "windows/layer_000.parquet", -20)
    with pytest.raises(DatasetBeingUpdated):
        dataset.examples(0, 0)


def test_replaced_while_open(copy):
    dataset = open_dataset(copy)
    flip(copy / "windows/layer_000.parquet", -20)
    rewrite_manifest(copy, lambda content: content.update(stages=["run", "weights"]))
    with pytest.raises(DatasetBeingUpdated, match="open it again"):
        dataset.examples(0, 0)


def test_newer_format(copy):
    rewrite_manifest(copy, lambda content: content.update(format_version=99))
    with pytest.raises(DatasetTooNew, match="99"):
        open_dataset(copy)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b"[" * 10**5, b'{"format_version": 1, "sha256": 3}'])
def test_not_a_manifest(copy, content):
    (copy / MANIFEST_NAME).write_bytes(content)
    with pytest.raises(DatasetDamaged):
        open_dataset(copy)


def test_every_changed_byte_of_a_manifest_is_noticed(copy):
    whole = (copy / MANIFEST_NAME).read_bytes()
    wanted = read_manifest(copy)
    for place in range(0, len(whole), 37):
        changed = bytearray(whole)
        changed[place] ^= 1
        (copy / MANIFEST_NAME).write_bytes(changed)
        try:
            assert read_manifest(copy) == wanted  # a changed space between two tokens is no change
        except (DatasetDamaged, DatasetTooNew):
            continue


@pytest.mark.parametrize("place", [-1, -6, -20, -200])
def test_a_damaged_footer_is_not_parsed(copy, place):
    flip(copy / "windows/layer_001.parquet", place)
    with pytest.raises(DatasetDamaged, match=r"layer_001\.parquet"):
        open_dataset(copy).examples(1, 0)
    assert len(open_dataset(copy).examples(0, 0))


def test_a_damaged_page_is_noticed(copy):
    flip(copy / "neurons/neurons_000.parquet", 2000)
    with pytest.raises(DatasetDamaged, match="neurons_000"):
        open_dataset(copy).neurons()


@pytest.mark.parametrize("change", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:-30])])
def test_missing_and_truncated_files(copy, change):
    change(copy / "neurons/neurons_000.parquet")
    with pytest.raises(DatasetDamaged, match="neurons_000"):
        open_dataset(copy).neurons()


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)


def rewrite_manifest(folder: Path, change) -> None:
    """With a changed content and the hash that belongs to it."""
    content = msgspec.json.decode((folder / MANIFEST_NAME).read_bytes())
    change(content)
    content["sha256"] = _own_hash(content)
    (folder / MANIFEST_NAME).write_bytes(msgspec.json.encode(content))


def test_a_neuron_opens_the_files_of_its_layer_alone(with_weights, monkeypatch):
    """Footers of all layers of a large model are more than are kept: opening them for every neuron took 10 s a page."""
    opened = []
    ready = TableFile.__init__

    def noted(file, place, record, kept=None):
        opened.append(record.layers)
        ready(file, place, record, kept)

    monkeypatch.setattr(TableFile, "__init__", noted)
    dataset = open_dataset(with_weights)
    assert len(dataset.manifest.files_of("weights")) == 3
    dataset.weights(1, 5)
    assert opened == [(1, 1)]


def test_what_open_datasets_keep_has_one_bound(with_weights, monkeypatch):
    monkeypatch.setattr("gluscope_core.tables._GROUPS", Kept(1, lambda _: 1))
    read = []
    real = TableFile.read_group
    monkeypatch.setattr(TableFile, "read_group", lambda self, group: read.append(group) or real(self, group))
    one, other = open_dataset(with_weights), open_dataset(with_weights)
    for dataset in (one, one, other, one):
        dataset.samples(1, 5)
    assert len(read) == 3


def test_what_is_no_longer_kept_does_not_wait_for_a_collection_of_garbage(with_weights):
    def parsed() -> int:
        return sum(isinstance(each, pq.FileMetaData) for each in gc.get_objects())

    dataset = open_dataset(with_weights)
    [record, *_] = dataset.manifest.files_of("weights")
    gc.collect()
    before = parsed()
    gc.disable()
    try:
        for _ in range(5):
            TableFile(dataset.place, record).read_row(NeuronId(0, 3))
        assert parsed() == before
    finally:
        gc.enable()

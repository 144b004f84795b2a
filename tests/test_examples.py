"""`examples` gives what `run` captured for the same neurons, whatever the dataset lacks, and leaves it whole."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from transformers.models.llama import modeling_llama as llama

from compute import durable, revisit
from compute.config import ExamplesConfig
from compute.examples import examples
from compute.run import run
from compute.verify import verify
from compute.write import write_table
from gluscope_core import open_dataset
from gluscope_core.errors import (
    BadSettings,
    DatasetBeingUpdated,
    DatasetDamaged,
    DatasetNotFound,
    ModelRefused,
    NoSuchNeuron,
    TextsUnusable,
)
from gluscope_core.manifest import MANIFEST_NAME, read_manifest
from gluscope_core.schema import EXAMPLES_TABLE, TABLES, WINDOWS_TABLE
from gluscope_core.vocabulary import LISTS, Field
from tests.conftest import tiny_llama, write_texts

TOLERANCE = 1e-4
"""Of the neuron's scale: what the contract allows between batch plans."""
ALL = [(layer, neuron) for layer in range(3) for neuron in range(24)]


def keep_rows(folder: Path, table: str, keep) -> None:
    """Leaves in a table the neurons for which `keep` holds."""
    dataset, files = open_dataset(folder), []
    manifest = dataset.manifest
    for record in manifest.files:
        if record.table != table:
            files.append(record)
            continue
        rows = dataset.read_table(table, layer=record.layers[0])
        ids = zip(rows.column("layer").to_pylist(), rows.column("neuron").to_pylist(), strict=True)
        rows = rows.filter(pa.array([keep(*each) for each in ids]))
        (folder / record.path).unlink()
        if rows.num_rows:
            files.append(write_table(folder, record.path, TABLES[table], [rows]))
    (folder / MANIFEST_NAME).write_bytes(replace(manifest, files=tuple(files)).to_json())


def drop_positions(folder: Path) -> None:
    """As in a dataset that does not know them."""
    dataset, files = open_dataset(folder), []
    manifest = dataset.manifest
    for record in manifest.files:
        if record.table != EXAMPLES_TABLE.name:
            files.append(record)
            continue
        rows = dataset.read_table(EXAMPLES_TABLE.name, layer=record.layers[0])
        for each in LISTS:
            at = rows.schema.get_field_index(each.column(Field.POSITIONS))
            lists = [[None] * len(values) for values in rows.column(each.column(Field.VALUES)).to_pylist()]
            rows = rows.set_column(at, rows.schema.field(at), pa.array(lists, rows.schema.field(at).type))
        files.append(write_table(folder, record.path, EXAMPLES_TABLE, [rows]))
    (folder / MANIFEST_NAME).write_bytes(replace(manifest, files=tuple(files)).to_json())


@pytest.fixture
def lists_only(finished, tmp_path) -> Path:
    shutil.copytree(finished, tmp_path / "copy")
    keep_rows(tmp_path / "copy", WINDOWS_TABLE.name, lambda *_: False)
    return tmp_path / "copy"


def add(folder: Path, *neurons: str, **options) -> None:
    examples(ExamplesConfig(folder, neurons, **options))


def assert_same(folder: Path, whole: Path, neurons=ALL) -> None:
    """The same windows, values within the tolerance."""
    found, wanted = open_dataset(folder), open_dataset(whole)
    for neuron in neurons:
        mine, theirs = found.examples(*neuron), wanted.examples(*neuron)
        exact = ["case", "quantity", "rank", "value", "text", "position", "start"]
        pd.testing.assert_frame_equal(mine[exact], theirs[exact])
        assert (mine["tokens"].map(tuple) == theirs["tokens"].map(tuple)).all()
        for name in ("gate", "in"):
            a, b = (np.concatenate(list(each[name])).astype(np.float64) for each in (mine, theirs))
            np.testing.assert_allclose(a, b, rtol=2**-10, atol=TOLERANCE * np.abs(b).max())


def test_all_neurons_as_run_captured_them(lists_only, finished, model_folder):
    (lists_only / "README.md").unlink()  # it names the tables
    add(lists_only, "all", model=str(model_folder))
    assert_same(lists_only, finished)
    assert not list(verify(lists_only))
    assert open_dataset(lists_only).manifest.stages == ("run", "examples")
    assert "config_name: windows" in (lists_only / "README.md").read_text()


def test_without_the_texts_of_its_own(lists_only, finished, model_folder, texts_file):
    add(lists_only, "2.7", "0.3", model=str(model_folder), texts=texts_file)
    assert_same(lists_only, finished, [(2, 7), (0, 3)])


@pytest.mark.parametrize("name", ["texts_000.parquet", "zzz.parquet"])
def test_texts_of_a_dataset_that_lie_elsewhere_are_not_read(lists_only, model_folder, texts_file, name):
    own = next((lists_only / "texts").iterdir())
    link = own.with_name(name)
    link.unlink(missing_ok=True)
    link.symlink_to(texts_file)
    with pytest.raises(DatasetDamaged, match=f"{name} leads out of the dataset's folder: put the file itself there"):
        add(lists_only, "2.7", model=str(model_folder))


def test_positions_that_a_dataset_lacks(lists_only, finished, model_folder):
    drop_positions(lists_only)
    add(lists_only, "all", model=str(model_folder))
    assert_same(lists_only, finished)
    assert not list(verify(lists_only))  # holds the examples table against the windows


@pytest.mark.parametrize("settings", [{"sign_convention": "raw"}, {"skip_first": 2, "window": 5}, {"random_k": 0}])
def test_other_runs(config, tmp_path, model_folder, settings):
    run(replace(config, out=tmp_path / "whole", **settings))
    shutil.copytree(tmp_path / "whole", tmp_path / "lists")
    keep_rows(tmp_path / "lists", WINDOWS_TABLE.name, lambda *_: False)
    drop_positions(tmp_path / "lists")
    add(tmp_path / "lists", "all", model=str(model_folder))
    assert_same(tmp_path / "lists", tmp_path / "whole")


def test_neurons_join_those_that_are_there(finished, tmp_path, model_folder, capsys):
    folder = tmp_path / "some"
    shutil.copytree(finished, folder)
    keep_rows(folder, WINDOWS_TABLE.name, lambda layer, neuron: layer == 1 and neuron in (3, 9))
    (folder / "README.md").write_text("by hand")
    (tmp_path / "more.txt").write_text("1.9\n1.0 L2N5\n")
    add(folder, "1.4", f"@{tmp_path / 'more.txt'}", model=str(model_folder))
    assert "1 of 4 neurons are there already" in capsys.readouterr().err
    assert_same(folder, finished, [(1, 0), (1, 3), (1, 4), (1, 9), (2, 5)])
    assert "tokens" not in open_dataset(folder).examples(1, 5)
    assert not list(verify(folder))
    assert (folder / "README.md").read_text() == "by hand"


def test_what_is_done_is_not_done_again(lists_only, model_folder, monkeypatch):
    add(lists_only, "1.4", model=str(model_folder))
    before = (lists_only / MANIFEST_NAME).read_bytes()
    monkeypatch.setattr("compute.examples.load_model", lambda *_: pytest.fail("loads the model"))
    add(lists_only, "1.4", model=str(model_folder))
    assert (lists_only / MANIFEST_NAME).read_bytes() == before


@pytest.mark.parametrize("step", [durable.Step.STAGED, durable.Step.JOURNALED, durable.Step.MOVED])
def test_a_kill_leaves_it_whole(lists_only, finished, model_folder, monkeypatch, step):
    class Killed(BaseException):
        pass

    def stop(now: durable.Step) -> None:
        if now is step:
            raise Killed

    monkeypatch.setattr("compute.examples._AT_ONCE", 1)
    with monkeypatch.context() as patched:
        patched.setattr(durable, "reached", stop)
        with pytest.raises(Killed):
            add(lists_only, "1.4", "2.5", model=str(model_folder))
    if step is durable.Step.STAGED:
        assert not open_dataset(lists_only).has("windows")
    else:
        with pytest.raises(DatasetBeingUpdated):
            open_dataset(lists_only)
    add(lists_only, "1.4", "2.5", model=str(model_folder))
    assert_same(lists_only, finished, [(1, 4), (2, 5)])
    assert not list(verify(lists_only))
    assert not (lists_only / durable.PROGRESS).exists()


def test_refusals(lists_only, model_folder, tmp_path):
    with pytest.raises(ModelRefused, match="another model: fingerprint"):
        add(lists_only, "1.4", model=str(tiny_llama(tmp_path / "other", seed=1)))
    with pytest.raises(BadSettings, match="--model"):
        add(lists_only, "1.4")
    with pytest.raises(TextsUnusable, match="not those that"):
        add(lists_only, "1.4", model=str(model_folder), texts=write_texts(tmp_path / "t.parquet", [[1, 2, 3], [4]]))
    with pytest.raises(NoSuchNeuron, match="layers 0 to 2"):
        add(lists_only, "3.0", model=str(model_folder))
    keep_rows(lists_only, EXAMPLES_TABLE.name, lambda _, neuron: neuron < 5)
    with pytest.raises(BadSettings, match=r"no lists of neuron 1\.6 and 1 others"):
        add(lists_only, "1.4", "1.6", "2.6", model=str(model_folder))
    assert not open_dataset(lists_only).has("windows")


def test_values_that_the_model_does_not_give_are_refused(lists_only, tmp_path):
    """A dataset that knows nothing of its model is held against the values in its lists."""
    manifest = read_manifest(lists_only)
    other = tiny_llama(tmp_path / "other", seed=1)
    unknown = replace(manifest.model, fingerprint=None)
    (lists_only / MANIFEST_NAME).write_bytes(replace(manifest, model=unknown).to_json())
    with pytest.raises(ModelRefused, match="is not what the lists hold"):
        add(lists_only, "1.4", model=str(other))
    assert not open_dataset(lists_only).has("windows")


def test_nothing_is_added_where_there_is_no_dataset(lists_only, model_folder, tmp_path):
    (lists_only / MANIFEST_NAME).unlink()
    for folder in (lists_only, tmp_path / "nowhere"):
        with pytest.raises(DatasetNotFound, match=folder.name):
            add(folder, "1.4", model=str(model_folder))


def test_only_what_is_needed_runs(lists_only, model_folder, monkeypatch):
    """Up to the deepest layer of the neurons, and up to the last window of each text."""
    layers, tokens = [], []
    original = revisit.make_batch

    def seen(texts, chosen, *rest, **named):
        tokens.append(int(texts.lengths[chosen].sum()))
        return original(texts, chosen, *rest, **named)

    monkeypatch.setattr(revisit, "make_batch", seen)
    forward = llama.LlamaMLP.forward
    monkeypatch.setattr(llama.LlamaMLP, "forward", lambda self, x: layers.append(id(self)) or forward(self, x))
    add(lists_only, "1.4", model=str(model_folder))
    frame = open_dataset(lists_only).examples(1, 4)
    stops = (frame["start"] + frame["tokens"].map(len)).groupby(frame["text"]).max()
    assert sum(tokens) == stops.sum()
    assert len(set(layers)) == 1  # layer 0's MLP; of layer 1 only what is before it

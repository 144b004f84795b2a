"""`verify` names what is wrong: files that are not those of the manifest, and figures that cannot be true."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from transformers import LlamaModel

from compute.cli import main
from compute.run import run
from compute.verify import verify
from compute.write import write_table
from gluscope_core import open_dataset
from gluscope_core.manifest import MANIFEST_NAME, read_manifest
from gluscope_core.places import Folder
from gluscope_core.schema import TABLES
from gluscope_core.tables import TableFile
from gluscope_core.vocabulary import LISTS, Field


@pytest.fixture
def copy(finished, tmp_path) -> Path:
    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy"


def test_a_good_dataset(finished, capsys):
    assert main(["verify", str(finished)]) == 0
    assert "as it should be" in capsys.readouterr().err


def test_exit_code_and_place(copy, capsys):
    damage(copy / "samples/layer_001.parquet")
    assert main(["verify", str(copy)]) == 1
    assert capsys.readouterr().out == "samples/layer_001.parquet: does not match its SHA-256 in the manifest\n"


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_files(copy):
    (copy / "texts/texts_000.parquet").unlink()
    with (copy / "windows/layer_000.parquet").open("ab") as file:
        file.write(b"more")
    (copy / "windows/stray.parquet").touch()
    found = {violation.file: violation.problem for violation in verify(copy)}
    assert found["texts/texts_000.parquet"] == "is missing"
    assert "the manifest says" in found["windows/layer_000.parquet"]
    assert found["windows/stray.parquet"] == "is not in the manifest"


def test_no_dataset(tmp_path):
    assert "holds no dataset" in str(next(iter(verify(tmp_path))))


# One figure changed in a row of layer 1: table, column, row, new value given the old one, what is said of it.
WRONG_FIGURES = [
    ("neurons", "gate+_in+_count", 30, lambda old: old + 1, "are not"),
    ("neurons", "zero_count", 30, lambda old: old + 1, "are not"),
    ("neurons", "flipped", 30, lambda _: None, "is null"),
    ("neurons", "gate+_in+_freq", 30, lambda old: old + 1e-6, "is not count / counted tokens"),
    ("neurons", "gate+_in+_freq_se", 30, lambda _: -1.0, "is not a standard error"),
    ("neurons", "gate+_in+_freq_se", 30, lambda _: None, "is not a standard error"),
    ("neurons", "nonfinite_count", 30, lambda _: -1, "is negative"),
    ("neurons", "gate+_in+_hook_post_mean", 30, lambda _: 1e6, "is not between min and max"),
    ("neurons", "gate+_in+_hook_pre_std", 30, lambda _: 1e6, "is more than min and max allow"),
    ("neurons", "gate+_in-_hook_pre_linear_min", 30, lambda _: None, "is null where the case occurs"),
    ("neurons", "gate-_in+_swish_max", 30, lambda _: 1.0, "has a sign that its case does not"),
    ("neurons", "mean_gain", 30, lambda old: old + 1e-3, "does not follow"),
    ("neurons", "neuron", 30, lambda old: old + 1, "in order"),
    ("examples", "gate+_in+_hook_post_max_values", 6, lambda old: old[::-1], "is not in order of magnitude"),
    ("examples", "gate+_in+_hook_post_max_values", 6, lambda old: [-x for x in old], "has a sign"),
    ("examples", "gate+_in+_hook_post_max_values", 6, lambda old: [old[0] * 2, *old[1:]], "is beyond the case's"),
    ("examples", "gate+_in+_hook_post_max_values", 6, lambda old: [old[1], *old[1:]], "does not begin with"),
    ("examples", "gate+_in+_hook_post_max_indices", 6, lambda old: [99, *old[1:]], "a text that does not exist"),
    ("examples", "gate+_in+_hook_post_max_indices", 6, lambda old: [old[1], *old[1:]], "names a text twice"),
    ("examples", "gate+_in+_hook_post_max_positions", 6, lambda old: [77, *old[1:]], "a token that is not counted"),
    ("examples", "gate+_in+_hook_post_max_positions", 6, lambda old: old[1:], "differ in length"),
    ("examples", "gate-_in+_random_values", 6, lambda old: [*old, *old], "differ in length"),
    ("examples", "gate-_in+_random_indices", 6, lambda old: old[::-1], "is not in the order of chance"),
    ("windows", "values", 6, lambda old: [old[0] * 1.001, *old[1:]], "differs from the examples table"),
    ("windows", "indices", 6, lambda old: [0, *old[1:]], "differs from the examples table"),
    ("windows", "positions", 6, lambda old: [old[0] + 1, *old[1:]], "differs from the examples table"),
    ("windows", "list_sizes", 6, lambda old: [0, *old[1:]], "are not the lengths of the lists"),
    ("windows", "starts", 6, lambda old: [*old[:-1], old[-1] + 1], "is not where the window begins"),
    ("windows", "lengths", 6, lambda old: [*old[:-1], old[-1] - 1], "is not the window clipped"),
    ("windows", "tokens", 6, lambda old: [*old[:-1], (old[-1] + 1) % 61], "are not those of the text"),
    ("windows", "gate", 6, lambda old: [np.float16(x * 1.01) for x in old], "does not follow from gate and in"),
    ("windows", "in", 6, lambda old: [np.float16(-x) for x in old], "gate or in is not of the case"),
    ("windows", "gate", 6, lambda old: old[1:], "one entry per token"),
    ("windows", "starts", 6, lambda old: old[1:], "one entry per example"),
    ("windows", "lengths", 23, lambda old: [old[0] + 3, *old[1:-1], old[-1] - 3], "is not the window clipped"),
    ("samples", "gate", 6, lambda old: [x * 1e4 for x in old], "is beyond min or max"),
    ("samples", "positions", 6, lambda old: old[::-1], "is not the same for all neurons"),
    ("samples", "indices", 0, lambda old: [old[0], *old[:-1]], "is not the choice that seed and texts give"),
    ("samples", "in", 6, lambda old: old[1:], "does not have 32 samples"),
    ("texts", "input_ids", 5, lambda old: [*old[:-1], 61], "outside the vocabulary"),
    ("texts", "input_ids", 5, lambda old: old[:-1], "the manifest says"),
    ("texts", "input_ids", 5, lambda old: [*old[:-1], (old[-1] + 1) % 61], "are not the tokens that were run"),
    ("texts", "input_ids", 5, lambda old: [7, *old[1:]], "do not fit the manifest's empty or first_token"),
    ("texts", "index", 5, lambda _: 4, "does not count the texts"),
    ("vocab", "id", 5, lambda _: 4, "does not count the 61 tokens"),
]


@pytest.mark.parametrize(("table", "column", "row", "change", "problem"), WRONG_FIGURES)
def test_wrong_figures_are_named(copy, table, column, row, change, problem):
    record = next(r for r in read_manifest(copy).files if r.table == table and (r.layers or (0, 1))[1] > 0)
    path = next((r.path for r in read_manifest(copy).files if r.path == f"{table}/layer_001.parquet"), record.path)
    rewrite(copy, path, column, row, change)
    found = [violation for violation in verify(copy) if violation.file == path]
    assert any(problem in violation.problem for violation in found), [str(each) for each in verify(copy)]
    if table in ("windows", "samples") and row:
        assert {violation.neuron for violation in found} == {f"1.{row}"}


def rewrite(folder: Path, path: str, column: str, row: int, change) -> None:
    """Writes a file again with one value changed, as if it had been computed so: every hash is right."""
    manifest = read_manifest(folder)
    record = next(record for record in manifest.files if record.path == path)
    table = TABLES[record.table]
    rows = TableFile(Folder(folder), record).read()
    values = rows.column(column).to_pylist()
    values[row] = change(values[row])
    schema = pa.schema([field.with_nullable(True) for field in table.schema])
    changed = rows.cast(schema).set_column(
        rows.schema.get_field_index(column), schema.field(column), pa.array(values, schema.field(column).type)
    )
    new = write_table(folder, path, replace(table, schema=schema), [changed])
    files = tuple(new if record.path == path else record for record in manifest.files)
    (folder / MANIFEST_NAME).write_bytes(replace(manifest, files=files).to_json())


def test_a_list_that_is_cut_in_both_tables(copy):
    """Lists and windows that agree with each other, but leave out what must be there."""
    for each in (LISTS[0], LISTS[1], LISTS[14]):
        for field in Field:
            rewrite(copy, "examples/layer_001.parquet", each.column(field), 6, lambda old: old[:1])
    problems = {violation.column: violation.problem for violation in verify(copy)}
    assert "is not as long as" in problems[LISTS[1].column(Field.VALUES)]
    assert "fewer entries" in " ".join(str(violation) for violation in verify(copy))


def test_without_windows(copy):
    manifest = read_manifest(copy)
    shutil.rmtree(copy / "windows")
    files = tuple(record for record in manifest.files if record.table != "windows")
    (copy / MANIFEST_NAME).write_bytes(replace(manifest, files=files).to_json())
    assert list(verify(copy)) == []


def test_finite_gate_and_in_whose_post_is_not(config, model_folder, tmp_path):
    model = LlamaModel.from_pretrained(model_folder)
    for layer in model.layers:
        layer.mlp.gate_proj.weight.data *= 1e25
        layer.mlp.up_proj.weight.data *= 1e25
    model.save_pretrained(tmp_path / "model")
    run(replace(config, model=str(tmp_path / "model"), out=tmp_path / "out"))
    assert open_dataset(tmp_path / "out").manifest.nonfinite_values > 0
    assert list(verify(tmp_path / "out")) == []


def test_manifest_says_other_totals(copy):
    manifest = read_manifest(copy)
    (copy / MANIFEST_NAME).write_bytes(replace(manifest, nonfinite_values=7).to_json())
    assert [violation.column for violation in verify(copy)] == ["nonfinite_count"]


def test_hashes_are_those_of_the_files(finished):
    for record in read_manifest(finished).files:
        assert hashlib.sha256((finished / record.path).read_bytes()).hexdigest() == record.sha256

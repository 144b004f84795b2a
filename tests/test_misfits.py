"""Datasets that do not fit what the dashboard expects: it says what is wrong and what to do, and stays up."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from gluscope_core.columns import NeuronColumn
from gluscope_core.discover import FOLDERS_VARIABLE
from gluscope_core.manifest import MANIFEST_NAME, read_manifest
from gluscope_core.schema import FORMAT_VERSION
from tests.app_pages import html_of, prose, visit
from tests.hostile import change_table, rewrite

NEURONS = "neurons/neurons_000.parquet"
READING_NEURONS = ("overview", "neuron", "explore", "input_output")
"""Pages that show nothing of a dataset whose neurons they cannot read."""


@pytest.fixture
def shelf(with_weights, tmp_path, monkeypatch) -> Path:
    shutil.copytree(with_weights, tmp_path / "tiny")
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path / "tiny"))
    return tmp_path / "tiny"


def change_neurons(change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    return lambda folder: change_table(folder, NEURONS, change, store_schema=True)


def without_a_column(rows: pa.Table) -> pa.Table:
    return rows.drop_columns([NeuronColumn.MEAN_GAIN])


def with_another_type(rows: pa.Table) -> pa.Table:
    at = rows.schema.get_field_index(NeuronColumn.MEAN_GAIN)
    return rows.set_column(at, NeuronColumn.MEAN_GAIN, rows.column(at).cast(pa.string()))


def of_a_later_release(folder: Path) -> None:
    rewrite(folder, lambda content: content.update(format_version=FORMAT_VERSION + 1))


MISFITS = {
    "a missing column": (
        change_neurons(without_a_column),
        ("column mean_gain is missing", "compute the dataset again"),
    ),
    "a retyped column": (
        change_neurons(with_another_type),
        ("column mean_gain is string, expected", "compute the dataset again"),
    ),
    "a missing file": (
        lambda folder: (folder / NEURONS).unlink(),
        ("neurons_000.parquet is missing", "fetch or compute it again"),
    ),
    "a later format": (of_a_later_release, (f"has format version {FORMAT_VERSION + 1}", "upgrade GLUScope")),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_what_does_not_fit_is_named_with_what_to_do(shelf, misfit, record_property):
    spoil, wanted = MISFITS[misfit]
    spoil(shelf)
    for page in READING_NEURONS:
        said = prose(visit(f"pages/{page}.py", neuron="1.3"))
        assert all(each in said for each in wanted), (page, said)
    record_property("pages of misfits", len(READING_NEURONS))


def test_more_columns_than_are_known_change_nothing(shelf):
    before = html_of(visit("pages/neuron.py", neuron="1.3"), "table")
    change_table(
        shelf, NEURONS, lambda rows: rows.append_column("of tomorrow", pa.array([1.0] * len(rows))), store_schema=True
    )
    assert html_of(visit("pages/neuron.py", neuron="1.3"), "table") == before


def test_values_that_were_not_finite_are_counted_where_one_reads(shelf):
    def change(rows: pa.Table) -> pa.Table:
        at, counts = rows.schema.get_field_index(NeuronColumn.NONFINITE_COUNT), [0] * len(rows)
        counts[24 + 3] = 1234
        return rows.set_column(at, rows.schema.field(at), pa.array(counts, pa.int64()))

    change_neurons(change)(shelf)
    manifest = read_manifest(shelf)
    (shelf / MANIFEST_NAME).write_bytes(replace(manifest, nonfinite_values=1234, sha256="").sealed().to_json())
    assert "not finite" in (shown := html_of(visit("pages/neuron.py", neuron="1.3"), "table"))
    assert "1,234" in shown
    assert "not finite" not in html_of(visit("pages/neuron.py", neuron="1.4"), "table")
    assert "1,234 values of this dataset" in prose(visit("pages/methods.py"))

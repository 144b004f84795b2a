"""Datasets as the original program writes them, which no manifest vouches for: made to exhaust, mislead or end us."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gluscope_core import open_dataset
from gluscope_core.errors import ColumnMissing, DatasetDamaged
from gluscope_core.original.texts import TextFiles
from gluscope_core.places import Folder
from gluscope_core.schema import LAYER, NEURON
from gluscope_core.vocabulary import CASES, TOP_LISTS, Field, freq_column
from tests.hostile import in_bounds
from tests.original_files import write_original
from tests.test_hostile_tables import in_footer, longer_histograms

FREQ, VALUES, INDICES = freq_column(CASES[0]), TOP_LISTS[0].column(Field.VALUES), TOP_LISTS[0].column(Field.INDICES)


@pytest.fixture
def folder(finished, tmp_path) -> Path:
    return write_original(finished, tmp_path / "theirs", 4, files=2)


def files_of(folder: Path) -> list[Path]:
    return sorted((folder / "data").iterdir())


def change(path: Path, name: str, make: Callable[[list], pa.Array | list], **dialect: object) -> None:
    rows = pq.read_table(path)
    at = rows.schema.get_field_index(name)
    pq.write_table(rows.set_column(at, name, pa.chunked_array([make(rows.column(at).to_pylist())])), path, **dialect)


def every_read(folder: Path) -> None:
    dataset = open_dataset(folder)
    dataset.neurons()
    dataset.neuron(0, 3)
    dataset.examples(0, 3)
    dataset.read_table("examples", layer=0)


def test_one_row_that_names_a_far_neuron(folder):
    """Two billion neurons for each layer, if it were believed: 50 GB."""
    change(files_of(folder)[0], NEURON, lambda ids: [2**31 - 1, *ids[1:]])
    [(said, grown)] = in_bounds(f"open_dataset({str(folder)!r})", limit=4 * 2**30)
    assert "does not have each neuron of its layers once: fetch" in said
    assert grown < 200


@pytest.mark.parametrize(
    ("name", "value"),
    [(NEURON, -1), (NEURON, 2**40), (NEURON, None), (LAYER, -1), (LAYER, 10**9), (LAYER, None), (LAYER, 2**63 - 1)],
)
def test_ids_that_no_neuron_has(folder, name, value):
    for path in files_of(folder):
        change(path, name, lambda ids: [value, *ids[1:]])
    with pytest.raises(DatasetDamaged, match=r"again"):
        open_dataset(folder).neurons()


def test_a_layer_that_no_model_has(finished, tmp_path):
    folder = write_original(finished, tmp_path / "theirs", 4)
    change(files_of(folder)[0], LAYER, lambda ids: [each * 10**6 for each in ids])
    with pytest.raises(DatasetDamaged, match="of its layers once"):
        open_dataset(folder)


KINDS: dict[str, Callable[[list], pa.Array]] = {
    "strings": lambda rows: pa.array(["x"] * len(rows)),
    "lists": lambda rows: pa.array([[1.0]] * len(rows)),
    "lists of nothing": lambda rows: pa.array([[None]] * len(rows), pa.list_(pa.float32())),
    "lists of lists": lambda rows: pa.array([[[1.0]]] * len(rows)),
    "records": lambda rows: pa.array([{"a": 1}] * len(rows)),
    "nothing": lambda rows: pa.nulls(len(rows)),
    "numbers": lambda rows: pa.array([7] * len(rows)),
    "times": lambda rows: pa.array([0] * len(rows), pa.timestamp("us")),
    "far numbers": lambda rows: pa.array([[2**40] * 4] * len(rows)),
    "bytes": lambda rows: pa.array([b"\xff"] * len(rows)),
}


@pytest.mark.parametrize("name", [LAYER, NEURON, FREQ, VALUES, INDICES])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("which", [0, 1])
def test_columns_of_other_kinds(folder, name, kind, which):
    """In the first of the files, or in the other alone: named errors, or figures."""
    change(files_of(folder)[which], name, KINDS[kind])
    try:
        every_read(folder)
    except DatasetDamaged as error:
        assert "again" in str(error)
    else:
        assert kind not in ("strings", "lists of lists", "records", "bytes") or which == 1


@pytest.mark.parametrize("name", [LAYER, NEURON, FREQ, INDICES])
def test_a_column_that_one_file_lacks(folder, name):
    path = files_of(folder)[1]
    pq.write_table(pq.read_table(path).drop_columns([name]), path)
    if name in (LAYER, NEURON):
        with pytest.raises(DatasetDamaged, match="again"):
            open_dataset(folder).neurons()
    else:
        every_read(folder)


def test_columns_that_there_are_not(folder):
    for table in ("neurons", "examples"):
        with pytest.raises(ColumnMissing, match="no column 'nonsense': name some"):
            open_dataset(folder).read_table(table, ["nonsense"])


def shorter_extremes(footer: bytes) -> bytes:
    """One byte where there are eight: asked for them, Arrow ends the process."""
    return footer.replace(b"\x08\x01\x00\x00\x00\x00\x00\x00\x00", b"\x01\x01")


@pytest.mark.parametrize("make", [shorter_extremes, longer_histograms])
def test_footers_that_end_the_process_do_not(folder, make):
    path = files_of(folder)[0]
    pq.write_table(pq.read_table(path), path, row_group_size=17, store_schema=False)
    changed = in_footer(path, make)
    assert changed != path.read_bytes()
    path.write_bytes(changed)
    in_bounds(f"from tests.test_hostile_original import every_read; every_read(Path({str(folder)!r}))")


def same_string(path: Path, length: int) -> None:
    """20,000 times, as a dictionary of one."""
    path.parent.mkdir()
    again = pa.DictionaryArray.from_arrays(pa.nulls(20_000, pa.int8()).fill_null(0), pa.array(["x" * length]))
    pq.write_table(pa.table({"text": again}), path, compression="zstd", store_schema=False)


def test_bombs(finished, tmp_path, record_property):
    """A list of 18 million zeros; lists of a million in every row group; and texts of 240 and of 20 GB. Refused, or
    read in parts, in a process that would die of it."""
    long, many = (write_original(finished, tmp_path / name, 4) for name in ("long", "many"))
    zeros, kind = np.zeros(18_000_000, np.float32), pa.list_(pa.float32())
    for name in (VALUES, INDICES):
        change(files_of(long)[0], name, lambda rows: pa.array([zeros, *rows[1:]], kind))
        change(files_of(many)[0], name, lambda rows: pa.array([zeros[: 2**20]] * len(rows), kind), row_group_size=1)
    same_string(tmp_path / "large" / "t.parquet", 12 * 2**20)
    same_string(tmp_path / "small" / "t.parquet", 2**20)
    codes = [
        f"open_dataset({str(long)!r}).examples(0, 3)",
        f"open_dataset({str(many)!r}).read_table('examples')",
        *(f"TextFiles(Folder(Path({str(tmp_path / name)!r}))).text(19_000)" for name in ("large", "small")),
    ]
    imports = "from gluscope_core.original.texts import TextFiles; from gluscope_core.places import Folder"
    *refused, (said, grown) = in_bounds(imports, *codes, limit=4 * 2**30)[1:]
    assert all("unpack" in each for each, _ in refused)
    assert all(mb < 300 for _, mb in refused)
    assert said == ""
    assert grown < 300
    record_property("decompression bombs", len(codes))


def test_long_texts_that_are_honest_are_read(tmp_path):
    """The control."""
    texts = [f"{number} " * 40_000 for number in range(300)]
    pq.write_table(pa.table({"text": texts}), tmp_path / "t.parquet")
    assert TextFiles(Folder(tmp_path)).text(299)["text"] == texts[299]

"""Parquet files made to exhaust, mislead or end the reader, with hashes that are right."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gluscope_core import open_dataset
from gluscope_core.columns import NeuronColumn, SampleColumn, TextColumn, TokenColumn, WeightColumn, WindowColumn
from gluscope_core.errors import DatasetDamaged
from gluscope_core.footers import columns_of, parse_footer, read_footer
from gluscope_core.page_headers import ALLOWED, Implausible, check_unpacked, leaves_of
from tests.conftest import odd_texts, write_texts
from tests.hostile import ROOT, change_table, in_bounds, replace_table
from tests.original_files import Site, write_original

WINDOWS, TEXTS, NEURONS = "windows/layer_001.parquet", "texts/texts_000.parquet", "neurons/neurons_000.parquet"


@pytest.fixture
def copy(with_weights, tmp_path) -> Path:
    shutil.copytree(with_weights, tmp_path / "copy")
    return tmp_path / "copy"


def with_column(name: str, make: Callable[[pa.ChunkedArray], object]) -> Callable[[pa.Table], pa.Table]:
    def change(rows: pa.Table) -> pa.Table:
        at = rows.schema.get_field_index(name)
        return rows.set_column(at, rows.schema.field(at), pa.array(make(rows.column(at)), rows.schema.field(at).type))

    return change


def long_list(column: pa.ChunkedArray) -> list:
    """One row of 72 MB, and the others as they were."""
    return [np.zeros(18_000_000, np.int32), *column.to_pylist()[1:]]


def repeated_string(folder: Path) -> None:
    """A megabyte, 20,000 times, as a dictionary of one: 20 GB."""
    count = 20_000
    text = pa.DictionaryArray.from_arrays(pa.nulls(count, pa.int8()).fill_null(0), pa.array(["x" * 2**20]))
    numbers = pa.array(np.arange(count, dtype=np.int32))
    ids = pa.ListArray.from_arrays(pa.array(np.zeros(count + 1, np.int32)), pa.array([], pa.int32()))
    rows = pa.table([numbers, ids, text, pa.nulls(count, pa.string())], names=[each.value for each in TextColumn])
    change_table(folder, TEXTS, lambda _: rows, row_group_size=count)


def lying_header(folder: Path) -> None:
    """A page's header that says 128 MB where there is one."""
    change = with_column(WindowColumn.TOKENS, lambda column: [[7] * 2**18, *column.to_pylist()[1:]])
    change_table(folder, WINDOWS, change, use_dictionary=False, row_group_size=100, data_page_size=2**26)
    raw = (folder / WINDOWS).read_bytes()
    chunk = columns_of(read_footer(folder / WINDOWS)).chunk(0, pq.read_schema(folder / WINDOWS).names.index("tokens"))
    header = re.compile(rb"\x15.\x15[\x80-\xff]{3}\x01", re.DOTALL)
    found = header.search(raw, chunk.start)
    assert found is not None
    assert found.start() == chunk.start
    lie = b"\x15" + raw[chunk.start + 1 : chunk.start + 3] + b"\xfe\xff\xff\x7f"
    replace_table(folder, WINDOWS, raw[: chunk.start] + lie + raw[chunk.start + 7 :])


def test_bombs(with_weights, tmp_path, record_property):
    """Refused before anything is unpacked, in a process that would die of it."""
    folders = [shutil.copytree(with_weights, tmp_path / str(number)) for number in range(4)]
    change_table(folders[0], WINDOWS, with_column(WindowColumn.TOKENS, long_list))  # as runs of a dictionary
    change_table(folders[1], WINDOWS, with_column(WindowColumn.TOKENS, long_list), use_dictionary=False)
    repeated_string(folders[2])
    lying_header(folders[3])
    assert all((folder / path).stat().st_size < 2**20 for folder in folders for path in (WINDOWS, TEXTS))
    codes = [f"open_dataset({str(folder)!r}).{read}" for folder, read in
             zip(folders, ("examples(1, 0)", "examples(1, 0)", "text(0)", "examples(1, 0)"), strict=True)]  # fmt: skip
    for said, grown in in_bounds("pass", *codes, limit=4 * 2**30)[1:]:
        assert "unpack" in said
        assert grown < 100
    record_property("decompression bombs", len(folders))


def test_as_much_as_is_allowed_is_read(copy):
    """The control: what is large and honest."""
    tokens = np.random.default_rng(0).integers(0, 2**31 - 1, 2**20).astype(np.int32)
    change_table(copy, WINDOWS, with_column(WindowColumn.TOKENS, lambda column: [tokens, *column.to_pylist()[1:]]))
    with pytest.raises(DatasetDamaged, match="do not fit together"):  # which is found when it has been read
        open_dataset(copy).examples(1, 0)


def test_what_pages_say_is_what_they_take(with_weights):
    """The bound is none for files of ours: it is above what reading takes, and not far above."""
    for path in sorted(with_weights.rglob("*.parquet")):
        footer = read_footer(path)
        chunks, metadata = columns_of(footer), parse_footer(footer)
        leaves = leaves_of(metadata.schema.to_arrow_schema())
        for group in range(metadata.num_row_groups):
            with path.open("rb") as file:
                check_unpacked(leaves, chunks, [group], None, file)
                rows = metadata.row_group(group)
                assert chunks.rows[group] == rows.num_rows
                for number in range(metadata.num_columns):
                    theirs, ours = rows.column(number), chunks.chunk(group, number)
                    start = min(filter(None, (theirs.dictionary_page_offset, theirs.data_page_offset)))
                    assert (ours.start, ours.stored) == (start, theirs.total_compressed_size)
                    assert ours.values == theirs.num_values
                    if theirs.physical_type == "INT32" and theirs.statistics is not None:
                        assert (ours.low, ours.high) == (theirs.statistics.min, theirs.statistics.max)


def test_the_bound_is_of_all_groups_together(tmp_path):
    rows = pa.table({"x": pa.array(np.zeros(2**20, np.int64))})
    pq.write_table(pa.concat_tables([rows] * 10), tmp_path / "x.parquet", compression="zstd", row_group_size=2**20)
    chunks, leaves = columns_of(read_footer(tmp_path / "x.parquet")), leaves_of(rows.schema)
    with (tmp_path / "x.parquet").open("rb") as file:
        check_unpacked(leaves, chunks, [0], None, file)
        assert ALLOWED < 10 * 8 * 2**20
        with pytest.raises(Implausible, match="unpack to"):
            check_unpacked(leaves, chunks, range(10), None, file)


def test_a_dictionary_that_nobody_can_measure(tmp_path):
    """In a compression of Arrow's that is not ours to try, its longest string would count as none."""
    path = tmp_path / "x.parquet"
    rows = pa.table({"x": ["a" * 500] * 9})
    pq.write_table(rows, path, compression="zstd")
    chunks, leaves = columns_of(read_footer(path)), leaves_of(rows.schema)
    raw = path.read_bytes()
    at = raw.index(b"\x28\xb5\x2f\xfd")  # where zstd begins
    path.write_bytes(raw[:at] + b"\x00" + raw[at + 1 :])
    with path.open("rb") as file, pytest.raises(Implausible, match="compression that is not read"):
        check_unpacked(leaves, chunks, [0], None, file)


def in_footer(path: Path, change: Callable[[bytes], bytes]) -> bytes:
    raw = path.read_bytes()
    footer = read_footer(path)
    changed = change(footer[:-8])
    return raw[: -len(footer)] + changed + len(changed).to_bytes(4, "little") + b"PAR1"


def shorter_extremes(footer: bytes) -> bytes:
    """One byte where there are four: asked for them, Arrow ends the process."""
    return footer.replace(b"\x04\x01\x00\x00\x00", b"\x01\x01")


def longer_histograms(footer: bytes) -> bytes:
    """Of levels, one number more than there are: the same."""
    return footer.replace(b"\x19\x46", b"\x19\x56\x00")


@pytest.mark.parametrize("change", [shorter_extremes, longer_histograms])
def test_footers_that_end_the_process_do_not(copy, change):
    path = copy / "samples" / "layer_001.parquet"
    changed = in_footer(path, change)
    assert changed != path.read_bytes()
    replace_table(copy, "samples/layer_001.parquet", changed)
    [(said, _)] = in_bounds(f"open_dataset({str(copy)!r}).samples(1, 3)")
    assert "DatasetDamaged" in said


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("windows", with_column(WindowColumn.LIST_SIZES, lambda column: [[-1] * 18] * len(column))),
        ("windows", with_column(WindowColumn.LIST_SIZES, lambda column: [[32767] * 18] * len(column))),
        ("windows", with_column(WindowColumn.LIST_SIZES, lambda column: [[1]] * len(column))),
        ("windows", with_column(WindowColumn.LIST_SIZES, lambda column: [None] * len(column))),
        ("windows", with_column(WindowColumn.LENGTHS, lambda column: [[-5, 5] * 40] * len(column))),
        ("windows", with_column(WindowColumn.TOKENS, lambda column: [[]] * len(column))),
        ("windows", with_column(WindowColumn.POSITIONS, lambda column: [[10**9] * len(x) for x in column.to_pylist()])),
        ("windows", with_column(WindowColumn.STARTS, lambda column: [[None] * len(x) for x in column.to_pylist()])),
        ("windows", with_column(WindowColumn.VALUES, lambda column: [[1.0] for _ in column])),
        ("samples", with_column(SampleColumn.GATE, lambda column: [[1.0]] * len(column))),
        ("samples", with_column(SampleColumn.POSITIONS, lambda column: [[None] * 32] * len(column))),
        ("weights", with_column(WeightColumn.TOKEN_SIZES, lambda column: [[30_000] * 12] * len(column))),
        ("weights", with_column(WeightColumn.TOKEN_SIZES, lambda column: [[0] * 99] * len(column))),
        ("weights", with_column(WeightColumn.RELATED_LAYERS, lambda column: [None] * len(column))),
        ("tokens", with_column(TokenColumn.SIZES, lambda column: [[1] * 99] * len(column))),
        ("tokens", with_column(TokenColumn.VALUES, lambda column: [[]] * len(column))),
        ("vocab", lambda rows: rows.take(pa.array(range(60, -1, -1)))),
        ("neurons", lambda rows: rows.take(pa.array([0] * 72))),
        ("neurons", lambda rows: rows.take(pa.array(range(71, -1, -1)))),
        ("neurons", lambda rows: rows.slice(0, 70)),
        ("neurons", with_column("neuron", lambda column: [10**6] * len(column))),
        ("neurons", lambda rows: rows.drop_columns([NeuronColumn.ROLE])),
    ],
)
def test_lists_that_do_not_fit_together(copy, table, change):
    path = next(path for path in sorted(copy.rglob("*.parquet")) if path.relative_to(copy).as_posix().startswith(table))
    reads = {
        "windows": lambda dataset: dataset.examples(0, 3),
        "samples": lambda dataset: dataset.samples(0, 3),
        "weights": lambda dataset: dataset.weights(0, 3),
        "tokens": lambda dataset: dataset.token_neurons(3),
        "vocab": lambda dataset: dataset.vocab,
        "neurons": lambda dataset: dataset.neurons(),
    }
    reads[table](open_dataset(copy))
    change_table(copy, path.relative_to(copy).as_posix(), change)
    with pytest.raises(DatasetDamaged, match=r"again"):
        reads[table](open_dataset(copy))


def test_strings_that_are_no_utf8(copy):
    display = pa.Array.from_buffers(
        pa.string(), 61, [None, pa.py_buffer(np.arange(62, dtype=np.int32).tobytes()), pa.py_buffer(b"\xff" * 61)]
    )
    change_table(copy, "vocab.parquet", lambda rows: rows.set_column(2, rows.schema.field(2), display))
    with pytest.raises(DatasetDamaged, match="UTF"):
        open_dataset(copy).vocab  # noqa: B018


@pytest.fixture
def ours(with_weights, tmp_path) -> Path:
    return shutil.copytree(with_weights, tmp_path / "ours")


@pytest.fixture
def original(finished, tmp_path) -> Path:
    folder = write_original(finished, tmp_path / "original", 4, files=2)
    write_texts(folder / "texts" / "texts.parquet", odd_texts(), text=["a"] * len(odd_texts()))
    return folder


@pytest.fixture
def pages(tmp_path) -> Path:
    Site().write_page(tmp_path / "pages", 3, 17)
    return tmp_path / "pages"


@pytest.mark.parametrize(
    ("kind", "tries", "what"),
    [
        ("ours", (100, 16_000), "mutated parquet files"),
        ("original", (60, 4_000), "mutated files of the original's datasets"),
        ("pages", (60, 4_000), "mutated pages of the original"),
    ],
)
def test_mutated_files(request, kind, tries, what, how_many, record_property):
    """Bytes changed, hashes recomputed: named errors or other figures, and never a crash or a hang."""
    folder, count, processes = request.getfixturevalue(kind), how_many(*tries), how_many(1, 4)
    for seed in range(processes):
        command = [sys.executable, "-m", "tests.fuzz_driver", kind, str(folder), str(seed), str(count // processes)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1200, check=False)
        assert done.returncode == 0, f"seed {seed}, try {done.stdout.count(chr(10))}: {done.stderr[-3000:]}"
        assert done.stdout.count("refused") > count // processes // 4
    record_property(what, count)

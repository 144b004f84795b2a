"""Texts that unpack to more than anybody has: named errors or left out, in little memory, for `texts` and for `run`."""

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from compute.config import TextsConfig
from compute.sources import open_source
from compute.token_texts import ORIGIN_NAME, read_texts
from gluscope_core.errors import TextsUnusable
from tests.hostile import in_bounds
from tests.test_hostile_original import same_string

SOURCES = "from compute.config import TextsConfig; from compute.sources import open_source"
TOKENS = "from compute.token_texts import read_texts"
PACK: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


def reading(path: Path) -> str:
    return f"assert sum(1 for _ in open_source(TextsConfig({str(path)!r}, '', Path(), tokens=1)).records()) < 10"


def records(path: Path) -> list:
    return list(open_source(TextsConfig(str(path), "", Path(), tokens=1)).records())


@pytest.mark.parametrize("suffix", PACK)
def test_a_text_or_a_line_without_end(tmp_path, suffix, record_property):
    """A gigabyte in a megabyte, as one text, and as a line between two others."""
    much = PACK[suffix](b"x" * 2**28) * 4  # what is appended is unpacked after it
    whole = [PACK[suffix](json.dumps({"text": each}).encode() + b"\n") for each in ("first", "last")]
    (tmp_path / f"one.txt.{suffix}").write_bytes(much)
    (tmp_path / f"lines.jsonl.{suffix}").write_bytes(whole[0] + much + PACK[suffix](b"\n") + whole[1])
    codes = [reading(tmp_path / f"{name}.{suffix}") for name in ("one.txt", "lines.jsonl")]
    [_, (refused, grown), (said, more)] = in_bounds(SOURCES, *codes, limit=8 * 2**30, seconds=60)
    assert "is one text of more than 64 MB: split it, or write its documents as JSONL" in refused
    assert said == ""
    assert max(grown, more) < 400
    record_property("decompression bombs", len(codes))


def test_a_line_that_is_too_long_is_counted_and_the_rest_is_read(tmp_path):
    lines = [json.dumps({"text": text}).encode() for text in ("first", "x" * 65 * 2**20, "last")]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines))
    assert [each.text for each in records(tmp_path / "a.jsonl")] == ["first", None, "last"]


@pytest.mark.parametrize("suffix", PACK)
def test_archives_that_are_damaged(tmp_path, suffix):
    path = tmp_path / f"a.jsonl.{suffix}"
    whole = PACK[suffix]("\n".join(json.dumps({"text": str(number) * 50}) for number in range(4_000)).encode())
    for at in range(20, len(whole), len(whole) // 20):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            records(path)
        except TextsUnusable as error:
            assert "fetch it again, or leave it out" in str(error)


def test_parquet_bombs(tmp_path, record_property):
    """A long text, often; another encoding for the same; and lists of tokens of one kind."""
    same_string(tmp_path / "one" / "t.parquet", 48 * 2**20)
    shared = tmp_path / "shared.parquet"
    rows = pa.table({"text": ["x" * 2**26] * 40})
    pq.write_table(rows, shared, use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY"}, compression="zstd")
    zeros = pa.array([np.zeros(2**22, np.int64)] * 60, pa.list_(pa.int64()))
    pq.write_table(pa.table({"input_ids": zeros}), tmp_path / "ids.parquet", compression="zstd", row_group_size=1)
    assert all(path.stat().st_size < 2**20 for path in tmp_path.rglob("*.parquet"))
    of_ids = f"read_texts(Path({str(tmp_path / 'ids.parquet')!r}))"
    codes = [reading(tmp_path / "one" / "t.parquet"), reading(shared), of_ids]
    for said, grown in in_bounds(f"{SOURCES}; {TOKENS}", *codes, limit=8 * 2**30)[1:]:
        assert "unpack" in said
        assert grown < 400
    record_property("decompression bombs", len(codes))


def test_what_is_honest_is_read(tmp_path):
    """The control: long texts among short ones, in columns of every kind; and texts that are mostly padding."""
    texts = [f"{number} " * (1 if number % 7 else 60_000) for number in range(400)]
    others = {"tags": [["a", "b"]] * 400, "meta": [{"x": [{"y": 1}]}] * 400, "again": ["the same " * 50] * 400}
    for encoding in ("PLAIN", "DELTA_BYTE_ARRAY", None):
        dialect = {"column_encoding": {"text": encoding}, "use_dictionary": False} if encoding else {}
        pq.write_table(pa.table({"text": texts, **others}), tmp_path / "a.parquet", **dialect)
        assert [each.text for each in records(tmp_path / "a.parquet")] == texts
    padded = np.zeros((2_000, 4_096), np.int64)
    padded[:, :200] = np.random.default_rng(0).integers(0, 50_000, (2_000, 200))
    pq.write_table(pa.table({"input_ids": list(padded)}), tmp_path / "ids.parquet", compression="zstd")
    assert len(read_texts(tmp_path / "ids.parquet").ids) == padded.size


def test_an_origin_that_has_no_end(tmp_path):
    pq.write_table(pa.table({"input_ids": [[1, 2]]}), tmp_path / "texts_000.parquet")
    with (tmp_path / ORIGIN_NAME).open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(TextsUnusable, match=r"is larger than .*: remove the folder"):
        read_texts(tmp_path)

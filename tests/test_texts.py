"""Token ids as they come, and the batches they make."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compute.batches import make_batch, plan_batches, plan_fingerprint
from compute.token_texts import first_token, read_texts
from gluscope_core.errors import TextsUnusable
from tests.conftest import write_texts


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(1, 200), st.integers(0, 9))
def test_a_plan_holds_every_text_once_within_the_budget(lengths, budget, seed):
    lengths = np.array(lengths, int)
    plan = plan_batches(lengths, budget, seed)
    assert sorted(int(text) for batch in plan for text in batch) == np.flatnonzero(lengths).tolist()
    for batch in plan:
        assert len(batch) * lengths[batch].max() <= budget or len(batch) == 1
    assert plan_fingerprint(plan) == plan_fingerprint(plan_batches(lengths, budget, seed))
    if plan:
        assert lengths[plan[0]].max() == lengths.max()


def test_a_batch(tmp_path):
    texts = read_texts(write_texts(tmp_path / "t.parquet", [[5, 6, 7], [], [8]]))
    batch = make_batch(texts, np.array([2, 0]), skip_first=1, seed=0)
    assert batch.ids.tolist() == [[8, 8, 8], [5, 6, 7]]
    assert (batch.priority > 0).tolist() == [[False, False, False], [False, True, True]]
    assert batch.texts.tolist() == [2, 0]
    assert batch.lengths.tolist() == [1, 3]


def test_cut():
    texts = read_texts_of([[1, 2, 3, 4], [], [5, 6], [7]])
    cut = texts.cut(2)
    assert [cut[i].tolist() for i in range(4)] == [[1, 2], [], [5, 6], [7]]
    assert texts.cut(4) is texts


def read_texts_of(ids: list[list[int]]):
    with TemporaryDirectory() as folder:
        return read_texts(write_texts(Path(folder) / "t.parquet", ids))


def test_first_token():
    for ids, first in (([[], [3, 4], [3]], 3), ([[3], [4]], None), ([[], []], None)):
        texts = read_texts_of(ids)
        assert first_token(texts.ids, texts.bounds) == first


@pytest.mark.parametrize("kind", [pa.list_(pa.int64()), pa.large_list(pa.int16()), pa.list_(pa.uint32(), 2)])
def test_any_lists_of_integers(tmp_path, kind):
    pq.write_table(pa.table({"input_ids": pa.array([[1, 2], [3, 4]], kind)}), tmp_path / "t.parquet")
    assert read_texts(tmp_path / "t.parquet").ids.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("ids", [[1]], "no column input_ids"),
        ("input_ids", [1], "expected lists"),
        ("input_ids", [["a"]], "expected lists"),
        ("input_ids", [[2**40]], "beyond 32 bits"),
    ],
)
def test_what_is_no_token_list(tmp_path, column, values, reason):
    pq.write_table(pa.table({column: values}), tmp_path / "t.parquet")
    with pytest.raises(TextsUnusable, match=reason):
        read_texts(tmp_path / "t.parquet")


def test_a_null_text_is_empty(tmp_path):
    pq.write_table(pa.table({"input_ids": pa.array([[1], None, [2]], pa.list_(pa.int32()))}), tmp_path / "t.parquet")
    assert read_texts(tmp_path / "t.parquet").lengths.tolist() == [1, 0, 1]

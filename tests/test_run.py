"""`run` from a model folder and token ids to a dataset, held against the model itself and plain loops."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from transformers import LlamaModel

from compute.architectures import ARCHITECTURES
from compute.config import MergeConfig
from compute.gated import GatedMLP
from compute.merge import merge
from compute.options import Shard
from compute.run import run
from compute.verify import verify
from gluscope_core import open_dataset
from gluscope_core.errors import (
    BadSettings,
    DatasetDamaged,
    DatasetNotFound,
    ResumeRefused,
)
from gluscope_core.vocabulary import (
    CASES,
    LISTS,
    QUANTITIES,
    RANDOM_LISTS,
    Coordinates,
    Quantity,
    Stat,
    count_column,
    freq_column,
    freq_se_column,
    stat_column,
)
from tests.conftest import CONTEXT, contents, odd_texts, write_texts
from tests.outside import activations_of
from tests.reference import Entry, NeuronFigures, Text, figures


@pytest.mark.parametrize("convention", ["aligned", "raw"])
@pytest.mark.parametrize("skip_first", [0, 1])
def test_equals_the_model_seen_from_outside(config, model_folder, tmp_path, convention, skip_first):
    config = replace(config, out=tmp_path / "out", sign_convention=convention, skip_first=skip_first)
    run(config)
    dataset = open_dataset(config.out)
    assert list(verify(config.out)) == []
    neurons = dataset.neurons().set_index(["layer", "neuron"])
    for layer, texts in enumerate(activations_of(model_folder, odd_texts(), aligned=convention == "aligned")):
        for neuron in range(0, 24, 5):
            wanted = figures(texts, neuron, skip_first=skip_first, k=len(texts), window=config.window, seed=config.seed)
            assert_statistics(neurons.loc[layer, neuron], wanted, texts, skip_first)
            assert_lists(dataset.examples(layer, neuron), wanted, config, odd_texts())


def assert_statistics(row: pd.Series, wanted: NeuronFigures, texts: list[Text], skip_first: int) -> None:
    lengths = np.array([max(len(text.gate) - skip_first, 0) for text in texts])
    for case in CASES:
        mine = wanted.cases[case]
        assert row[count_column(case)] == mine.count
        freq = mine.count / wanted.counted
        assert row[freq_column(case)] == pytest.approx(freq)
        counts = np.array([mine.per_text.get(text.number, 0) for text in texts])
        clusters = (lengths > 0).sum()
        spread = ((counts - freq * lengths) ** 2).sum() * clusters / (clusters - 1)
        assert row[freq_se_column(case)] == pytest.approx(np.sqrt(spread) / wanted.counted, rel=1e-6, abs=1e-9)
        for quantity in QUANTITIES:
            values = np.array(mine.values[quantity])
            for stat, figure in zip(Stat, (np.mean, np.std, np.min, np.max), strict=True):
                found = row[stat_column(case, quantity, stat)]
                if len(values):
                    assert found == pytest.approx(figure(values), rel=1e-4, abs=1e-5)
                else:
                    assert pd.isna(found)
    assert row["mean_gain"] == pytest.approx(sum(wanted.gained) / sum(wanted.read), rel=1e-4, abs=1e-6)


def assert_lists(examples: pd.DataFrame, wanted: NeuronFigures, config, texts: list[list[int]]) -> None:
    for each in LISTS:
        is_it = examples["quantity"].isna() if each.is_random else examples["quantity"] == each.quantity
        mine = examples[(examples["case"] == each.case.column) & is_it]
        everyone = wanted.lists[each]
        entries = everyone[: config.random_k if each.is_random else config.top_k]
        assert mine["value"].to_numpy() == pytest.approx([entry.value for entry in entries], rel=1e-4, abs=1e-5)
        for (_, row), entry in zip(mine.iterrows(), entries, strict=True):
            if is_tied(entry, everyone):
                continue
            assert (row["text"], row["position"]) == (entry.text, entry.position)
            np.testing.assert_allclose(row["gate"].astype(float), entry.gate, rtol=2e-3, atol=1e-5)
            np.testing.assert_allclose(row["in"].astype(float), entry.linear, rtol=2e-3, atol=1e-5)
            start = max(0, entry.position - config.window * 3 // 4)
            assert row["start"] == start
            assert row["tokens"].tolist() == texts[entry.text][:CONTEXT][start : start + len(entry.gate)]


def is_tied(entry: Entry, everyone: list[Entry]) -> bool:
    """At position 0 all texts give the same values up to rounding, which differs between batches."""
    return any(other is not entry and abs(other.value - entry.value) < 1e-5 for other in everyone)


def test_samples_and_first_position(config, finished, model_folder):
    dataset = open_dataset(finished)
    neurons = dataset.neurons(["layer", "neuron", "first_gate", "first_in"]).set_index(["layer", "neuron"])
    for layer, texts in enumerate(activations_of(model_folder, odd_texts(), aligned=True)):
        for neuron in (0, 11, 23):
            samples = dataset.samples(layer, neuron)
            assert len(samples) == config.samples
            for row in samples.itertuples():
                assert row.gate == pytest.approx(texts[row.text].gate[row.position, neuron], abs=1e-5)
            assert neurons.loc[layer, neuron]["first_gate"] == pytest.approx(texts[1].gate[0, neuron], abs=1e-5)
            assert neurons.loc[layer, neuron]["first_in"] == pytest.approx(texts[1].linear[0, neuron], abs=1e-5)


def test_first_position_is_null_where_texts_start_differently(config, tmp_path):
    texts = write_texts(tmp_path / "t.parquet", [[1, 2, 3], [2, 3]])
    run(replace(config, texts=texts, out=tmp_path / "out"))
    assert open_dataset(tmp_path / "out").neurons(["first_gate", "first_in"]).isna().all(axis=None)


def test_aligned_is_raw_with_signs_changed(config, finished, tmp_path):
    """A flip swaps in+ and in-, negates in and post, and leaves gate and act."""
    run(replace(config, out=tmp_path / "raw", sign_convention="raw"))
    aligned, raw = (open_dataset(path).neurons() for path in (finished, tmp_path / "raw"))
    assert aligned["flipped"].equals(raw["flipped"])
    assert 0 < raw["flipped"].sum() < len(raw)
    turned, kept = raw["flipped"], ~raw["flipped"]
    pd.testing.assert_frame_equal(aligned[kept], raw[kept])
    for case in CASES:
        assert aligned[turned][count_column(case)].equals(raw[turned][count_column(case.mirrored)])
        for quantity in QUANTITIES:
            sign = -1 if quantity in (Quantity.IN, Quantity.POST) else 1
            low, high = (Stat.MAX, Stat.MIN) if sign < 0 else (Stat.MIN, Stat.MAX)
            for mine, theirs in ((Stat.MIN, low), (Stat.MAX, high), (Stat.MEAN, Stat.MEAN)):
                found = aligned[turned][stat_column(case, quantity, mine)]
                wanted = sign * raw[turned][stat_column(case.mirrored, quantity, theirs)]
                pd.testing.assert_series_equal(found, wanted, check_names=False)


def test_flipping_leaves_the_model_as_it_was(model_folder):
    ids = torch.tensor([[2, 7, 11, 13]])
    one, other = (LlamaModel.from_pretrained(model_folder).eval() for _ in range(2))
    for layer in other.layers:
        mlp = GatedMLP(layer, ARCHITECTURES["llama"])
        mlp.flip(mlp.points_apart(Coordinates.NORM_FOLDED))
    with torch.no_grad():
        assert torch.equal(one(ids).last_hidden_state, other(ids).last_hidden_state)


def test_same_settings_twice_give_the_same_bytes(config, finished, tmp_path):
    run(replace(config, out=tmp_path / "again"))
    assert contents(tmp_path / "again") == contents(finished)


def test_batch_budgets_agree(config, finished, tmp_path):
    run(replace(config, out=tmp_path / "out", batch_tokens=1))
    one, other = (open_dataset(path).neurons() for path in (finished, tmp_path / "out"))
    for name in one.select_dtypes("number"):
        np.testing.assert_allclose(one[name], other[name], rtol=1e-4, atol=1e-5, equal_nan=True, err_msg=name)


def test_shards_merge_to_the_same_dataset(config, finished, tmp_path):
    parts = [tmp_path / f"part{i}" for i in range(3)]
    for i, part in enumerate(parts):
        run(replace(config, out=part, shard=Shard.parse(f"{i + 1}/3")))
    with pytest.raises(BadSettings, match="give each part once"):
        merge(MergeConfig((parts[0], parts[2]), tmp_path / "out"))
    merge(MergeConfig((parts[2], parts[0], parts[1]), tmp_path / "out"))
    assert list(verify(tmp_path / "out")) == []
    merged, whole = contents(tmp_path / "out"), contents(finished)
    for name in merged:
        if name.startswith(("examples", "windows", "samples", "texts", "vocab")):
            assert merged[name] == whole[name], name
    pd.testing.assert_frame_equal(
        open_dataset(tmp_path / "out").neurons(), open_dataset(finished).neurons(), check_exact=False, rtol=1e-12
    )


def test_unfinished_parts_are_not_merged(tmp_path):
    with pytest.raises(DatasetNotFound, match="holds no part of a run"):
        merge(MergeConfig((tmp_path,), tmp_path / "out"))


def test_merge_leaves_other_work_alone(config, tmp_path):
    parts = [tmp_path / "a", tmp_path / "b"]
    for i, part in enumerate(parts):
        run(replace(config, out=part, shard=Shard(i, 2)))
    before = contents(parts[0])
    with pytest.raises(BadSettings, match="is one of the parts"):
        merge(MergeConfig(tuple(parts), parts[0]))
    run(replace(config, out=tmp_path / "c", shard=Shard(0, 3)))
    with pytest.raises(ResumeRefused, match="unfinished run"):
        merge(MergeConfig(tuple(parts), tmp_path / "c"))
    assert contents(parts[0]) == before


def test_merge_holds_the_parts_texts_against_what_was_run(config, tmp_path):
    parts = [tmp_path / "a", tmp_path / "b"]
    for i, part in enumerate(parts):
        run(replace(config, out=part, shard=Shard(i, 2)))
    for part in parts:  # in both, so that they agree with each other
        path = part / "progress" / "staged" / "texts" / "texts_000.parquet"
        table = pq.read_table(path)
        ids = table.column("input_ids").to_pylist()
        ids[5][1] = (ids[5][1] + 1) % 61
        pq.write_table(table.set_column(1, table.schema.field(1), pa.array(ids, table.schema.field(1).type)), path)
    with pytest.raises(DatasetDamaged, match="are not those that were run"):
        merge(MergeConfig(tuple(parts), tmp_path / "out"))


def test_layers(config, finished, tmp_path):
    run(replace(config, out=tmp_path / "out", layers=(0, 2)))
    some, whole = open_dataset(tmp_path / "out"), open_dataset(finished)
    assert some.neurons()["layer"].unique().tolist() == [0, 2]
    wanted = whole.neurons().query("layer != 1").reset_index(drop=True)
    # A layer that is not recorded multiplies in another order, so what comes after it differs in its last bits.
    pd.testing.assert_frame_equal(some.neurons(), wanted, rtol=1e-4, atol=1e-6)
    pd.testing.assert_frame_equal(some.examples(2, 5), whole.examples(2, 5), rtol=1e-4, atol=1e-6)
    assert list(verify(tmp_path / "out")) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:-9]),
        lambda path: path.write_bytes(path.read_bytes()[:100] + b"?" + path.read_bytes()[101:]),
    ],
)
def test_a_finished_run_that_was_damaged_is_not_called_complete(config, finished, tmp_path, damage):
    shutil.copytree(finished, tmp_path / "out")
    damage(tmp_path / "out" / "windows" / "layer_001.parquet")
    with pytest.raises(DatasetDamaged, match="layer_001"):
        run(replace(config, out=tmp_path / "out"))


def test_a_resume_goes_on_with_the_threads_it_began_with(config, tmp_path):
    part = replace(config, out=tmp_path / "out", shard=Shard(0, 2))
    run(part)
    torch.set_num_threads(2)
    run(part)
    assert torch.get_num_threads() == 1


def test_repeating_a_finished_run_changes_nothing(config, finished):
    before = contents(finished)
    run(replace(config, out=finished))
    assert contents(finished) == before


def test_half_precision(config, tmp_path):
    """Figures follow from gate and in, which are kept in float32."""
    run(replace(config, out=tmp_path / "out", dtype="bfloat16"))
    assert list(verify(tmp_path / "out")) == []


@pytest.mark.parametrize(
    "change", [{"random_k": 0}, {"samples": 0}, {"window": 1}, {"top_k": 1}, {"batch_tokens": 10**6}]
)
def test_smallest_and_largest_settings(config, tmp_path, change):
    run(replace(config, out=tmp_path / "out", **change))
    assert list(verify(tmp_path / "out")) == []
    assert len(open_dataset(tmp_path / "out").examples(0, 0))


def test_a_part_that_gets_no_batch(config, tmp_path):
    texts = write_texts(tmp_path / "t.parquet", [[1, 2], [3]])
    parts = [tmp_path / "a", tmp_path / "b", tmp_path / "c"]
    for i, part in enumerate(parts):
        run(replace(config, texts=texts, out=part, shard=Shard(i, 3)))
    merge(MergeConfig(tuple(parts), tmp_path / "out"))
    assert list(verify(tmp_path / "out")) == []


def test_random_lists_are_not_top_lists(finished):
    examples = open_dataset(finished).examples(0, 1)
    random = examples[examples["quantity"].isna()]
    assert len(random) > len(RANDOM_LISTS)
    top = examples[examples["quantity"] == "hook_post"]
    assert set(random["value"]) - set(top["value"])

"""`examples` on a real model: what it adds for neurons of several layers is what `run` captured for them."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks.whole_runs import write_python_topics
from compute.config import ExamplesConfig, RunConfig
from compute.examples import examples
from compute.run import run
from compute.verify import verify
from gluscope_core import open_dataset
from gluscope_core.schema import WINDOWS_TABLE
from tests.conftest import write_texts
from tests.test_examples import assert_same, drop_positions, keep_rows
from tests.test_oracle import smollm2  # noqa: F401  # a fixture

LAYERS = (0, 3, 6)
TEXTS, TOKENS = 30, 48
NEURONS = [(layer, neuron) for layer in LAYERS for neuron in range(11, 1536, 224)][:20]
"""Twenty, spread over each layer."""


@pytest.fixture(scope="module")
def whole(smollm2, tmp_path_factory) -> Path:  # noqa: F811
    folder = tmp_path_factory.mktemp("smollm2")
    write_python_topics(smollm2, folder / "topics.parquet")
    ids = pq.read_table(folder / "topics.parquet").column("input_ids").to_pylist()
    texts = write_texts(folder / "texts.parquet", [each[:TOKENS] for each in ids[:TEXTS]])
    run(RunConfig(str(smollm2), texts, folder / "whole", layers=LAYERS, compile=False))
    return folder / "whole"


@pytest.mark.parametrize("with_positions", [True, False])
def test_twenty_neurons_are_as_run_captured_them(whole, smollm2, tmp_path, with_positions):  # noqa: F811
    shutil.copytree(whole, tmp_path / "lists")
    keep_rows(tmp_path / "lists", WINDOWS_TABLE.name, lambda *_: False)
    if not with_positions:
        drop_positions(tmp_path / "lists")
    assert not open_dataset(tmp_path / "lists").has(WINDOWS_TABLE.name)
    named = tuple(f"{layer}.{neuron}" for layer, neuron in NEURONS)
    examples(ExamplesConfig(tmp_path / "lists", named, model=str(smollm2), batch_tokens=512))
    assert_same(tmp_path / "lists", whole, NEURONS)
    assert not with_positions or not list(verify(tmp_path / "lists"))  # else those of other neurons are still missing

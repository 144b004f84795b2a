"""Against olah, a mirror of the Hub that others wrote, serving a git repository: what is published loads, pinned.

To unknown revisions olah answers that it failed: `tests/test_hub.py` has what the Hub answers."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from huggingface_hub import snapshot_download

from gluscope_core import open_dataset
from gluscope_core.schema import TABLES
from tests.hub_here import point_to
from tests.olah_here import ID


@pytest.fixture
def first(olah, mirrored, tmp_path, monkeypatch) -> str:
    point_to(olah, tmp_path / "hf", monkeypatch)
    return mirrored.first


def test_a_pinned_dataset_is_read_as_it_was(first, with_weights):
    there, here = open_dataset(ID, revision=first), open_dataset(with_weights)
    assert there.revision == first
    pd.testing.assert_frame_equal(there.neurons(), here.neurons())
    pd.testing.assert_frame_equal(there.examples(1, 7), here.examples(1, 7))
    pd.testing.assert_frame_equal(there.token_neurons(3), here.token_neurons(3))


def test_the_branch_is_at_a_later_commit(first):
    assert open_dataset(ID).revision not in {None, first}


def test_a_whole_download_is_a_dataset(first, with_weights):
    folder = Path(snapshot_download(ID, repo_type="dataset", revision=first))
    pd.testing.assert_frame_equal(open_dataset(folder).neurons(), open_dataset(with_weights).neurons())


def test_every_config_loads(olah, mirrored, with_weights, tmp_path):
    dataset = open_dataset(with_weights)
    tables = [name for name in TABLES if dataset.has(name)]
    script = (
        f"import datasets\nfor name in {tables}:\n"
        f"    print(name, len(datasets.load_dataset({ID!r}, name, revision={mirrored.first!r})['train']))"
    )
    own = {"PATH": os.environ["PATH"], "HF_ENDPOINT": olah, "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=own, capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = dict(line.split() for line in done.stdout.splitlines())
    assert rows == {name: str(sum(each.rows for each in dataset.manifest.files_of(name))) for name in tables}

"""Against the Hub itself, which needs a network, a token and a repository that may be made and deleted.

`GLUSCOPE_TEST_HUB=user/name HF_TOKEN=… pytest tests/test_real_hub.py`; skipped where the variable is not set."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from huggingface_hub import HfApi, get_token

from compute.config import PublishConfig
from compute.publish import publish
from gluscope_core import open_dataset
from gluscope_core.schema import TABLES

VARIABLE = "GLUSCOPE_TEST_HUB"
NAMED = os.environ.get(VARIABLE, "")


@pytest.fixture
def repository() -> Iterator[str]:
    """Private, new, and gone afterwards."""
    if not NAMED:
        pytest.skip(f"SKIPPED for want of {VARIABLE}=user/name, a dataset on the Hub that may be made and deleted")
    if get_token() is None:
        pytest.skip(f"SKIPPED for want of a token that may write {NAMED}: `hf auth login`, or set HF_TOKEN")
    api = HfApi()
    if api.repo_exists(NAMED, repo_type="dataset"):
        pytest.fail(f"{NAMED} exists already: name in {VARIABLE} one that does not, since it is deleted afterwards")
    yield NAMED
    api.delete_repo(NAMED, repo_type="dataset", missing_ok=True)


def test_published_read_by_revision_and_loaded(repository, with_weights: Path, tmp_path, capsys):
    publish(PublishConfig(with_weights, repository, private=True))
    publish(PublishConfig(with_weights, repository))
    assert "nothing is missing" in capsys.readouterr().err
    here, there = open_dataset(with_weights), open_dataset(repository, open_dataset(repository).revision)
    pd.testing.assert_frame_equal(there.neurons(), here.neurons())
    pd.testing.assert_frame_equal(there.examples(1, 7), here.examples(1, 7))
    tables = [name for name in TABLES if here.has(name)]
    script = (
        f"import datasets\nfor name in {tables}:\n"
        f"    print(name, len(datasets.load_dataset({repository!r}, name, revision={there.revision!r})['train']))"
    )
    own = {**os.environ, "HF_DATASETS_CACHE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=own, capture_output=True, text=True, check=True)
    rows = dict(line.split() for line in done.stdout.splitlines())
    assert rows == {name: str(sum(each.rows for each in here.manifest.files_of(name))) for name in tables}

"""Publishing where large files go by Xet, with its real client in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from gluscope_core import open_dataset
from gluscope_core.manifest import read_manifest
from tests.hub_standin import TOKEN, Fault, Hub, environment

ID = "someone/tiny"


@pytest.fixture
def published(hub: Hub, with_weights: Path, tmp_path: Path):
    pytest.importorskip("hf_xet")
    hub.offer(with_weights)
    quick = {"HF_XET_CLIENT_RETRY_MAX_ATTEMPTS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    own = {"PATH": os.environ["PATH"], "HF_TOKEN": TOKEN, **environment(hub, tmp_path / "hf", with_xet=True), **quick}

    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "compute", "publish", str(with_weights), ID]
        return subprocess.run(command, env=own, capture_output=True, text=True, check=False)

    return run


def test_large_files_go_by_xet(hub, with_weights, published):
    done = published()
    assert done.returncode == 0, done.stderr
    assert hub.by_xet == sorted(record.sha256 for record in read_manifest(with_weights).files)
    assert not [each for each in hub.asked if each.method == "PUT"]
    pd.testing.assert_frame_equal(open_dataset(ID).neurons(), open_dataset(with_weights).neurons())
    assert TOKEN not in done.stdout + done.stderr
    assert "nothing is missing" in published().stderr


@pytest.mark.parametrize(
    ("method", "pattern", "status", "said"),
    [("GET", "/xet-write-token/", 403, "hf auth login"), ("POST", "/xet/v2/shards", 500, "status 500")],
)
def test_cut_off_it_says_so_and_is_resumed(hub, with_weights, published, method, pattern, status, said):
    hub.faults.append(Fault(method, pattern, status, times=99))
    failed = published()
    assert failed.returncode == 2
    last = failed.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert f"{ID}: " in last
    assert said in last
    hub.faults.clear()
    done = published()
    assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(open_dataset(ID).neurons(), open_dataset(with_weights).neurons())

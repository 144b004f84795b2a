"""A run that is killed anywhere and repeated gives the same bytes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from compute.durable import Step

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("kills", [20, pytest.param(100, marks=pytest.mark.slow)])
def test_killed_at_random_times_and_at_each_step(config, tmp_path, kills):
    names = ("model", "texts", "top_k", "random_k", "window", "samples", "batch_tokens")
    settings = json.dumps({name: getattr(config, name) for name in names}, default=str)
    command = [sys.executable, "-m", "tests.kill_driver", settings, str(tmp_path), str(kills), "3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["killed"] >= kills
    assert report["differing"] == []
    assert report["fooled"] == []
    assert set(report["steps"]) == {step.name for step in Step}

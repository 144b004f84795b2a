"""A run that is killed anywhere and repeated gives the same bytes."""

import json
import subprocess
import sys
from pathlib import Path

from compute.durable import Step

ROOT = Path(__file__).parent.parent


def test_killed_at_random_times_and_at_each_step(config, tmp_path, how_many, record_property):
    kills = how_many(20, 100)
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
    record_property("kills survived", report["killed"])

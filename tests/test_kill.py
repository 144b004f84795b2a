"""A stage that is killed anywhere and repeated gives the same bytes."""

import json
import os
import subprocess
import sys
from pathlib import Path

from compute.durable import Step
from tests.hub_standin import TOKEN, Hub, environment
from tests.test_texts_stage import DOCUMENTS, jsonl, model  # noqa: F401

ROOT = Path(__file__).parent.parent
SHORT = {"run": 3, "weights": 1, "examples": 1}
FULL = {"run": 100, "shard": 20, "merge": 20, "weights": 40, "examples": 40, "texts": 40, "publish": 40}
LIMITS = [200, 5_000, 20_000, 40_000]
"""Bytes that a file may have: the largest of a run has about 60,000."""
STEPS_SHORT = [Step.JOURNALED, Step.MOVED]
"""Of a run, the first time that it comes there; the full form is of all stages, every step, every time."""


def test_killed_at_random_times_and_at_each_step(config, model, hub, tmp_path, how_many, record_property):  # noqa: F811
    names = ("model", "texts", "top_k", "random_k", "window", "samples")
    (tmp_path / "source.jsonl").write_bytes(jsonl(DOCUMENTS))
    settings = {
        "run": {**{name: getattr(config, name) for name in names}, "batch_tokens": 128},
        "source": tmp_path / "source.jsonl",
        "tokenizer": model,
        "kills": how_many(SHORT, FULL),
        "limits": how_many({"weights": [LIMITS[1]]}, {name: LIMITS for name in FULL if name != "publish"}),
        "steps": how_many({"run": STEPS_SHORT}, {name: list(Step) for name in FULL}),
        "every_time": how_many(0, 1) == 1,
        "seed": 3,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.kill_driver", json.dumps(settings, default=str), str(tmp_path / "home")],
        cwd=ROOT,
        env={**os.environ, **environment(hub, tmp_path / "hf"), "HF_TOKEN": TOKEN, "TOKENIZERS_PARALLELISM": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    reports = json.loads(done.stdout.splitlines()[-1])
    for name, report in reports.items():
        assert report["killed"] >= settings["kills"][name]
        assert report["differing"] == [], (name, report["differing"])
        assert report["fooled"] == [], name
    assert len({published(hub, name) for name in hub.repos}) == ("publish" in reports)
    reached = {step for report in reports.values() for step in report["steps"]}
    assert reached == {step.name for step in how_many(STEPS_SHORT, Step)}
    assert sum(report["refused"] for report in reports.values()) >= len(settings["limits"])
    record_property("files that grew too large", sum(report["refused"] for report in reports.values()))
    for name, report in reports.items():
        record_property(f"kills of {name} at random times", report["killed"])
    record_property("kills at named steps", sum(sum(report["steps"].values()) for report in reports.values()))


def published(hub: Hub, repo_id: str) -> frozenset:
    """All files, of which the card names the place."""
    tree = hub.tree(repo_id)
    return frozenset(
        (path, blob.sha256 if blob.large else blob.part(0, blob.size).replace(repo_id.encode(), b""))
        for path, blob in tree.items()
    )

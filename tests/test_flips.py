"""No file is read that is not as it was written: not one kind of those that a dataset or an unfinished stage has."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import compute.pages
import compute.run
import compute.texts
import compute.weights
from compute.config import SiteConfig, TextsConfig, WeightsConfig
from compute.durable import write_record
from compute.text_sample import SampleOnDisk
from gluscope_core.manifest import JOURNAL_NAME
from gluscope_core.schema import TABLES
from tests.tasks import SMALL_PIECES
from tests.test_texts_stage import DOCUMENTS, jsonl, model  # noqa: F401

ROOT = Path(__file__).parent.parent


class Cut(BaseException):
    """Stands for a kill."""


def cut(*_: object) -> None:
    raise Cut


@pytest.fixture
def folders(config, with_weights, finished, model, model_folder, tmp_path, monkeypatch) -> dict[str, Path]:  # noqa: F811
    at = {
        name: tmp_path / name for name in ("dataset", "run", "weights", "texts", "unfinished texts", "journal", "site")
    }
    shutil.copytree(with_weights, at["dataset"])
    shutil.copytree(finished, at["weights"])
    at["journal"].mkdir()
    journal = {"staged": "progress/staged", "names": ["neurons/neurons_000.parquet"], "obsolete": ["tokens/t.parquet"]}
    write_record(at["journal"] / JOURNAL_NAME, journal)
    compute.pages.site(SiteConfig(with_weights, ("1.3", "1.4"), at["site"]))
    (tmp_path / "source.jsonl").write_bytes(jsonl(DOCUMENTS))
    writing = TextsConfig(str(tmp_path / "source.jsonl"), model, at["texts"], tokens=1500)
    compute.texts.texts(writing)
    for patch in SMALL_PIECES:
        monkeypatch.setattr(*patch)
    for place, name in ((compute.run, "write_dataset"), (compute.weights, "_write"), (compute.texts, "_write")):
        monkeypatch.setattr(place, name, cut)
    known = []
    load = SampleOnDisk.load
    monkeypatch.setattr(SampleOnDisk, "load", lambda self, *given: known.append(self.settings) or load(self, *given))
    for act in (
        lambda: compute.run.run(replace(config, out=at["run"], checkpoint_share=1.0, batch_tokens=256)),
        lambda: compute.weights.weights(WeightsConfig(dataset=at["weights"], model=str(model_folder))),
        lambda: compute.texts.texts(replace(writing, out=at["unfinished texts"])),
    ):
        with pytest.raises(Cut):
            act()
    (at["unfinished texts"] / "settings").write_text(json.dumps(known[0]))
    return at


def test_flipped_bits_and_cut_ends_are_reported(folders, how_many, record_property):
    flips, cuts = how_many(4, 400), how_many(2, 200)
    done = subprocess.run(
        [sys.executable, "-m", "tests.flip_driver", json.dumps(folders, default=str), str(flips), str(cuts), "5"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    outcomes = json.loads(done.stdout)
    assert set(outcomes) >= {"manifest", "journal", "site's list", *(set(TABLES) - {"striking"})}
    for name, said in outcomes.items():
        assert len(said) == flips + cuts, (name, said[-1])
        assert set(said) <= {"same", "reported"}, (name, Counter(said))
    tried = Counter(each for said in outcomes.values() for each in said)
    record_property("kinds of files", len(outcomes))
    record_property("bit flips", flips * len(outcomes))
    record_property("truncations", cuts * len(outcomes))
    record_property("reported", tried["reported"])
    record_property("read as they were written", tried["same"])

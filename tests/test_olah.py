"""Against olah, a mirror of the Hub that others wrote, serving a git repository: what is published loads, pinned.

It needs packages in versions that this project's environment does not have, so it has one of its own in `build/olah`,
made when first needed; where that is not possible these tests are skipped, and say so. To unknown revisions olah
answers that it failed: `tests/test_hub.py` has what the Hub answers."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from huggingface_hub import snapshot_download

from gluscope_core import open_dataset
from gluscope_core.schema import TABLES
from tests.hub_here import point_to

VERSION = "0.5.4"
ENVIRONMENT = Path(__file__).parent.parent / "build" / "olah"
ID = "someone/tiny"


@pytest.fixture(scope="module")
def program() -> Path:
    found = shutil.which("olah-cli")
    if found:
        return Path(found)
    own = ENVIRONMENT / "bin" / "olah-cli"
    if not own.exists():
        pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "--quiet", f"olah=={VERSION}"]
        for command in ([sys.executable, "-m", "venv", str(ENVIRONMENT)], pip):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                shutil.rmtree(ENVIRONMENT, ignore_errors=True)
                pytest.skip(f"olah {VERSION} cannot be installed: {done.stderr[-300:]}")
    return own


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=someone", "-c", "user.email=someone@example.org"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def mirror(with_weights, tmp_path_factory) -> tuple[Path, str]:
    """A git repository with a dataset, and its first commit; in the second the statistics are others."""
    mirrors = tmp_path_factory.mktemp("mirrors")
    repository = mirrors / "datasets" / ID
    shutil.copytree(with_weights, repository)
    git(repository, "init", "--quiet", "--initial-branch", "main")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "a dataset")
    first = git(repository, "rev-parse", "HEAD")
    (repository / "neurons" / "neurons_000.parquet").write_bytes(b"something else")
    git(repository, "commit", "--quiet", "--all", "--message", "another")
    return mirrors, first


@pytest.fixture(scope="module")
def endpoint(program, mirror, tmp_path_factory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("olah")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = f"""
[basic]
host = "127.0.0.1"
port = {port}
repos-path = "{home / "repos"}"
mirrors-path = ["{mirror[0]}"]

[accessibility]
offline = true
"""
    (home / "olah.toml").write_text(settings)
    command = [str(program), "--config", str(home / "olah.toml"), "--log-path", str(home / "logs")]
    with (home / "out").open("w") as out:
        process = subprocess.Popen(command, cwd=home, stdout=out, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            if process.poll() is not None:
                pytest.fail((home / "out").read_text()[-2000:])
            try:
                urllib.request.urlopen(f"{address}/api/datasets/{ID}", timeout=2)
                break
            except OSError:
                time.sleep(0.25)
        yield address
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def first(endpoint, mirror, tmp_path, monkeypatch) -> str:
    point_to(endpoint, tmp_path / "hf", monkeypatch)
    return mirror[1]


def test_a_pinned_dataset_is_read_as_it_was(first, with_weights):
    there, here = open_dataset(ID, revision=first), open_dataset(with_weights)
    assert there.revision == first
    pd.testing.assert_frame_equal(there.neurons(), here.neurons())
    pd.testing.assert_frame_equal(there.examples(1, 7), here.examples(1, 7))
    pd.testing.assert_frame_equal(there.token_neurons(3), here.token_neurons(3))


def test_the_branch_is_at_the_second_commit(first):
    assert open_dataset(ID).revision not in {None, first}


def test_a_whole_download_is_a_dataset(first, with_weights):
    folder = Path(snapshot_download(ID, repo_type="dataset", revision=first))
    pd.testing.assert_frame_equal(open_dataset(folder).neurons(), open_dataset(with_weights).neurons())


def test_every_config_loads(endpoint, mirror, with_weights, tmp_path):
    dataset = open_dataset(with_weights)
    tables = [name for name in TABLES if dataset.has(name)]
    script = (
        f"import datasets\nfor name in {tables}:\n"
        f"    print(name, len(datasets.load_dataset({ID!r}, name, revision={mirror[1]!r})['train']))"
    )
    own = {"PATH": os.environ["PATH"], "HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=own, capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = dict(line.split() for line in done.stdout.splitlines())
    assert rows == {name: str(sum(each.rows for each in dataset.manifest.files_of(name))) for name in tables}

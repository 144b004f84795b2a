"""Fixtures of tests against olah, a mirror of the Hub that others wrote, serving a git repository.

It needs packages in versions that this project's environment does not have, so it has one of its own in `build/olah`,
made when first needed. Where it cannot be installed or does not start, tests are skipped, and say so."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

VERSION = "0.5.4"
ENVIRONMENT = Path(__file__).parent.parent / "build" / "olah"
ID = "someone/tiny"
_SECONDS = 60


@dataclass(frozen=True)
class Repository:
    """What olah serves: a git repository of a dataset, and its first commit."""

    folder: Path
    first: str

    def change(self, path: str, content: bytes) -> str:
        """A commit in which a file is another."""
        (self.folder / path).write_bytes(content)
        git(self.folder, "commit", "--quiet", "--all", "--message", f"another {path}")
        return git(self.folder, "rev-parse", "HEAD")


@pytest.fixture(scope="session")
def olah_program() -> Path:
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
                pytest.skip(f"SKIPPED for want of olah {VERSION}, which cannot be installed: {done.stderr[-300:]}")
    return own


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=someone", "-c", "user.email=someone@example.org"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="session")
def mirrored(with_weights, tmp_path_factory) -> Repository:
    """In the second commit the statistics are others."""
    folder = tmp_path_factory.mktemp("mirrors") / "datasets" / ID
    shutil.copytree(with_weights, folder)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "a dataset")
    repository = Repository(folder, git(folder, "rev-parse", "HEAD"))
    repository.change("neurons/neurons_000.parquet", b"something else")
    return repository


@pytest.fixture(scope="session")
def olah(olah_program, mirrored, tmp_path_factory) -> Iterator[str]:
    """Its address."""
    home = tmp_path_factory.mktemp("olah")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = f"""
[basic]
host = "127.0.0.1"
port = {port}
repos-path = "{home / "repos"}"
mirrors-path = ["{mirrored.folder.parents[2]}"]

[accessibility]
offline = true
"""
    (home / "olah.toml").write_text(settings)
    command = [str(olah_program), "--config", str(home / "olah.toml"), "--log-path", str(home / "logs")]
    address = f"http://127.0.0.1:{port}"
    with (home / "out").open("w") as out:
        process = subprocess.Popen(command, cwd=home, stdout=out, stderr=subprocess.STDOUT)
    try:
        _wait_for(f"{address}/api/datasets/{ID}/revision/main", process, home / "out")
        yield address
    finally:
        process.terminate()
        process.wait()


def _wait_for(address: str, process: subprocess.Popen, said: Path) -> None:
    given_up = time.monotonic() + _SECONDS
    while process.poll() is None and time.monotonic() < given_up:
        try:
            urllib.request.urlopen(address, timeout=2)
        except OSError:
            time.sleep(0.25)
        else:
            return
    pytest.skip(f"SKIPPED since olah does not start: {said.read_text()[-500:]}")

"""A server on the bundled dataset, and Chromium to look at it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from gluscope_core.discover import FOLDERS_VARIABLE

ROOT = Path(__file__).parent.parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
BUNDLED = ROOT / "datasets"


def start_server(datasets: Path | str | None, below: str = "", **variables: str) -> tuple[subprocess.Popen, str]:
    """Without `datasets`, on what its other variables or its secrets name; `below` is the path that it serves under."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.port", str(port)]
    command += ["--server.address", "127.0.0.1", *(["--server.baseUrlPath", below] if below else [])]
    named = {} if datasets is None else {FOLDERS_VARIABLE: str(datasets)}
    environment = {**os.environ, **named, **variables}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=quiet, stderr=quiet)
    address = f"http://127.0.0.1:{port}{below}"
    for _ in range(240):
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=1)
        except OSError:
            time.sleep(0.25)
        else:
            return process, address
    process.kill()
    raise TimeoutError("streamlit does not answer")


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    process, address = start_server(BUNDLED)
    yield address
    process.terminate()


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here: `apt-get install chromium`")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser) -> Iterator[object]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    yield opened
    context.close()

"""The dashboard with what `requirements.txt` installs and nothing else, as a hosting cloud has it: `make deployed`.

Not a test module: it runs where there is no pytest. Exits with 1 where a page fails or something heavy is there."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.testing.v1 import AppTest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

ROOT = Path(__file__).parent.parent
NOT_NEEDED = ("torch", "transformers", "datasets.arrow_dataset", "pytest", "playwright")
NEURON = {"neuron": "8.997"}
MOST_MEMORY = 600
"""MB, of the server with all pages visited."""


def main() -> int:
    problems = [f"{name} is installed, and the dashboard must do without" for name in NOT_NEEDED if _is_there(name)]
    pages = sorted((ROOT / "pages").glob("*.py"))
    for page in pages:
        problems += [f"{page.name}: {problem}" for problem in problems_of(page)]
    problems += _problems_of_server()
    for problem in problems:
        print(problem, file=sys.stderr)  # noqa: T201
    print(f"{len(pages)} pages, {len(problems)} problems", file=sys.stderr)  # noqa: T201
    return 1 if problems else 0


def _is_there(name: str) -> bool:
    """A folder of that name is no package."""
    try:
        found = find_spec(name)
    except ModuleNotFoundError:
        return False
    return found is not None and found.origin is not None


def problems_of(page: Path) -> Iterable[str]:
    app = AppTest.from_file(ROOT / "streamlit_app.py", default_timeout=60).run()
    for key, value in NEURON.items():
        app.query_params[key] = value
    app.switch_page(f"pages/{page.name}").run()
    said = [str(each.value) for each in (*app.exception, *app.error, *app.warning)]
    return said or _what_lacks(app)


def _what_lacks(app: AppTest) -> Iterator[str]:
    """A page that says why it has nothing to show is as good as none."""
    if not [*app.title, *app.subheader, *app.get("bidi_component"), *(m for m in app.markdown if m.value[:1] == "#")]:
        yield "it has no title"
    if not [*app.dataframe, *app.subheader, *app.get("vega_lite_chart"), *app.get("bidi_component")]:
        yield f"it shows nothing: {' '.join(each.value for each in app.info)}"


def _problems_of_server() -> list[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py"]
    command += ["--server.address", "127.0.0.1", "--server.port", str(port)]
    environment = {**os.environ, "MALLOC_ARENA_MAX": "2"}  # as `make app` and the container have it
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        if not _is_well(port):
            return ["the server does not answer at /_stcore/health, or is not well"]
        for page in sorted((ROOT / "pages").glob("*.py")):
            _visit(port, page.stem)
        return _problems_of_memory(server.pid)
    finally:
        server.terminate()
        server.wait()


def _is_well(port: int) -> bool:
    for _ in range(120):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2) as answer:
                return answer.read() == b"ok"
        except OSError:
            time.sleep(0.5)
    return False


def _visit(port: int, page: str) -> None:
    """As a browser does, in a session of its own, until all of the page is there."""
    state = ClientState(query_string=urlencode(NEURON), page_name=page)
    with connect(
        f"ws://127.0.0.1:{port}/_stcore/stream", subprotocols=[Subprotocol("streamlit")], max_size=None
    ) as wire:
        wire.send(BackMsg(rerun_script=state).SerializeToString())
        while not ForwardMsg.FromString(wire.recv(timeout=60)).HasField("script_finished"):
            pass


def _problems_of_memory(server: int) -> list[str]:
    """Of the server at its largest. Only Linux tells."""
    status = Path(f"/proc/{server}/status")
    if not status.exists():
        return []
    said = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8"))
    used = int(said[1]) // 1000 if said else 0
    print(f"the server took {used} MB", file=sys.stderr)  # noqa: T201
    return [] if 0 < used < MOST_MEMORY else [f"the server took {used} MB, and may take {MOST_MEMORY}"]


if __name__ == "__main__":
    sys.exit(main())

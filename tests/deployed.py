"""The dashboard with what `requirements.txt` installs and nothing else, as a hosting cloud has it: `make deployed`.

Not a test module: it runs where there is no pytest. Exits with 1 where a page fails or something heavy is there."""

import socket
import subprocess
import sys
import time
import urllib.request
from importlib.util import find_spec
from pathlib import Path

from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parent.parent
NOT_NEEDED = ("torch", "transformers", "datasets.arrow_dataset", "pytest", "playwright")
NEURON = {"neuron": "8.997"}


def main() -> int:
    problems = [f"{name} is installed, and the dashboard must do without" for name in NOT_NEEDED if _is_there(name)]
    pages = sorted((ROOT / "pages").glob("*.py"))
    for page in pages:
        problems += [f"{page.name}: {problem}" for problem in _problems_of(page)]
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


def _problems_of(page: Path) -> list[str]:
    app = AppTest.from_file(ROOT / "streamlit_app.py", default_timeout=60).run()
    for key, value in NEURON.items():
        app.query_params[key] = value
    app.switch_page(f"pages/{page.name}").run()
    return [str(each.value) for each in (*app.exception, *app.error)]


def _problems_of_server() -> list[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py"]
    command += ["--server.address", "127.0.0.1", "--server.port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        for _ in range(120):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2) as answer:
                    return [] if answer.read() == b"ok" else ["the server is not well"]
            except OSError:
                time.sleep(0.5)
        return ["the server does not answer at /_stcore/health"]
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    sys.exit(main())

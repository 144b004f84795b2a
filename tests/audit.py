"""Known vulnerabilities of what `requirements.txt` pins: `make audit`.

Not a test module: what it finds depends on the day. Exits with what the auditor exits with, and with 0 where the
service that knows vulnerabilities cannot be reached, which it says."""

import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from urllib.error import HTTPError

SERVICE = "https://api.osv.dev"
COMMAND = (
    *(str(Path(sys.executable).parent / "uv"), "tool", "run", "pip-audit", "--vulnerability-service", "osv"),
    *("--require-hashes", "--disable-pip", "--requirement", "requirements.txt"),
)


def main(service: str = SERVICE, command: Sequence[str] = COMMAND) -> int:
    problem = _why_unreachable(service)
    if problem is not None:
        print(f"audit not run: no advisory service reachable ({service}: {problem})", file=sys.stderr)  # noqa: T201
        return 0
    return subprocess.run(command, cwd=Path(__file__).parent.parent, check=False).returncode


def _why_unreachable(service: str) -> str | None:
    try:
        urllib.request.urlopen(service, timeout=20).close()
    except HTTPError:  # an answer, if not to this question
        return None
    except OSError as error:
        return str(getattr(error, "reason", error))
    return None


if __name__ == "__main__":
    sys.exit(main())

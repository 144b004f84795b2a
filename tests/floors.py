"""The oldest versions that `pyproject.toml` allows, as constraints for pip: `make floors` installs these very ones.

    python -m tests.floors app compute > build/floors.txt

Not a test module. What `constraints.txt` pins is left out: of it the machine has that version only."""

import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
NAMED = re.compile(r"([\w-]+)>=([0-9.]+)")


def floors(extras: Sequence[str]) -> dict[str, str]:
    """By name, of what is always needed and of some extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(each for extra in extras for each in project["optional-dependencies"][extra])]
    found = dict(NAMED.fullmatch(each).groups() for each in wanted)
    pinned = re.findall(r"^([\w-]+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    return {name: version for name, version in found.items() if name not in pinned}


if __name__ == "__main__":
    sys.stdout.write("".join(f"{name}=={version}\n" for name, version in floors(sys.argv[1:]).items()))

"""Reading files whole that anybody may have left there: what has no end is not begun, what is too large not held."""

import stat
from pathlib import Path


class OddFile(OSError):
    """Why a file is not read, as what follows its name in a sentence."""


def read_at_most(path: Path, most: int) -> bytes:
    if not stat.S_ISREG(path.stat().st_mode):  # a pipe or a device, to which a link may lead
        raise OddFile("is no file")
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OddFile(f"is larger than {most:,} bytes")
    return content

"""Whether there is room for a run: on disk before it starts, in memory while it runs."""

import shutil
from pathlib import Path

import torch

from compute.budget import size_of
from gluscope_core.errors import DiskTooSmall


def refuse_small_disk(folder: Path, needed: float) -> None:
    """Before hours are spent on what cannot be written. What an unfinished attempt left there counts as room."""
    there = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    free = float(shutil.disk_usage(folder).free + there)
    if needed > free:
        raise DiskTooSmall(
            f"{folder} has room for {size_of(free)}, and this takes about {size_of(needed)}: choose a folder on a "
            "larger disk, or ask for less (see --plan)"
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Of a device, or of the machine, which torch reports as a RuntimeError like any other."""
    said = str(error)
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and ("can't allocate memory" in said or "not enough memory" in said)
    )


def is_halving_of(tokens: int, asked: int) -> bool:
    """Whether a batch of so many tokens is what is left of a larger one that did not fit."""
    return 0 < tokens < asked and any(asked >> times == tokens for times in range(1, asked.bit_length()))

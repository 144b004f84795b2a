"""Whether there is room for a run: on disk before it starts, in memory while it runs."""

import gc
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from compute.budget import size_of
from gluscope_core.errors import DiskTooSmall

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Full:
    """Memory that ran out, and what was said of it."""

    problem: str


def refuse_small_disk(folder: Path, needed: float) -> None:
    """Before hours are spent on what cannot be written. What an unfinished attempt left there counts as room."""
    there = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    free = float(shutil.disk_usage(folder).free + there)
    if needed > free:
        raise DiskTooSmall(
            f"{folder} has room for {size_of(free)}, and this takes about {size_of(needed)}: choose a folder on a "
            "larger disk, or ask for less (`run` and `weights` say with --plan what it takes)"
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Of a device, or of the machine, which torch reports as a RuntimeError like any other."""
    said = str(error)
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and ("can't allocate memory" in said or "not enough memory" in said)
    )


def said_of_memory(error: BaseException) -> str:
    first = str(error).partition("\n")[0]
    return f"memory ran out ({first})" if first else "memory ran out"


def unless_full(act: Callable[[], _Found], device: torch.device) -> _Found | Full:
    """What is found; or, where memory runs out, how, with the memory of the failed attempt free again."""
    try:
        return act()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        full = Full(said_of_memory(error))
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return full


def is_halving_of(tokens: int, asked: int) -> bool:
    """Whether a batch of so many tokens is what is left of a larger one that did not fit."""
    return 0 < tokens < asked and any(asked >> times == tokens for times in range(1, asked.bit_length()))

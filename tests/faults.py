"""Failing writes: the Nth thing that asks a disk for room is refused, as by a full one."""

import errno
import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from compute import saved


class FullDisk:
    """Counts whatever needs room: files opened to be written, folders made, names changed, tables, flushes."""

    def __init__(self, folder: Path) -> None:
        self.asked = 0
        self._refused: int | None = None
        self._folder = folder
        self._lock = threading.Lock()

    @contextmanager
    def refusing(self, number: int | None) -> Iterator[None]:
        self.asked, self._refused = 0, number
        with pytest.MonkeyPatch.context() as patch:
            for place, name in (
                (os, "fsync"),
                (os, "replace"),
                (os, "mkdir"),
                (os, "posix_fallocate"),
                (pq.ParquetWriter, "write_table"),
                (pq.ParquetWriter, "close"),
                (saved, "save_file"),
            ):
                self._watch(patch, place, name)
            self._watch_opening(patch)
            yield

    def _ask(self, what: str) -> None:
        with self._lock:
            self.asked += 1
            number = self.asked
        if number == self._refused:
            raise OSError(errno.ENOSPC, f"No space left on device ({what})")

    def _watch(self, patch: pytest.MonkeyPatch, place: Any, name: str) -> None:
        real = getattr(place, name)

        def asking(*given: Any, **named: Any) -> Any:
            if name != "mkdir" or not Path(given[0]).is_dir():  # what is there needs no room
                self._ask(name)
            return real(*given, **named)

        patch.setattr(place, name, asking)

    def _watch_opening(self, patch: pytest.MonkeyPatch) -> None:
        real = io.open

        def opening(file: Any, mode: str = "r", *given: Any, **named: Any) -> Any:
            if (
                isinstance(file, os.PathLike | str)
                and Path(file).is_relative_to(self._folder)
                and set(mode) & set("wax+")
            ):
                self._ask("open")
            return real(file, mode, *given, **named)

        patch.setattr(io, "open", opening)

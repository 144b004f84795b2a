"""When a dataset counts as another one, so that the dashboard opens it anew."""

import os
import shutil
from pathlib import Path

import pytest

from gluscope_core.discover import stamp_of
from gluscope_core.manifest import MANIFEST_NAME

MINUTE = 60 * 10**9


@pytest.fixture
def shelf(finished, tmp_path) -> Path:
    for name in ("opened", "beside"):
        shutil.copytree(finished, tmp_path / "shelf" / name)
    return tmp_path / "shelf"


def replace(path: Path, content: bytes, age: int) -> None:
    """As `cp -p` and `rsync -t` do: with the time that the other file has."""
    new = path.with_name("new")
    new.write_bytes(content)
    os.utime(new, ns=(path.stat().st_mtime_ns - age,) * 2)
    new.replace(path)


@pytest.mark.parametrize("which", ["opened", "beside"])
@pytest.mark.parametrize("age", [MINUTE, 0, -MINUTE])
def test_a_replacement_is_seen_whatever_its_time(shelf, which, age):
    before = stamp_of(shelf / "opened")
    assert stamp_of(shelf / "opened") == before
    path = shelf / which / MANIFEST_NAME
    replace(path, path.read_bytes(), age)
    assert stamp_of(shelf / "opened") != before


@pytest.mark.parametrize("name", ["absent", "a\x00b", "x" * 5_000])
def test_what_is_not_there_has_none(shelf, name):
    assert stamp_of(shelf / name) == ()

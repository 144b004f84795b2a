"""Memory that a stage frees is there when it asks again."""

import ctypes
import os
import subprocess
import sys

import pytest

from compute.heap import keep_what_is_freed

FAULTS = """
import ctypes, resource, sys
from compute.heap import keep_what_is_freed
if sys.argv[1] == "kept":
    keep_what_is_freed()
glibc = ctypes.CDLL(None)
glibc.malloc.restype = ctypes.c_void_p
glibc.free.argtypes = [ctypes.c_void_p]
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = ctypes.c_void_p(glibc.malloc(ctypes.c_size_t(64 << 20)))
    ctypes.memset(block, 1, 64 << 20)
    glibc.free(block)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="SKIPPED for want of glibc: memory that is kept")
def test_freed_memory_is_not_cleared_again():
    def faults(how: str) -> list[int]:
        command = [sys.executable, "-c", FAULTS, how]
        return [int(line) for line in subprocess.run(command, capture_output=True, check=True).stdout.split()]

    kept, returned = faults("kept"), faults("returned")
    assert returned[2] > returned[0] / 2
    assert kept[2] < kept[0] / 10


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_without_glibc_nothing_happens(monkeypatch, error):
    monkeypatch.setenv("THP_MEM_ALLOC_ENABLE", "0")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: (_ for _ in ()).throw(error))
    keep_what_is_freed()
    assert os.environ["THP_MEM_ALLOC_ENABLE"] == "0"  # as whoever started it wants

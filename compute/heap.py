"""How this process gets memory: each layer of each batch asks for the same hundreds of megabytes again."""

import ctypes
import os
from contextlib import suppress

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Numbers of glibc's settings, as its malloc.h has them."""
_GIB = 1 << 30


def keep_what_is_freed() -> None:
    """Memory goes back to the system only from 1 GiB on, and torch asks for it in large pages: else a tenth of a run is
    the system clearing pages. To be called before torch is imported; where there is no glibc, nothing happens."""
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    with suppress(AttributeError, OSError, TypeError):
        glibc = ctypes.CDLL(None)
        for setting in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD):
            glibc.mallopt(setting, _GIB)

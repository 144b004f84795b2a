"""Ctrl-C and SIGTERM while a stage works: where it goes piece by piece, the first finishes the piece at hand and saves,
and the second stops at once; elsewhere the first does."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from compute.progress import say

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether somebody asked, and how."""

    def __init__(self) -> None:
        self.by: signal.Signals | None = None

    def take(self, number: int, _frame: FrameType | None) -> None:
        self.by = signal.Signals(number)
        for each in _SIGNALS:
            signal.signal(each, signal.default_int_handler)
        say(f"{self.by.name}: stopping once this piece is saved; again to stop at once")


@contextmanager
def interruptible() -> Iterator[None]:
    """Within, SIGTERM raises KeyboardInterrupt as Ctrl-C does, where it would end the process without a word."""
    can_be_told = threading.current_thread() is threading.main_thread()
    if not can_be_told or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def heeding_stops() -> Iterator[StopRequest]:
    """Within, signals are noted instead of obeyed. Only the main thread can be told of them."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {each: signal.getsignal(each) for each in _SIGNALS}
    heeded = {each: handler for each, handler in before.items() if handler is not signal.SIG_IGN}
    for each in heeded:  # what whoever started us wants ignored stays so
        signal.signal(each, request.take)
    try:
        yield request
    finally:
        for each, handler in heeded.items():
            signal.signal(each, handler)

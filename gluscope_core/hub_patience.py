"""Asking the Hub again for what may pass, for as long as a visitor waits."""

import random
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx2
from huggingface_hub.utils import parse_ratelimit_headers

from gluscope_core.errors import HubUnreachable

_Answer = TypeVar("_Answer")

TRIES = 6
FIRST_WAIT, LONGEST_WAIT = 0.5, 8.0
PATIENCE = 30.0
"""Seconds: who is asked by the Hub to wait for longer, or has waited for as long, is told so instead."""
PASSING = (408, 429, 500, 502, 503, 504)
BROKEN = (httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError)


class Again(Exception):
    """A request that may succeed when it is repeated, after some seconds where the server says how many."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


def of_status(response: httpx2.Response) -> Again:
    return Again(f"answers with status {response.status_code}", _asked_to_wait(response))


def cut_off(error: Exception) -> Again:
    return Again(f"cannot be reached, or cuts the connection ({type(error).__name__}),")


def patiently(ask: Callable[[], _Answer], repo_id: str, path: str) -> _Answer:
    why, begun = "", time.monotonic()
    for attempt in range(TRIES):
        try:
            return ask()
        except Again as error:
            wait = _wait_before(attempt, error)
            why = str(error)
            if wait > PATIENCE:
                why = f"{why}, and asks to wait for {wait:.0f} seconds"
                break
            if time.monotonic() - begun > PATIENCE:
                break
            if attempt + 1 < TRIES:
                time.sleep(wait)
    raise HubUnreachable(f"{repo_id}: the Hub {why} for {path}: try again later")


def _asked_to_wait(response: httpx2.Response) -> float | None:
    limit = parse_ratelimit_headers(response.headers)
    if limit is not None and limit.remaining == 0:
        return float(limit.reset_in_seconds)
    asked = response.headers.get("Retry-After", "").strip()
    if asked.isdigit():
        return float(asked)
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _wait_before(attempt: int, error: Again) -> float:
    """Twice as long each time, and never the same for many that were refused at once."""
    longest = min(FIRST_WAIT * 2**attempt, LONGEST_WAIT)
    drawn = longest * random.uniform(0.5, 1)  # noqa: S311
    return drawn if error.wait is None else error.wait + drawn / 2

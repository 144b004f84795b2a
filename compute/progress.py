"""What a person sees while a stage works."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm


def say(message: str) -> None:
    tqdm.write(message, file=sys.stderr)


@contextmanager
def record_bar(done: int) -> Iterator[tqdm]:
    """Documents of a source whose end nobody knows, on stderr."""
    with tqdm(initial=done, unit="doc", unit_scale=True, desc="texts", file=sys.stderr, mininterval=1) as bar:
        yield bar


@contextmanager
def token_bar(total: int, done: int, what: str = "run") -> Iterator[tqdm]:
    """Tokens, tokens per second and time left, on stderr."""
    with tqdm(
        total=total,
        initial=done,
        unit="tok",
        unit_scale=True,
        desc=what,
        file=sys.stderr,
        mininterval=1,
        smoothing=0.1,
    ) as bar:
        yield bar


@contextmanager
def step_bar(what: str, steps: int, done: int = 0) -> Iterator[tqdm]:
    with tqdm(total=steps, initial=done, desc=what, file=sys.stderr, mininterval=1) as bar:
        yield bar

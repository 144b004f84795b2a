"""What is said of values in an address that mean nothing to a page."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

_LONGEST = 40


@dataclass(frozen=True)
class Named:
    """What an address says of something, what it may say, and what is shown in any case."""

    of: str
    value: str
    """Empty where the address has none."""
    known: Collection[str]
    shown: str


def not_known(values: Iterable[Named]) -> str:
    """A sentence about those that are not known; nothing where all are."""
    parts = [
        f"{each.of} “{each.value[:_LONGEST]}”, so {each.shown} is shown"
        for each in values
        if each.value and each.value not in each.known
    ]
    return f"Of the link, not known here: {'; '.join(parts)}." if parts else ""

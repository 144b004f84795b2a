"""What is said of values in an address that mean nothing to a page."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from gluscope_core.markdown import code

_LONGEST = 60


@dataclass(frozen=True)
class Named:
    """A key of an address, what it says, what it may say, and what is shown in any case."""

    key: str
    value: str
    """Empty where the address has none."""
    known: Collection[str]
    shown: str


def not_known(values: Iterable[Named]) -> str:
    """Of those that are not known, as Markdown; nothing where all are."""
    return " ".join(
        f"{quoted(each.key, each.value)} is not known: here is {each.shown} instead."
        for each in values
        if each.value and each.value not in each.known
    )


def quoted(key: str, value: str) -> str:
    """As the address has it, or at least its beginning."""
    return code(f"{key}={value[:_LONGEST]}")

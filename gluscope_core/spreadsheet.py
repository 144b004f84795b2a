"""Tables as CSV that a spreadsheet opens as data: text that it would take for a formula is marked, and back."""

import re

import pandas as pd

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""Apostrophes before it are marks of ours, or would be taken for such."""
_LINE = "\r\n"
"""The standard's; and only what ends lines is quoted in a cell, after which a formula could begin."""


def guarded(text: str) -> str:
    """With an apostrophe before what would run; numbers are no text, and stay."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """What was guarded, as it was."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def csv_bytes(frame: pd.DataFrame) -> bytes:
    safe = frame.map(lambda value: guarded(value) if isinstance(value, str) else value) if _has_text(frame) else frame
    return (
        safe.set_axis([guarded(str(name)) for name in frame.columns], axis=1)
        .to_csv(index=False, lineterminator=_LINE)
        .encode()
    )


def _has_text(frame: pd.DataFrame) -> bool:
    return not all(pd.api.types.is_numeric_dtype(kind) for kind in frame.dtypes)

"""What a measure comes to."""

import statistics
from collections.abc import Sequence

Figures = dict[str, float | int]


def summary(measured: Sequence[float]) -> Figures:
    return {
        "median": statistics.median(measured),
        "min": min(measured),
        "max": max(measured),
        "pairs": len(measured),
    }

"""Figures over all of a neuron's tokens, put together from those of its four cases."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pandas as pd

from gluscope_core.vocabulary import CASES, Case, Quantity, Stat, freq_column, stat_column

Arrays = dict[Stat, np.ndarray]


@dataclass(frozen=True)
class Figure:
    """A figure of one quantity. A token with a gate or in of exactly 0 is in no case and adds 0 to means."""

    key: str
    name: str
    meaning: str
    quantity: Quantity
    stats: tuple[Stat, ...]
    of_case: Callable[[Arrays], np.ndarray]
    """Its part within one case."""
    is_mean: bool = True
    """Parts are weighted by frequency and added; else the largest is taken."""
    finish: Callable[[np.ndarray], np.ndarray] = lambda total: total
    turns: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        stats = (stat_column(case, self.quantity, stat) for case in CASES for stat in self.stats)
        return (*(freq_column(case) for case in CASES), *stats)


def compute(figure: Figure, frame: pd.DataFrame) -> np.ndarray:
    """NaN where no token is counted."""
    parts = [_part(figure, frame, case) for case in CASES]
    if not figure.is_mean:
        return figure.finish(reduce(np.fmax, parts))
    counted = ~np.isnan([_floats(frame, freq_column(case)) for case in CASES]).all(axis=0)
    return np.where(counted, figure.finish(np.nansum(parts, axis=0)), np.nan)


def _part(figure: Figure, frame: pd.DataFrame, case: Case) -> np.ndarray:
    stats = {stat: _floats(frame, stat_column(case, figure.quantity, stat)) for stat in figure.stats}
    value = figure.of_case(stats)
    return value * _floats(frame, freq_column(case)) if figure.is_mean else value


def _floats(frame: pd.DataFrame, name: str) -> np.ndarray:
    return frame[name].to_numpy(dtype=np.float64, na_value=np.nan)


def _mean(stats: Arrays) -> np.ndarray:
    return stats[Stat.MEAN]


def _magnitude(stats: Arrays) -> np.ndarray:
    """Within a case no quantity changes sign."""
    return np.abs(stats[Stat.MEAN])


def _square(stats: Arrays) -> np.ndarray:
    return stats[Stat.MEAN] ** 2 + stats[Stat.STD] ** 2


def _largest(stats: Arrays) -> np.ndarray:
    return np.fmax(np.abs(stats[Stat.MIN]), np.abs(stats[Stat.MAX]))


def _figures(quantity: Quantity) -> tuple[Figure, ...]:
    name = quantity.label
    signed = quantity in (Quantity.POST, Quantity.IN)
    return (
        Figure(f"abs_{name}", f"mean |{name}|", f"mean |{name}|", quantity, (Stat.MEAN,), _magnitude),
        Figure(
            f"rms_{name}",
            f"rms {name}",
            f"root mean square of {name}",
            quantity,
            (Stat.MEAN, Stat.STD),
            _square,
            finish=np.sqrt,
        ),
        Figure(
            f"largest_{name}",
            f"max |{name}|",
            f"largest |{name}|",
            quantity,
            (Stat.MIN, Stat.MAX),
            _largest,
            is_mean=False,
        ),
        Figure(f"mean_{name}", f"mean {name}", f"mean {name}", quantity, (Stat.MEAN,), _mean, turns=signed),
    )


FIGURES = tuple(figure for quantity in Quantity for figure in _figures(quantity))

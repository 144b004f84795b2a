"""Neurons worth a look: a case that is rare, and yet strong. Found in one half of the texts and
measured in the other, since whatever is chosen for being large will be smaller when seen again."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa

from gluscope_core.columns import StrikingColumn
from gluscope_core.schema import LAYER, NEURON, STRIKING
from gluscope_core.vocabulary import CASES, Case, ExampleList, Field, Quantity, freq_column

RARE = 0.01
"""Of the counted tokens."""
STRONG = 0.1
"""Of the neuron's strongest |post| in any case."""
_LISTED = 30
"""Per case."""


def striking_rows(candidates: Iterable[pd.DataFrame]) -> pa.Table:
    """The strongest of each case, by the half in which they were found; the rarer first where all are as strong."""
    every = pd.concat(list(candidates), ignore_index=True)
    order = [StrikingColumn.FOUND, StrikingColumn.FREQ, LAYER, NEURON]
    every = every.sort_values(order, ascending=[False, True, True, True])
    parts = [every[every[StrikingColumn.CASE] == case.column].head(_LISTED) for case in CASES]
    chosen = pd.concat([part.assign(**{StrikingColumn.RANK: range(len(part))}) for part in parts], ignore_index=True)
    return pa.Table.from_pandas(chosen[STRIKING.names], schema=STRIKING, preserve_index=False)


def striking_in_layer(examples: pa.Table, neurons: pa.Table) -> pd.DataFrame:
    """A layer's neurons and cases that fit the rule: in texts of even number, with what those of odd number show."""
    halves = {case: [_strongest(examples, case, half) for half in (0, 1)] for case in CASES}
    found, again = (np.fmax.reduce([halves[case][half] for case in CASES]) for half in (0, 1))
    parts = []
    for case in CASES:
        freq = neurons.column(freq_column(case)).to_numpy()
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = [halves[case][half] / whole for half, whole in enumerate((found, again))]
        fits = (freq <= RARE) & (shares[0] >= STRONG)
        columns = {
            StrikingColumn.CASE: case.column,
            LAYER: np.asarray(examples.column(LAYER))[fits],
            NEURON: np.asarray(examples.column(NEURON))[fits],
            StrikingColumn.FREQ: freq[fits],
            StrikingColumn.FOUND: shares[0][fits],
            StrikingColumn.AGAIN: shares[1][fits],
        }
        parts.append(pd.DataFrame({str(name): values for name, values in columns.items()}))
    return pd.concat(parts, ignore_index=True)


def _strongest(examples: pa.Table, case: Case, half: int) -> np.ndarray:
    """Largest |post| of each neuron in the texts of even (0) or odd (1) number; NaN where the list has none."""
    top = ExampleList(case, Quantity.POST)
    values, texts = (examples.column(top.column(field)).combine_chunks() for field in (Field.VALUES, Field.INDICES))
    sizes = values.value_lengths().fill_null(0).to_numpy()
    row = np.repeat(np.arange(len(sizes)), sizes)
    mine = np.asarray(texts.flatten()) % 2 == half
    found = np.full(len(sizes), np.nan)
    np.fmax.at(found, row[mine], np.abs(np.asarray(values.flatten()))[mine])
    return found

"""Checks of the windows against lists and texts."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from compute.verify.facts import Check, Lists, Places, Violation, keys
from compute.windows import FLOAT16_MAX, tokens_before, window_bounds
from gluscope_core.activations import Activation, activation
from gluscope_core.columns import WindowColumn
from gluscope_core.vocabulary import LISTS, Field, Quantity

_HALF_STEP = 2.0**-11  # largest relative error of float16
_HALF_TINY = 2.0**-24  # its smallest step near 0


def check_windows(places: Places, file: str, table: pa.Table, examples: pa.Table) -> Iterator[Violation]:
    """Windows may be there for some neurons only."""
    row_of = {key: row for row, key in enumerate(keys(examples))}
    mine = [row_of.get(key, -1) for key in keys(table)]
    if -1 in mine or mine != sorted(set(mine)):
        yield Violation(file, "", "", "rows are not neurons of the examples table, in order")
        return
    examples = examples.take(mine)
    check = Check(file, table)
    sizes = Lists.of(table, WindowColumn.LIST_SIZES)
    wanted = np.stack([Lists.of(examples, each.column(Field.VALUES)).sizes for each in LISTS], axis=1)
    if not (sizes.sizes == len(LISTS)).all():
        yield from check(sizes.sizes == len(LISTS), WindowColumn.LIST_SIZES, f"are not {len(LISTS)} numbers")
        return
    fit = (sizes.values.reshape(wanted.shape) == wanted).all(axis=1)
    yield from check(fit, WindowColumn.LIST_SIZES, "are not the lengths of the lists in the examples table")
    if not fit.all():
        return
    for column, field in (
        (WindowColumn.VALUES, Field.VALUES),
        (WindowColumn.INDICES, Field.INDICES),
        (WindowColumn.POSITIONS, Field.POSITIONS),
    ):
        packed = Lists.of(table, column)
        if not np.array_equal(packed.sizes, wanted.sum(axis=1)):
            yield Violation(file, "", column, "does not have one entry per example")
            return
        same = packed.values == _packed(examples, field, wanted)
        yield from check(same, column, "differs from the examples table", packed.rows)
        if not same.all():
            return
    wrong = list(_check_window_places(places, check, table))
    yield from wrong
    if not wrong:
        yield from _check_window_values(places, check, table, wanted)


def _packed(examples: pa.Table, field: Field, sizes: np.ndarray) -> np.ndarray:
    """The lists of each row, one after the other."""
    columns = [Lists.of(examples, each.column(field)) for each in LISTS]
    values = np.concatenate([lists.values for lists in columns])
    rows = np.concatenate([lists.rows for lists in columns])
    which = np.repeat(np.arange(len(LISTS)), sizes.sum(axis=0))
    return values[np.lexsort((which, rows))]


def _check_window_places(places: Places, check: Check, table: pa.Table) -> Iterator[Violation]:
    indices, positions = Lists.of(table, WindowColumn.INDICES), Lists.of(table, WindowColumn.POSITIONS)
    starts, lengths = Lists.of(table, WindowColumn.STARTS), Lists.of(table, WindowColumn.LENGTHS)
    for name, lists in ((WindowColumn.STARTS, starts), (WindowColumn.LENGTHS, lengths)):
        yield from check(lists.sizes == indices.sizes, name, "does not have one entry per example")
    if not np.array_equal(starts.sizes, indices.sizes) or not np.array_equal(lengths.sizes, indices.sizes):
        return
    index, rows = indices.values, indices.rows
    start, length = window_bounds(positions.values, places.lengths[index], places.window)
    yield from check(starts.values == start, WindowColumn.STARTS, "is not where the window begins", rows)
    yield from check(lengths.values == length, WindowColumn.LENGTHS, "is not the window clipped to its text", rows)
    wanted = np.bincount(rows, weights=length, minlength=table.num_rows)
    for name in (WindowColumn.TOKENS, WindowColumn.GATE, WindowColumn.IN):
        yield from check(
            Lists.of(table, name).sizes == wanted, name, "does not have one entry per token of the windows"
        )
    tokens = Lists.of(table, WindowColumn.TOKENS)
    if np.array_equal(tokens.sizes, wanted):
        offset = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
        text_ids = places.ids[np.repeat(places.bounds[index] + start, length) + offset]
        yield from check(tokens.values == text_ids, WindowColumn.TOKENS, "are not those of the text", tokens.rows)


def _check_window_values(places: Places, check: Check, table: pa.Table, sizes: np.ndarray) -> Iterator[Violation]:
    """Listed values follow from gate and in at their positions, within what float16 can say."""
    lengths, rows = Lists.of(table, WindowColumn.LENGTHS).values, Lists.of(table, WindowColumn.LENGTHS).rows
    place = (
        np.cumsum(lengths)
        - lengths
        + np.minimum(Lists.of(table, WindowColumn.POSITIONS).values, tokens_before(places.window))
    )
    gate, linear = (Lists.of(table, name).values[place].astype(float) for name in (WindowColumn.GATE, WindowColumn.IN))
    values = Lists.of(table, WindowColumn.VALUES).values.astype(float)
    which = np.repeat(np.tile(np.arange(len(LISTS)), len(sizes)), sizes.ravel())
    saturated = (np.abs(gate) >= FLOAT16_MAX) | (np.abs(linear) >= FLOAT16_MAX)
    act = activation(places.manifest.model.activation)
    for number, each in enumerate(LISTS):
        here = (which == number) & ~saturated
        low, high = _possible(each.valued, gate[here], linear[here], act)
        name = f"values ({each.column(Field.VALUES)})"
        fits = (low <= values[here]) & (values[here] <= high)
        yield from check(fits, name, "does not follow from gate and in at its position", rows[here])
        for half, sign in ((gate[here], each.case.gate_sign), (linear[here], each.case.in_sign)):
            yield from check((np.sign(half) == sign) | (half == 0), name, "gate or in is not of the case", rows[here])


def _possible(
    quantity: Quantity, gate: np.ndarray, linear: np.ndarray, act: Activation
) -> tuple[np.ndarray, np.ndarray]:
    """Range of a quantity over all gate and in that float16 rounds to these."""
    gates, linears = (
        np.stack([x - _HALF_STEP * np.abs(x) - _HALF_TINY, x, x + _HALF_STEP * np.abs(x) + _HALF_TINY])
        for x in (gate, linear)
    )
    acts = act(gates)
    corners = {
        Quantity.GATE: gates,
        Quantity.IN: linears,
        Quantity.ACT: acts,
        Quantity.POST: (acts[:, None] * linears[None, :]).reshape(9, len(gate)),
    }[quantity]
    # float32 computes act with an absolute error in the order of its last bit at x, not at act(x).
    slack = 1e-6 * np.maximum(1, np.abs(gate)) * (np.maximum(1, np.abs(linear)) if quantity is Quantity.POST else 1)
    slack = slack + 1e-5 * np.abs(corners).max(axis=0, initial=0)
    return corners.min(axis=0, initial=np.inf) - slack, corners.max(axis=0, initial=-np.inf) + slack

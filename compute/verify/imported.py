"""Checks of what the original program computed: rounded where its pages are, and with fewer figures than ours."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from compute.verify.facts import Check, Lists, Places, Violation, same_neurons, sign_in
from compute.verify.lists import check_once, check_places, check_values
from gluscope_core.manifest import Manifest
from gluscope_core.original.columns import RECORDED, extreme_stat
from gluscope_core.schema import NEURONS, WEIGHT_FIELDS
from gluscope_core.vocabulary import (
    CASES,
    LISTS,
    Case,
    ExampleList,
    Field,
    Quantity,
    Stat,
    case_quantities,
    freq_column,
    stat_column,
)

TOLERANCE = 0.01
"""Pages round to two decimals."""


def check_imported_neurons(manifest: Manifest, file: str, table: pa.Table) -> Iterator[Violation]:
    check = Check(file, table)
    freq = {case: _floats(table, freq_column(case)) for case in CASES}
    for case, share in freq.items():
        yield from check(~((share < 0) | (share > 1)), freq_column(case), "is no share")
    total = np.nansum(list(freq.values()), axis=0)
    yield from check(total <= 1 + TOLERANCE, "*_freq", "add up to more than 1")
    for case, quantity in case_quantities():
        yield from _check_figures(manifest, check, table, case, quantity)
    empty = set(NEURONS.names) - RECORDED - {field.name for field in WEIGHT_FIELDS}
    for name in sorted(empty):
        nothing = np.full(table.num_rows, table.column(name).null_count == table.num_rows)
        yield from check(nothing, name, "has figures, which the original does not record")


def _check_figures(
    manifest: Manifest, check: Check, table: pa.Table, case: Case, quantity: Quantity
) -> Iterator[Violation]:
    mean_name = stat_column(case, quantity, Stat.MEAN)
    extreme_name = stat_column(case, quantity, extreme_stat(case, quantity))
    mean, extreme = _floats(table, mean_name), _floats(table, extreme_name)
    sign = case.sign_of(quantity) if manifest.model.activation is None else sign_in(manifest, case, quantity)
    yield from check(~(sign * mean < -TOLERANCE), mean_name, "has a sign that its case does not")
    yield from check(~(sign * extreme < 0), extreme_name, "has a sign that its case does not")
    beyond = np.abs(mean) > np.abs(extreme) + TOLERANCE
    yield from check(~beyond, mean_name, "is beyond the extreme")
    never = _floats(table, freq_column(case)) == 0
    yield from check(~never | np.isnan(extreme), extreme_name, "is there though the case never occurs")


def check_imported_examples(
    manifest: Manifest, places: Places | None, file: str, table: pa.Table, statistics: pa.Table
) -> Iterator[Violation]:
    if not same_neurons(table, statistics):
        yield Violation(file, "", "", "rows are not those of the neurons table")
        return
    check = Check(file, table)
    for each in LISTS:
        content = {field: Lists.of(table, each.column(field)) for field in Field}
        sizes = content[Field.VALUES].sizes
        if any(not np.array_equal(lists.sizes, sizes) for lists in content.values()):
            problem = "lists of values, indices and positions differ in length"
            yield Violation(file, "", each.column(Field.INDICES), problem)
            continue
        most = 0 if each.is_random or manifest.imported is None else manifest.imported.top_k
        yield from check(sizes <= most, each.column(Field.VALUES), f"has more than {most} entries")
        yield from check_values(manifest, check, each, content, statistics)
        yield from _check_places(places, check, each, content)


def _check_places(
    places: Places | None, check: Check, each: ExampleList, content: dict[Field, Lists]
) -> Iterator[Violation]:
    """Where texts and positions are known, they exist."""
    if places is not None:
        yield from check_places(places, check, each, content)
        return
    indices, positions = content[Field.INDICES], content[Field.POSITIONS]
    yield from check_once(check, each, indices)
    yield from check(indices.values >= 0, each.column(Field.INDICES), "is negative", indices.rows)
    unknown = np.isnan(positions.values.astype(float))
    yield from check(unknown, each.column(Field.POSITIONS), "is there though texts are not", positions.rows)


def _floats(table: pa.Table, name: str) -> np.ndarray:
    """Null is NaN, which no comparison holds for."""
    return table.column(name).to_numpy().astype(float)

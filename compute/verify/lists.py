"""Checks of the lists, and of the samples."""

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from compute.chance import priorities
from compute.verify.facts import Check, Facts, Lists, Places, Violation, same_neurons, sign_in
from gluscope_core.activations import activation
from gluscope_core.columns import SampleColumn
from gluscope_core.manifest import Manifest
from gluscope_core.vocabulary import (
    LISTS,
    ExampleList,
    Field,
    Quantity,
    Stat,
    case_quantities,
    count_column,
    stat_column,
)


def check_examples(facts: Facts, file: str, table: pa.Table, statistics: pa.Table) -> Iterator[Violation]:
    if not same_neurons(table, statistics):
        yield Violation(file, "", "", "rows are not those of the neurons table")
        return
    check = Check(file, table)
    for each in LISTS:
        content = {field: Lists.of(table, each.column(field)) for field in Field}
        sizes = content[Field.VALUES].sizes
        if any(not np.array_equal(lists.sizes, sizes) for lists in content.values()):
            yield Violation(
                file, "", each.column(Field.INDICES), "lists of values, indices and positions differ in length"
            )
            continue
        yield from _check_sizes(facts, check, each, table, statistics)
        yield from check_places(facts, check, each, content)
        yield from check_values(facts.manifest, check, each, content, statistics)
        if each.is_random:
            yield from _check_chance(facts, check, each, content)


def _check_sizes(
    facts: Facts, check: Check, each: ExampleList, table: pa.Table, statistics: pa.Table
) -> Iterator[Violation]:
    """A list holds as many texts as it can. How many texts have a case is not recorded, but lists of one case that
    leave out nothing are equally long, and a case of many tokens is in as many texts as these take."""
    run, name = facts.run, each.column(Field.VALUES)
    k, count = run.random_k if each.is_random else run.top_k, np.asarray(statistics.column(count_column(each.case)))
    sizes = Lists.of(table, name).sizes
    yield from check(sizes <= np.minimum(k, count), name, "has more entries than tokens, or than k")
    if each.quantity in (Quantity.GATE, Quantity.IN):  # never 0 within a case
        at_least = np.minimum(k, -(-count // max(1, facts.lengths.max(initial=0))))
        yield from check(sizes >= at_least, name, "has fewer entries than there must be texts")
        twin = ExampleList(each.case, Quantity.GATE).column(Field.VALUES)
        yield from check(sizes == Lists.of(table, twin).sizes, name, f"is not as long as {twin}")
    else:  # both leave out tokens at which post is 0
        twin = ExampleList(each.case, None if each.quantity is Quantity.POST else Quantity.POST).column(Field.VALUES)
        shortest = min(run.top_k, run.random_k)
        others = np.minimum(Lists.of(table, twin).sizes, shortest)
        comparable = each.quantity is not Quantity.ACT
        yield from check((np.minimum(sizes, shortest) == others) | (not comparable), name, f"is not as long as {twin}")


def check_places(
    places: Places, check: Check, each: ExampleList, content: Mapping[Field, Lists]
) -> Iterator[Violation]:
    indices, positions = content[Field.INDICES], content[Field.POSITIONS].values
    rows = indices.rows
    exists = (indices.values >= 0) & (indices.values < len(places.lengths))
    yield from check(exists, each.column(Field.INDICES), "names a text that does not exist", rows)
    length = np.where(exists, places.lengths[np.where(exists, indices.values, 0)], 0)
    counted = (positions >= places.skip_first) & (positions < length)
    yield from check(~exists | counted, each.column(Field.POSITIONS), "names a token that is not counted", rows)
    yield from check_once(check, each, indices)


def check_once(check: Check, each: ExampleList, indices: Lists) -> Iterator[Violation]:
    rows = indices.rows
    pairs = np.stack([rows, indices.values])
    order = np.lexsort(pairs[::-1])
    again = np.zeros(len(rows), bool)
    again[order[1:]] = (pairs[:, order[1:]] == pairs[:, order[:-1]]).all(axis=0)
    yield from check(~again, each.column(Field.INDICES), "names a text twice", rows)


def _check_chance(facts: Facts, check: Check, each: ExampleList, content: Mapping[Field, Lists]) -> Iterator[Violation]:
    indices, positions = content[Field.INDICES], content[Field.POSITIONS].values
    chance = np.asarray(priorities(indices.values, positions, facts.run.seed))
    falls = np.concatenate([np.ones(min(1, len(chance)), bool), chance[1:] <= chance[:-1]]) | (indices.ranks == 0)
    yield from check(falls, each.column(Field.VALUES), "is not in the order of chance", indices.rows)


def check_values(
    manifest: Manifest, check: Check, each: ExampleList, content: Mapping[Field, Lists], statistics: pa.Table
) -> Iterator[Violation]:
    """Against the extremes of the case, of which one may be null where others computed them."""
    values, rows, ranks = content[Field.VALUES].values, content[Field.VALUES].rows, content[Field.VALUES].ranks
    name = each.column(Field.VALUES)
    sign = sign_in(manifest, each.case, each.valued)
    yield from check(np.sign(values) == sign, name, "has a sign that its case does not", rows)
    bounds = [
        statistics.column(stat_column(each.case, each.valued, stat)).to_numpy().astype(float)
        for stat in (Stat.MIN, Stat.MAX)
    ]
    low, high = (bound[rows] for bound in bounds)
    yield from check(~(values < low) & ~(values > high), name, "is beyond the case's min or max", rows)
    if each.is_random:
        return
    size, index = np.abs(values), content[Field.INDICES].values
    follows = (size[1:] < size[:-1]) | ((size[1:] == size[:-1]) & (index[1:] > index[:-1]))
    ordered = np.concatenate([np.ones(min(1, len(ranks)), bool), follows]) | (ranks == 0)
    yield from check(ordered, name, "is not in order of magnitude and text", rows)
    largest = np.fmax(np.abs(low), np.abs(high))
    yield from check((ranks > 0) | (size == largest), name, "does not begin with the case's extreme", rows)
    nothing = np.asarray(np.nan_to_num(np.fmax(*map(np.abs, bounds))) == 0)
    yield from check(
        (content[Field.VALUES].sizes == 0) == nothing, name, "is empty although the case has values, or not"
    )


def check_samples(facts: Facts, file: str, table: pa.Table, statistics: pa.Table) -> Iterator[Violation]:
    if not same_neurons(table, statistics):
        yield Violation(file, "", "", "rows are not those of the neurons table")
        return
    check = Check(file, table)
    lists = {
        name: Lists.of(table, name)
        for name in (SampleColumn.GATE, SampleColumn.IN, SampleColumn.INDICES, SampleColumn.POSITIONS)
    }
    size = min(facts.run.samples, facts.run.counted_tokens)
    for name, column in lists.items():
        if (column.sizes != size).any():
            yield from check(column.sizes == size, name, f"does not have {size} samples")
            return
    index, position = (
        lists[name].values.reshape(table.num_rows, size) for name in (SampleColumn.INDICES, SampleColumn.POSITIONS)
    )
    for name, places in ((SampleColumn.INDICES, index), (SampleColumn.POSITIONS, position)):
        yield from check(np.all(places == places[:1], axis=1), name, "is not the same for all neurons")
    if table.num_rows:
        chosen = np.array_equal([index[0], position[0]], facts.sampled)
        yield from check(np.array([chosen]), SampleColumn.POSITIONS, "is not the choice that seed and texts give")
    yield from _check_sample_values(facts, check, lists, statistics)


def _check_sample_values(
    facts: Facts, check: Check, lists: Mapping[SampleColumn, Lists], statistics: pa.Table
) -> Iterator[Violation]:
    gate, linear = (
        lists[name].values.reshape(statistics.num_rows, len(facts.sampled[0]))
        for name in (SampleColumn.GATE, SampleColumn.IN)
    )
    act = activation(facts.manifest.model.activation)
    with np.errstate(all="ignore"):
        usable = np.isfinite(gate) & np.isfinite(act(gate).astype(np.float32) * linear)
    for case, quantity in case_quantities():
        if quantity in (Quantity.ACT, Quantity.POST):
            continue
        inside = (np.sign(gate) == case.gate_sign) & (np.sign(linear) == case.in_sign)
        inside &= usable
        values = gate if quantity is Quantity.GATE else linear
        low, high = (
            np.asarray(statistics.column(stat_column(case, quantity, stat)))[:, None] for stat in (Stat.MIN, Stat.MAX)
        )
        name = SampleColumn.GATE if quantity is Quantity.GATE else SampleColumn.IN
        bounded = (low <= values) & (values <= high)
        yield from check(np.all(~inside | bounded, axis=1), name, f"is beyond min or max of {case.column}")

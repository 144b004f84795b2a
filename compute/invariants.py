"""What must hold between the figures of a dataset. Each check yields a violation per neuron and column, a few each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from compute.windows import FLOAT16_MAX, tokens_before, window_bounds
from gluscope_core.activations import activation
from gluscope_core.manifest import Manifest
from gluscope_core.schema import LAYER, NEURON
from gluscope_core.vocabulary import (
    CASES,
    LISTS,
    QUANTITIES,
    Case,
    ExampleList,
    Field,
    Quantity,
    Stat,
    case_quantities,
    count_column,
    freq_column,
    freq_se_column,
    post_in_column,
    stat_column,
)

_NAMED_PER_COLUMN = 3
_HALF_STEP = 2.0**-11  # largest relative error of float16
_HALF_TINY = 2.0**-24  # its smallest step near 0


@dataclass(frozen=True)
class Violation:
    file: str
    neuron: str
    column: str
    problem: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.neuron, self.column, self.problem) if part)


@dataclass(frozen=True)
class Facts:
    """What the figures are held against."""

    manifest: Manifest
    ids: np.ndarray
    bounds: np.ndarray

    @classmethod
    def of(cls, manifest: Manifest, texts: pa.Table) -> "Facts":
        lists = _Lists.of(texts, "input_ids")
        return cls(manifest, lists.values, np.concatenate([[0], np.cumsum(lists.sizes)]))

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.bounds)

    def negative_act_sign(self) -> int:
        """Sign of act(x) for x < 0; 0 where such an x gives 0, as with ReLU."""
        return int(np.sign(activation(self.manifest.model.activation)(np.array(-1.0))))

    def sign(self, case: Case, quantity: Quantity) -> int:
        """The sign that a quantity has within a case."""
        act = 1 if case.gate_sign > 0 else self.negative_act_sign()
        return {
            Quantity.GATE: case.gate_sign,
            Quantity.IN: case.in_sign,
            Quantity.ACT: act,
            Quantity.POST: act * case.in_sign,
        }[quantity]


class _Check:
    """Yields violations for the rows of one file where a condition fails."""

    def __init__(self, file: str, table: pa.Table):
        self._file = file
        self._ids = [np.asarray(table.column(name)) for name in (LAYER, NEURON)]

    def __call__(self, holds: np.ndarray, column: str, problem: str, rows: np.ndarray | None = None) -> Iterator[Violation]:
        failing = np.flatnonzero(~holds)
        where = np.unique(failing if rows is None else rows[failing])
        for row in where[:_NAMED_PER_COLUMN]:
            yield Violation(self._file, f"{self._ids[0][row]}.{self._ids[1][row]}", column, problem)
        if len(where) > _NAMED_PER_COLUMN:
            yield Violation(self._file, f"and {len(where) - _NAMED_PER_COLUMN} more neurons", column, problem)


@dataclass(frozen=True)
class _Lists:
    """A list column flattened: values, and how many each row has."""

    values: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, table: pa.Table, column: str) -> "_Lists":
        combined = table.column(column).combine_chunks()
        values = combined.flatten().to_numpy(zero_copy_only=False)
        return cls(values, combined.value_lengths().fill_null(0).to_numpy().astype(np.int64))

    @property
    def rows(self) -> np.ndarray:
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @property
    def ranks(self) -> np.ndarray:
        starts = np.cumsum(self.sizes) - self.sizes
        return np.arange(len(self.values)) - np.repeat(starts, self.sizes)


def check_texts(facts: Facts, file: str, table: pa.Table) -> Iterator[Violation]:
    texts, model = facts.manifest.texts, facts.manifest.model
    index = np.asarray(table.column("index"))
    if not np.array_equal(index, np.arange(len(index))):
        yield Violation(file, "", "index", "does not count the texts from 0")
    if len(index) != texts.texts or len(facts.ids) != texts.tokens:
        found = f"{len(index)} texts of {len(facts.ids)} tokens"
        yield Violation(file, "", "input_ids", f"{found}, the manifest says {texts.texts} of {texts.tokens}")
    if len(facts.ids) and not 0 <= facts.ids.min() <= facts.ids.max() < model.vocab_size:
        yield Violation(file, "", "input_ids", f"a token id is outside the vocabulary of {model.vocab_size}")
    if (facts.lengths > model.context).any():
        yield Violation(file, "", "input_ids", f"a text is longer than the context of {model.context}")
    counted = int(np.maximum(facts.lengths - facts.manifest.run.skip_first, 0).sum())
    if counted != facts.manifest.run.counted_tokens:
        said = facts.manifest.run.counted_tokens
        yield Violation(file, "", "input_ids", f"{counted} tokens are counted, the manifest says {said}")


def check_vocab(facts: Facts, file: str, table: pa.Table) -> Iterator[Violation]:
    if not np.array_equal(np.asarray(table.column("id")), np.arange(facts.manifest.model.vocab_size)):
        yield Violation(file, "", "id", f"does not count the {facts.manifest.model.vocab_size} tokens from 0")


def check_neurons(facts: Facts, file: str, table: pa.Table) -> Iterator[Violation]:
    run, model = facts.manifest.run, facts.manifest.model
    wanted = np.stack([np.repeat(run.layers, model.d_mlp), np.tile(np.arange(model.d_mlp), len(run.layers))])
    if not np.array_equal(np.stack([table.column(LAYER), table.column(NEURON)]), wanted):
        yield Violation(file, "", "", f"rows are not layers {run.layers} of {model.d_mlp} neurons each, in order")
        return
    check = _Check(file, table)
    column = {name: table.column(name).to_numpy() for name in table.column_names if name not in ("io_class", "role")}
    counts = {case: column[count_column(case)] for case in CASES}
    total = sum(counts.values()) + column["zero_count"] + column["nonfinite_count"]
    yield from check(total == run.counted_tokens, "*_count", f"cases, zeros and non-finite are not {run.counted_tokens}")
    yield from check(np.array([each is not None for each in column["flipped"]]), "flipped", "is null")
    for case in CASES:
        yield from _check_case(facts, check, column, case)
    yield from check(_gain_follows(column), "mean_gain", "does not follow from post_in and in")
    if column["nonfinite_count"].sum() != facts.manifest.nonfinite_values:
        yield Violation(file, "", "nonfinite_count", "does not add up to the manifest's nonfinite_values")


def _check_case(
    facts: Facts, check: _Check, column: Mapping[str, np.ndarray], case: Case
) -> Iterator[Violation]:
    total = facts.manifest.run.counted_tokens
    count, freq, error = (column[name(case)] for name in (count_column, freq_column, freq_se_column))
    occurs = count > 0
    share = count / total if total else np.full(len(count), np.nan)
    yield from check(_same(freq, share, 1e-12), freq_column(case), "is not count / counted tokens")
    yield from check(np.isnan(error) | ((error >= 0) & (error <= 1)), freq_se_column(case), "is not a standard error")
    yield from check(np.isfinite(column[post_in_column(case)]) == occurs, post_in_column(case), "is not null at count 0")
    for quantity in QUANTITIES:
        names = {stat: stat_column(case, quantity, stat) for stat in Stat}
        mean, std, low, high = (column[names[stat]].astype(float) for stat in Stat)
        for stat, values in zip(Stat, (mean, std, low, high), strict=True):
            yield from check(np.isfinite(values) == occurs, names[stat], "is null where the case occurs, or not where not")
        slack = 1e-6 * np.maximum(np.abs(low), np.abs(high))
        bounded = (low - slack <= mean) & (mean <= high + slack)
        yield from check(~occurs | bounded, names[Stat.MEAN], "is not between min and max")
        yield from check(~occurs | (std <= (high - low) / 2 + slack), names[Stat.STD], "is more than min and max allow")
        sign = facts.sign(case, quantity)
        # act and post may underflow to 0, gate and in may not: an exact 0 belongs to no case.
        zero_allowed = quantity in (Quantity.ACT, Quantity.POST)
        for stat, values in ((Stat.MIN, low), (Stat.MAX, high)):
            fits = (np.sign(values) == sign) | (zero_allowed & (values == 0))
            yield from check(~occurs | fits, names[stat], "has a sign that its case does not")


def _gain_follows(column: Mapping[str, np.ndarray]) -> np.ndarray:
    """For neurons without zeros, whose tokens are all in some case."""

    def total(name: str, case: Case) -> np.ndarray:
        return np.nan_to_num(column[name].astype(float)) * column[count_column(case)]

    gained = sum(total(post_in_column(case), case) for case in CASES)
    read = np.zeros(len(column["mean_gain"]))
    for case in CASES:
        mean, std = (np.nan_to_num(column[stat_column(case, Quantity.IN, stat)]) for stat in (Stat.MEAN, Stat.STD))
        read += (mean**2 + std**2) * column[count_column(case)]
    follows = np.abs(column["mean_gain"] * read - gained) <= 1e-6 * np.maximum(read, np.abs(gained))
    return (column["zero_count"] > 0) | (read == 0) | follows


def check_examples(facts: Facts, file: str, table: pa.Table, statistics: pa.Table) -> Iterator[Violation]:
    if not _same_neurons(table, statistics):
        yield Violation(file, "", "", "rows are not those of the neurons table")
        return
    check = _Check(file, table)
    for each in LISTS:
        content = {field: _Lists.of(table, each.column(field)) for field in Field}
        sizes = content[Field.VALUES].sizes
        if any(not np.array_equal(lists.sizes, sizes) for lists in content.values()):
            yield Violation(file, "", each.column(Field.INDICES), "lists of values, indices and positions differ in length")
            continue
        yield from _check_sizes(facts, check, each, sizes, statistics)
        yield from _check_places(facts, check, each, content)
        yield from _check_values(facts, check, each, content, statistics)


def _check_sizes(
    facts: Facts, check: _Check, each: ExampleList, sizes: np.ndarray, statistics: pa.Table
) -> Iterator[Violation]:
    run = facts.manifest.run
    limit = np.minimum(run.random_k if each.is_random else run.top_k, np.asarray(statistics.column(count_column(each.case))))
    yield from check(sizes <= limit, each.column(Field.VALUES), "has more entries than tokens, or than k")


def _check_places(
    facts: Facts, check: _Check, each: ExampleList, content: Mapping[Field, _Lists]
) -> Iterator[Violation]:
    indices, positions = content[Field.INDICES], content[Field.POSITIONS].values
    rows = indices.rows
    exists = (indices.values >= 0) & (indices.values < len(facts.lengths))
    yield from check(exists, each.column(Field.INDICES), "names a text that does not exist", rows)
    length = np.where(exists, facts.lengths[np.where(exists, indices.values, 0)], 0)
    counted = (positions >= facts.manifest.run.skip_first) & (positions < length)
    yield from check(~exists | counted, each.column(Field.POSITIONS), "names a token that is not counted", rows)
    pairs = np.stack([rows, indices.values])
    order = np.lexsort(pairs[::-1])
    again = np.zeros(len(rows), bool)
    again[order[1:]] = (pairs[:, order[1:]] == pairs[:, order[:-1]]).all(axis=0)
    yield from check(~again, each.column(Field.INDICES), "names a text twice", rows)


def _check_values(
    facts: Facts, check: _Check, each: ExampleList, content: Mapping[Field, _Lists], statistics: pa.Table
) -> Iterator[Violation]:
    values, rows, ranks = content[Field.VALUES].values, content[Field.VALUES].rows, content[Field.VALUES].ranks
    name = each.column(Field.VALUES)
    yield from check(np.sign(values) == facts.sign(each.case, each.valued), name, "has a sign that its case does not", rows)
    low, high = (
        np.asarray(statistics.column(stat_column(each.case, each.valued, stat)))[rows] for stat in (Stat.MIN, Stat.MAX)
    )
    yield from check((low <= values) & (values <= high), name, "is beyond the case's min or max", rows)
    if each.is_random:
        return
    size, index = np.abs(values), content[Field.INDICES].values
    follows = (size[1:] < size[:-1]) | ((size[1:] == size[:-1]) & (index[1:] > index[:-1]))
    ordered = np.concatenate([[True] * min(1, len(ranks)), follows]) | (ranks == 0)
    yield from check(ordered, name, "is not in order of magnitude and text", rows)
    largest = np.maximum(np.abs(low), np.abs(high))
    yield from check((ranks > 0) | (size == largest), name, "does not begin with the case's extreme", rows)
    bounds = [np.asarray(statistics.column(stat_column(each.case, each.valued, s))) for s in (Stat.MIN, Stat.MAX)]
    nothing = np.nan_to_num(np.maximum(*map(np.abs, bounds))) == 0
    yield from check((content[Field.VALUES].sizes == 0) == nothing, name, "is empty although the case has values, or not")


def check_windows(facts: Facts, file: str, table: pa.Table, examples: pa.Table) -> Iterator[Violation]:
    """Windows may be there for some neurons only."""
    row_of = {key: row for row, key in enumerate(_keys(examples))}
    mine = [row_of.get(key, -1) for key in _keys(table)]
    if -1 in mine or mine != sorted(set(mine)):
        yield Violation(file, "", "", "rows are not neurons of the examples table, in order")
        return
    examples = examples.take(mine)
    check = _Check(file, table)
    sizes = _Lists.of(table, "list_sizes")
    wanted = np.stack([_Lists.of(examples, each.column(Field.VALUES)).sizes for each in LISTS], axis=1)
    if not np.array_equal(sizes.values, wanted.ravel()):
        yield Violation(file, "", "list_sizes", "are not the lengths of the lists in the examples table")
        return
    for column, field in (("values", Field.VALUES), ("indices", Field.INDICES), ("positions", Field.POSITIONS)):
        packed = _Lists.of(table, column)
        same = _packed(examples, field, wanted)
        if not np.array_equal(packed.sizes, wanted.sum(axis=1)):
            yield Violation(file, "", column, "does not have one entry per example")
            return
        yield from check(packed.values == same, column, "differs from the examples table", packed.rows)
    yield from _check_window_places(facts, check, table)
    if _Lists.of(table, "gate").sizes.sum() == _Lists.of(table, "lengths").values.sum():
        yield from _check_window_values(facts, check, table, wanted)


def _packed(examples: pa.Table, field: Field, sizes: np.ndarray) -> np.ndarray:
    """The lists of each row, one after the other."""
    columns = [_Lists.of(examples, each.column(field)) for each in LISTS]
    values = np.concatenate([lists.values for lists in columns])
    rows = np.concatenate([lists.rows for lists in columns])
    which = np.repeat(np.arange(len(LISTS)), sizes.sum(axis=0))
    return values[np.lexsort((which, rows))]


def _check_window_places(facts: Facts, check: _Check, table: pa.Table) -> Iterator[Violation]:
    index, rows = _Lists.of(table, "indices").values, _Lists.of(table, "indices").rows
    positions, starts, lengths = (_Lists.of(table, name).values for name in ("positions", "starts", "lengths"))
    if not len(index) == len(starts) == len(lengths):
        yield from check(np.zeros(1, bool), "starts", "are not as many as the examples", rows[:1])
        return
    start, length = window_bounds(positions, facts.lengths[index], facts.manifest.run.window)
    yield from check(starts == start, "starts", "is not where the window begins", rows)
    yield from check(lengths == length, "lengths", "is not the window clipped to its text", rows)
    for name in ("tokens", "gate", "in"):
        sizes = _Lists.of(table, name).sizes
        want = np.bincount(rows, weights=lengths, minlength=table.num_rows)
        yield from check(sizes == want, name, "does not have one entry per token of the windows")
    tokens = _Lists.of(table, "tokens")
    if len(tokens.values) == length.sum():
        offset = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
        text_ids = facts.ids[np.repeat(facts.bounds[index] + start, length) + offset]
        yield from check(tokens.values == text_ids, "tokens", "are not those of the text", tokens.rows)


def _check_window_values(facts: Facts, check: _Check, table: pa.Table, sizes: np.ndarray) -> Iterator[Violation]:
    """Listed values follow from gate and in at their positions, within what float16 can say."""
    lengths, rows = _Lists.of(table, "lengths").values, _Lists.of(table, "lengths").rows
    place = np.cumsum(lengths) - lengths + np.minimum(
        _Lists.of(table, "positions").values, tokens_before(facts.manifest.run.window)
    )
    gate, linear = (_Lists.of(table, name).values[place].astype(float) for name in ("gate", "in"))
    values = _Lists.of(table, "values").values.astype(float)
    which = np.repeat(np.tile(np.arange(len(LISTS)), len(sizes)), sizes.ravel())
    saturated = (np.abs(gate) >= FLOAT16_MAX) | (np.abs(linear) >= FLOAT16_MAX)
    act = activation(facts.manifest.model.activation)
    for number, each in enumerate(LISTS):
        here = (which == number) & ~saturated
        low, high = _possible(each.valued, gate[here], linear[here], act)
        name = f"values ({each.column(Field.VALUES)})"
        fits = (low <= values[here]) & (values[here] <= high)
        yield from check(fits, name, "does not follow from gate and in at its position", rows[here])
        for half, sign in ((gate[here], each.case.gate_sign), (linear[here], each.case.in_sign)):
            yield from check((np.sign(half) == sign) | (half == 0), name, "gate or in is not of the case", rows[here])


def _possible(quantity: Quantity, gate: np.ndarray, linear: np.ndarray, act) -> tuple[np.ndarray, np.ndarray]:
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
        Quantity.POST: (acts[:, None] * linears[None, :]).reshape(-1, len(gate)),
    }[quantity]
    # float32 computes act with an absolute error in the order of its last bit at x, not at act(x).
    slack = 1e-6 * np.maximum(1, np.abs(gate)) * (np.maximum(1, np.abs(linear)) if quantity is Quantity.POST else 1)
    slack = slack + 1e-5 * np.abs(corners).max(axis=0, initial=0)
    return corners.min(axis=0, initial=np.inf) - slack, corners.max(axis=0, initial=-np.inf) + slack


def check_samples(facts: Facts, file: str, table: pa.Table, statistics: pa.Table) -> Iterator[Violation]:
    if not _same_neurons(table, statistics):
        yield Violation(file, "", "", "rows are not those of the neurons table")
        return
    check = _Check(file, table)
    lists = {name: _Lists.of(table, name) for name in ("gate", "in", "indices", "positions")}
    size = min(facts.manifest.run.samples, facts.manifest.run.counted_tokens)
    for name, column in lists.items():
        if (column.sizes != size).any():
            yield from check(column.sizes == size, name, f"does not have {size} samples")
            return
    index, position = (lists[name].values.reshape(-1, size) for name in ("indices", "positions"))
    for name, values in (("indices", index), ("positions", position)):
        yield from check((values == values[:1]).all(axis=1), name, "is not the same for all neurons")
    exists = ((index >= 0) & (index < len(facts.lengths))).all(axis=1)
    yield from check(exists, "indices", "names a text that does not exist")
    if exists.all():
        counted = (position >= facts.manifest.run.skip_first) & (position < facts.lengths[index])
        yield from check(counted.all(axis=1), "positions", "names a token that is not counted")
    yield from _check_sample_values(check, lists, statistics, size)


def _check_sample_values(
    check: _Check, lists: Mapping[str, _Lists], statistics: pa.Table, size: int
) -> Iterator[Violation]:
    gate, linear = (lists[name].values.reshape(-1, size) for name in ("gate", "in"))
    for case, quantity in case_quantities():
        if quantity in (Quantity.ACT, Quantity.POST):
            continue
        inside = (np.sign(gate) == case.gate_sign) & (np.sign(linear) == case.in_sign)
        inside &= np.isfinite(gate) & np.isfinite(linear)
        values = gate if quantity is Quantity.GATE else linear
        low, high = (
            np.asarray(statistics.column(stat_column(case, quantity, stat)))[:, None] for stat in (Stat.MIN, Stat.MAX)
        )
        name = "gate" if quantity is Quantity.GATE else "in"
        bounded = (low <= values) & (values <= high)
        yield from check((~inside | bounded).all(axis=1), name, f"is beyond min or max of {case.column}")


def _keys(table: pa.Table) -> list[tuple[int, int]]:
    return list(zip(table.column(LAYER).to_pylist(), table.column(NEURON).to_pylist(), strict=True))


def _same_neurons(table: pa.Table, statistics: pa.Table) -> bool:
    return all(table.column(name).equals(statistics.column(name)) for name in (LAYER, NEURON))


def _same(values: np.ndarray, others: np.ndarray, tolerance: float) -> np.ndarray:
    return np.isclose(values.astype(float), others.astype(float), rtol=tolerance, atol=0, equal_nan=True)

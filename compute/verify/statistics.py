"""Checks of the texts, the vocabulary and the statistics of all neurons."""

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from compute.token_texts import fingerprint, first_token
from compute.verify.facts import Check, Facts, Places, Violation, sign_in
from gluscope_core.columns import NeuronColumn, TextColumn, VocabColumn
from gluscope_core.manifest import Manifest
from gluscope_core.vocabulary import (
    CASES,
    QUANTITIES,
    Case,
    Quantity,
    Stat,
    count_column,
    freq_column,
    freq_se_column,
    post_in_column,
    stat_column,
)


def check_texts(facts: Places, file: str, table: pa.Table, vocab_size: int) -> Iterator[Violation]:
    texts, model = facts.texts, facts.manifest.model
    index = np.asarray(table.column(TextColumn.INDEX))
    if not np.array_equal(index, np.arange(len(index))):
        yield Violation(file, "", TextColumn.INDEX, "does not count the texts from 0")
    if len(index) != texts.texts or len(facts.ids) != texts.tokens:
        found = f"{len(index)} texts of {len(facts.ids)} tokens"
        yield Violation(file, "", TextColumn.INPUT_IDS, f"{found}, the manifest says {texts.texts} of {texts.tokens}")
    if fingerprint(facts.ids, facts.bounds) != texts.fingerprint:
        yield Violation(
            file, "", TextColumn.INPUT_IDS, "are not the tokens that were run, by the manifest's fingerprint"
        )
    if int((facts.lengths == 0).sum()) != texts.empty or first_token(facts.ids, facts.bounds) != texts.first_token:
        yield Violation(file, "", TextColumn.INPUT_IDS, "do not fit the manifest's empty or first_token")
    if len(facts.ids) and not 0 <= facts.ids.min() <= facts.ids.max() < vocab_size:
        yield Violation(file, "", TextColumn.INPUT_IDS, f"a token id is outside the vocabulary of {vocab_size}")
    if model.context is not None and (facts.lengths > model.context).any():
        yield Violation(file, "", TextColumn.INPUT_IDS, f"a text is longer than the context of {model.context}")
    counted, said = int(np.maximum(facts.lengths - facts.skip_first, 0).sum()), facts.manifest.counted_tokens
    if said is not None and counted != said:
        yield Violation(file, "", TextColumn.INPUT_IDS, f"{counted} tokens are counted, the manifest says {said}")


def check_vocab(manifest: Manifest, file: str, table: pa.Table) -> Iterator[Violation]:
    size = table.num_rows if manifest.model.vocab_size is None else manifest.model.vocab_size
    if not np.array_equal(np.asarray(table.column(VocabColumn.ID)), np.arange(size)):
        yield Violation(file, "", VocabColumn.ID, f"does not count the {size} tokens from 0")


def check_neurons(facts: Facts, file: str, table: pa.Table) -> Iterator[Violation]:
    run = facts.run
    check = Check(file, table)
    column = {
        name: table.column(name).to_numpy()
        for name in table.column_names
        if name not in (NeuronColumn.IO_CLASS, NeuronColumn.ROLE)
    }
    counts = {case: column[count_column(case)] for case in CASES}
    total = sum(counts.values()) + column[NeuronColumn.ZERO_COUNT] + column[NeuronColumn.NONFINITE_COUNT]
    yield from check(
        total == run.counted_tokens, "*_count", f"cases, zeros and non-finite are not {run.counted_tokens}"
    )
    for name in (NeuronColumn.ZERO_COUNT, NeuronColumn.NONFINITE_COUNT, *map(count_column, CASES)):
        yield from check(column[name] >= 0, name, "is negative")
    yield from check(
        np.array([each is not None for each in column[NeuronColumn.FLIPPED]]), NeuronColumn.FLIPPED, "is null"
    )
    for case in CASES:
        yield from _check_case(facts, check, column, case)
    yield from check(_gain_follows(column), NeuronColumn.MEAN_GAIN, "does not follow from post_in and in")
    if column[NeuronColumn.NONFINITE_COUNT].sum() != facts.manifest.nonfinite_values:
        yield Violation(file, "", NeuronColumn.NONFINITE_COUNT, "does not add up to the manifest's nonfinite_values")


def _check_case(facts: Facts, check: Check, column: Mapping[str, np.ndarray], case: Case) -> Iterator[Violation]:
    total = facts.run.counted_tokens
    count, freq, error = (column[name(case)] for name in (count_column, freq_column, freq_se_column))
    occurs = count > 0
    share = count / total if total else np.full(len(count), np.nan)
    yield from check(_same(freq, share, 1e-12), freq_column(case), "is not count / counted tokens")
    several = (facts.lengths > facts.run.skip_first).sum() > 1
    is_error = (error >= 0) & (error <= 1) if several else np.isnan(error)
    yield from check(is_error, freq_se_column(case), "is not a standard error, or not null for a single text")
    yield from check(
        np.isfinite(column[post_in_column(case)]) == occurs, post_in_column(case), "is not null at count 0"
    )
    for quantity in QUANTITIES:
        names = {stat: stat_column(case, quantity, stat) for stat in Stat}
        mean, std, low, high = (column[names[stat]].astype(float) for stat in Stat)
        for stat, values in zip(Stat, (mean, std, low, high), strict=True):
            yield from check(
                np.isfinite(values) == occurs, names[stat], "is null where the case occurs, or not where not"
            )
        slack = 1e-6 * np.maximum(np.abs(low), np.abs(high))
        bounded = (low - slack <= mean) & (mean <= high + slack)
        yield from check(~occurs | bounded, names[Stat.MEAN], "is not between min and max")
        yield from check(~occurs | (std <= (high - low) / 2 + slack), names[Stat.STD], "is more than min and max allow")
        sign = sign_in(facts.manifest, case, quantity)
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
    read = np.zeros(len(column[NeuronColumn.MEAN_GAIN]))
    for case in CASES:
        mean, std = (np.nan_to_num(column[stat_column(case, Quantity.IN, stat)]) for stat in (Stat.MEAN, Stat.STD))
        read += (mean**2 + std**2) * column[count_column(case)]
    follows = np.abs(column[NeuronColumn.MEAN_GAIN] * read - gained) <= 1e-6 * np.maximum(read, np.abs(gained))
    return (column[NeuronColumn.ZERO_COUNT] > 0) | (read == 0) | follows


def _same(values: np.ndarray, others: np.ndarray, tolerance: float) -> np.ndarray:
    return np.isclose(values.astype(float), others.astype(float), rtol=tolerance, atol=0, equal_nan=True)

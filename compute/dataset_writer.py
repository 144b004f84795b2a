"""A finished run to a dataset: every table staged beside its place, then moved in at once, manifest last."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from compute.card import card
from compute.chance import sample_positions
from compute.durable import commit, sha256_of
from compute.rows import CountedTokens, example_rows, neuron_rows, sample_rows, window_rows
from compute.settings import Settings
from compute.state import LayerState
from compute.striking import striking_in_layer, striking_rows
from compute.token_texts import TokenTexts
from compute.vocab import VOCAB_PATH, vocab_table
from compute.write import record_of, write_table
from gluscope_core.columns import NeuronColumn, VocabColumn
from gluscope_core.dataset_card import CARD_NAME
from gluscope_core.errors import DatasetDamaged
from gluscope_core.manifest import MANIFEST_NAME, Manifest
from gluscope_core.records import FileRecord
from gluscope_core.schema import (
    EXAMPLES_TABLE,
    NEURONS_TABLE,
    SAMPLES_TABLE,
    STRIKING_TABLE,
    TEXTS,
    TEXTS_TABLE,
    VOCAB_TABLE,
    WINDOWS_TABLE,
)

_NEURONS_AT_ONCE = 256
_WRITERS = min(8, 2 + (os.cpu_count() or 1))
"""Some wait for the disk. Each holds a layer's state in memory where it has to be loaded first."""
STRIKING_PATH = "striking.parquet"
_TEXTS_PATH = "texts/texts_000.parquet"


def stage_inputs(staged: Path, texts: TokenTexts, vocab_size: int, tokenizer: PreTrainedTokenizerBase | None) -> None:
    """What a reader needs beside the figures: the texts as they were run, and the vocabulary."""
    vocab = vocab_table(tokenizer, vocab_size)
    write_table(staged, VOCAB_PATH, VOCAB_TABLE, [vocab])
    pieces = vocab.column(VocabColumn.BYTES).to_pylist()
    write_table(staged, _TEXTS_PATH, TEXTS_TABLE, _text_rows(texts, pieces))


def staged_texts(staged: Path) -> Path:
    return staged / _TEXTS_PATH


def copy_inputs(sources: Sequence[Path], target: Path) -> None:
    """The inputs that several parts staged, each the same."""
    for path in (_TEXTS_PATH, VOCAB_PATH):
        if len({sha256_of(source / path) for source in sources}) > 1:
            raise DatasetDamaged(f"{sources[0] / path} and that of another part differ: repeat the parts")
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sources[0] / path, target / path)


def write_dataset(
    folder: Path, staged: Path, settings: Settings, texts: TokenTexts, state_of: Callable[[int], LayerState]
) -> Manifest:
    """Writes a dataset into `folder`, where the inputs are staged already, layer by layer."""
    run = settings.run
    tokens = CountedTokens.of(texts.lengths, run.skip_first)
    sampled = sample_positions(texts.lengths, run.skip_first, run.samples, run.seed)
    files = [
        record_of(staged, _TEXTS_PATH, TEXTS_TABLE, None),
        record_of(staged, VOCAB_PATH, VOCAB_TABLE, None),
    ]

    def write(layer: int) -> tuple[pa.Table, pd.DataFrame, list[FileRecord]]:
        state = state_of(layer)
        statistics, examples = neuron_rows(layer, state, tokens), example_rows(layer, state)
        written = [
            write_table(staged, EXAMPLES_TABLE.path(layer), EXAMPLES_TABLE, [examples]),
            write_table(staged, WINDOWS_TABLE.path(layer), WINDOWS_TABLE, _windows(layer, state, texts)),
            write_table(staged, SAMPLES_TABLE.path(layer), SAMPLES_TABLE, [sample_rows(layer, state, *sampled)]),
        ]
        return statistics, striking_in_layer(examples, statistics), written

    with ThreadPoolExecutor(_WRITERS) as pool:  # the encoder of parquet works outside Python's lock
        statistics, striking, written = zip(*pool.map(write, run.layers), strict=True)
    neurons = pa.concat_tables(statistics)
    files += [record for records in written for record in records]
    if (found := striking_rows(striking)).num_rows:  # a table without rows is more than some readers can take
        files.append(write_table(staged, STRIKING_PATH, STRIKING_TABLE, [found]))
    files.append(write_table(staged, "neurons/neurons_000.parquet", NEURONS_TABLE, [neurons]))
    manifest = Manifest(
        format_version=settings.format_version,
        model=settings.model,
        texts=settings.texts,
        run=settings.run,
        weights=None,
        environment=settings.environment,
        nonfinite_values=int(neurons.column(NeuronColumn.NONFINITE_COUNT).to_numpy().sum()),
        stages=("run",),
        files=tuple(sorted(files, key=lambda record: record.path)),
    ).sealed()
    (staged / CARD_NAME).write_text(card(manifest), encoding="utf-8")
    (staged / MANIFEST_NAME).write_bytes(manifest.to_json())
    commit(folder, staged, [*(record.path for record in manifest.files), CARD_NAME, MANIFEST_NAME])
    return manifest


def _windows(layer: int, state: LayerState, texts: TokenTexts) -> Iterator[pa.Table]:
    blocks = np.split(np.arange(state.neurons), range(_NEURONS_AT_ONCE, state.neurons, _NEURONS_AT_ONCE))
    return (window_rows(layer, state, texts, block) for block in blocks)


def _text_rows(texts: TokenTexts, pieces: list[bytes | None]) -> Iterator[pa.Table]:
    """The texts as they were run; where no string came with a text, the one that its tokens spell."""
    strings = texts.strings()
    at_once = TEXTS_TABLE.rows_per_group * 16
    for start in range(0, len(texts), at_once):
        numbers = range(start, min(start + at_once, len(texts)))
        given = [next(strings) for _ in numbers]
        spelled = [
            text if text is not None else _spell(texts[number], pieces)
            for number, (text, _) in zip(numbers, given, strict=True)
        ]
        columns = [numbers, [texts[number] for number in numbers], spelled, [source for _, source in given]]
        yield pa.table(columns, schema=TEXTS)


def _spell(ids: np.ndarray, pieces: list[bytes | None]) -> str | None:
    parts = [pieces[i] for i in ids]
    if any(part is None for part in parts):
        return None
    return b"".join(part for part in parts if part is not None).decode(errors="replace")

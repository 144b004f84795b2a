"""The stage `texts`: documents to tokenised texts, a random part of them, as `run` reads them."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from transformers.tokenization_utils_base import BatchEncoding, PreTrainedTokenizerBase

from compute.chance import lots
from compute.config import TextsConfig
from compute.durable import PROGRESS, commit, complete, locked, refuse_strangers, sha256_of
from compute.models import find_model, load_config, load_tokenizer
from compute.progress import record_bar, say
from compute.room import refuse_small_disk
from compute.sources import Record, Source, open_source, without_half_pairs
from compute.stopping import heeding_stops
from compute.text_sample import Counts, Document, Sample, SampleOnDisk, refuse_other_texts
from compute.token_texts import ORIGIN_NAME, TextsOrigin, vocabulary_fingerprint
from gluscope_core.columns import TextColumn
from gluscope_core.errors import BadSettings, Stopped, TextsUnusable

_AT_ONCE = 256
"""Documents tokenised together."""
_PATH = "texts_000.parquet"
_STAGED = "staged"
_ROWS_PER_GROUP = 1024
_RECORDS_PER_CHECKPOINT = 200_000
_BYTES_OF_TOKEN = 6
"""Its id and its text, compressed."""
_EXPANDS = 8
"""At most so many times as large as its files are the tokens of a source, which may be compressed."""

_SCHEMA = pa.schema(
    [
        pa.field(TextColumn.INPUT_IDS, pa.list_(pa.int32()), nullable=False),
        pa.field(TextColumn.TEXT, pa.string(), nullable=False),
        pa.field(TextColumn.SOURCE, pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Start:
    """What every text begins with."""

    ids: tuple[int, ...]
    policy: str


def texts(config: TextsConfig) -> None:
    found = find_model(config.model, config.revision)
    model_config = load_config(found)
    tokenizer = load_tokenizer(found.pinned(model_config), model_config)
    if tokenizer is None:
        raise TextsUnusable(f"{found.id} comes without a tokenizer: give the model whose tokenizer it uses")
    start = choose_start(tokenizer, config.first_token)
    if config.max_length <= len(start.ids):
        raise BadSettings(f"--max-length {config.max_length} leaves no room for text: give more than {len(start.ids)}")
    source = open_source(config)
    settings = _settings(config, source, found.id, start)
    config.out.mkdir(parents=True, exist_ok=True)
    with locked(config.out):
        complete(config.out)
        if _is_finished(config.out, settings):
            say(f"{config.out} is complete already")
            return
        progress = SampleOnDisk(config.out / PROGRESS, settings)
        refuse_small_disk(config.out, _bytes_needed(config))
        sample, counts = progress.load(Sample(config.tokens), config.seed)
        _take_up(source, _Tokenising(tokenizer, start, config), sample, counts, progress)
        if not sample.kept:
            raise TextsUnusable(
                f"{source.id}: none of {counts.seen} documents has text in {config.text_column!r}: name the column "
                "that has, with --text-column"
            )
        origin = _origin(sample, counts, source, settings, vocabulary_fingerprint(tokenizer))
        _write(config.out, sample, origin)
        progress.remove()
    for line in _summary(config, origin):
        say(line)


def _bytes_needed(config: TextsConfig) -> float:
    """Two checkpoints, of which one replaces the other, and what is written; of a local source no more than it has."""
    wanted = _BYTES_OF_TOKEN * config.tokens
    source = Path(config.source)
    files = [source] if source.is_file() else source.rglob("*")
    there = sum(each.stat().st_size for each in files if each.is_file())
    return 3.0 * (min(wanted, _EXPANDS * there) if source.exists() else wanted)


def _summary(config: TextsConfig, origin: TextsOrigin) -> Iterator[str]:
    yield f"{config.out}: complete, {origin.texts:,} texts, {origin.tokens:,} tokens, of {origin.seen:,} documents"
    left_out = {
        f"documents cut at {config.max_length} tokens": origin.cut,
        "empty documents, left out": origin.empty,
        "unreadable documents, left out": origin.unreadable,
    }
    yield from (f"{what}: {count:,}" for what, count in left_out.items() if count)
    if origin.tokens < config.tokens:
        yield f"that is all there is: {config.tokens:,} tokens were asked for"


def choose_start(tokenizer: PreTrainedTokenizerBase, wanted: str) -> Start:
    """BOS, or EOS where a tokenizer has no BOS, as TransformerLens does it."""
    there = {"bos": tokenizer.bos_token_id, "eos": tokenizer.eos_token_id}
    choice = (
        next((name for name, number in there.items() if number is not None), "none") if wanted == "auto" else wanted
    )
    if choice == "none":
        return Start((), "none: texts begin as they are")
    number = there[choice]
    if not isinstance(number, int):
        raise BadSettings(f"--first-token {wanted}: this tokenizer has no {choice.upper()}: give auto, or none")
    return Start((number,), f"{choice.upper()}, token {number}, begins every text and counts as one of its tokens")


@dataclass(frozen=True)
class _Tokenising:
    tokenizer: PreTrainedTokenizerBase
    start: Start
    config: TextsConfig

    def documents(self, records: list[tuple[int, int, Record]]) -> Iterator[Document]:
        """Of records that have text, given with their numbers and lots."""
        strings = [record.text or "" for _, _, record in records]
        encoded = self.tokenizer(strings, add_special_tokens=False, verbose=False)
        room = self.config.max_length - len(self.start.ids)
        for i, (number, lot, record) in enumerate(records):
            ids = encoded["input_ids"][i]
            begins = range(0, max(1, len(ids)), room) if self.config.split_long else [0]
            described = {"place": record.place} | ({"metadata": record.metadata} if record.metadata else {})
            yield Document(
                number,
                lot,
                ids=tuple(np.array([*self.start.ids, *ids[begin : begin + room]], np.int32) for begin in begins),
                strings=tuple(_spelled(encoded, i, strings[i], begin, begin + room) for begin in begins),
                source=without_half_pairs(json.dumps(described, ensure_ascii=False, default=str)),
                cut=not self.config.split_long and len(ids) > room,
            )


def _take_up(source: Source, tokenising: _Tokenising, sample: Sample, counts: Counts, progress: SampleOnDisk) -> None:
    """Offers every document of the source that was not seen before to the sample."""
    config = tokenising.config
    rest = islice(source.records(), counts.seen, config.scan or source.default_scan)
    with heeding_stops() as stop, record_bar(counts.seen) as bar:
        while group := list(islice(rest, _AT_ONCE)):
            numbers = np.arange(counts.seen, counts.seen + len(group))
            drawn = zip(numbers.tolist(), lots(numbers, config.seed), group, strict=True)
            chosen = [each for each in drawn if each[2].text and sample.may_enter(each[1])]
            counts.seen += len(group)
            counts.unreadable += sum(record.text is None for record in group)
            counts.empty += sum(record.text == "" for record in group)
            for document in tokenising.documents(chosen) if chosen else ():
                sample.add(document)
            bar.update(len(group))
            bar.set_postfix_str(f"{sample.tokens:,} tokens kept")
            if stop.by or counts.seen % _RECORDS_PER_CHECKPOINT < _AT_ONCE:
                progress.save(sample, counts)
            if stop.by:
                raise Stopped(f"{stop.by.name}: {counts.seen:,} documents are seen and what is kept of them is saved")


def _spelled(encoded: BatchEncoding, row: int, string: str, begin: int, end: int) -> str:
    """The part of a string that some of its tokens cover. Tokenizers that are not fast do not know it."""
    if not encoded.is_fast or (begin == 0 and end >= len(encoded["input_ids"][row])):
        return string
    offsets = encoded[row].offsets[begin:end]
    return string[offsets[0][0] : offsets[-1][1]]


def _settings(config: TextsConfig, source: Source, model: str, start: Start) -> dict[str, str]:
    """What decides the bytes that are written."""
    chosen = {key: str(value) for key, value in asdict(config).items() if key != "out"}
    return {
        **chosen,
        "source": source.id,
        "source_revision": str(source.revision),
        "source_files": str(source.fingerprint),
        "model": model,
        "policy": start.policy,
    }


def _is_finished(folder: Path, settings: dict[str, str]) -> bool:
    found = TextsOrigin.read(folder)
    if found is not None:
        refuse_other_texts(found.settings, settings, folder)
        found.check_files(folder)
        SampleOnDisk(folder / PROGRESS, settings).remove()
        return True
    refuse_strangers(folder)
    return False


def _origin(sample: Sample, counts: Counts, source: Source, settings: dict[str, str], vocabulary: str) -> TextsOrigin:
    kept = sample.in_order()
    return TextsOrigin(
        id=source.id,
        revision=source.revision,
        licence=source.licence,
        tokenizer=settings["model"],
        bos_policy=settings["policy"],
        texts=sum(len(each.ids) for each in kept),
        tokens=sample.tokens,
        cut=sum(each.cut for each in kept),
        seen=counts.seen,
        empty=counts.empty,
        unreadable=counts.unreadable,
        settings=settings,
        vocabulary=vocabulary,
    )


def _write(folder: Path, sample: Sample, origin: TextsOrigin) -> None:
    staged = folder / PROGRESS / _STAGED
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    with pq.ParquetWriter(staged / _PATH, _SCHEMA, compression="zstd", write_page_checksum=True) as writer:
        documents = iter(sample.in_order())
        while some := list(islice(documents, _ROWS_PER_GROUP)):
            ids = [ids for each in some for ids in each.ids]
            strings = [string for each in some for string in each.strings]
            sources = [each.source for each in some for _ in each.ids]
            writer.write_table(pa.table([ids, strings, sources], schema=_SCHEMA))
    origin = replace(origin, files={_PATH: sha256_of(staged / _PATH)})
    (staged / ORIGIN_NAME).write_bytes(origin.to_json())
    commit(folder, staged, [_PATH, ORIGIN_NAME])

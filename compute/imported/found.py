"""What was found to import: of which model, what is known of it, and how its tables are written."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from gluscope_core.records import FileRecord, ImportRecord, ModelFacts, ModelRecord, TextsRecord

NEURONS_PATH, TEXTS_PATH = "neurons/neurons_000.parquet", "texts/texts_000.parquet"

Written = tuple[list[FileRecord], TextsRecord | None]


@dataclass(frozen=True)
class Found:
    model: ModelFacts
    record: ImportRecord
    write: Callable[[Path], Written]
    """Into a folder for staging."""
    bytes: int
    """Of the files that were read: what is written takes less."""
    skipped: int = 0
    """Pages that could not be read."""


def facts_from(described: ModelRecord, name: str) -> ModelFacts:
    """What a config says of the model that somebody else ran: nothing of its revision or precision."""
    facts = ModelFacts(**vars(described))
    return replace(facts, id=name, revision=None, quantisation=None, dtype=None, fingerprint=None)

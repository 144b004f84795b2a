"""Which analysis of weights an unfinished one is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compute.durable import read_record, write_record
from compute.settings import refuse_other_work
from gluscope_core.records import EnvironmentRecord, ModelRecord


@dataclass(frozen=True)
class Begun:
    """What decides every byte of an analysis."""

    model: ModelRecord
    choice: dict[str, Any]
    tokens: str
    """SHA-256 over the ids that the vocabulary uses."""
    environment: EnvironmentRecord

    def claim(self, home: Path) -> "Begun":
        """Begins in a folder, or finds that just this was begun there; with the threads that it goes on with."""
        home.mkdir(parents=True, exist_ok=True)
        found = read_record(home / "begun.json", Begun, f"remove {home} and repeat the command")
        if found is None:
            write_record(home / "begun.json", self)
            return self
        refuse_other_work(found, self, home, "an analysis of weights")
        return found

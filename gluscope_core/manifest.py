"""The manifest of a dataset, `gluscope.json`: what it holds, how it was made, and the hashes that guard it."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gluscope_core.bounds import (
    Count,
    Word,
    why_implausible,
)
from gluscope_core.errors import DatasetDamaged, DatasetNotFound, DatasetTooNew
from gluscope_core.ids import NeuronId
from gluscope_core.plain_files import OddFile, read_at_most
from gluscope_core.records import (
    EnvironmentRecord,
    FileRecord,
    ImportRecord,
    ModelFacts,
    RunRecord,
    TextsRecord,
    WeightsRecord,
)
from gluscope_core.schema import FORMAT_VERSION
from gluscope_core.vocabulary import Coordinates, SignConvention

MANIFEST_NAME = "gluscope.json"
JOURNAL_NAME = "gluscope.journal.json"
"""Present while tables are being replaced; what is visible then may be neither the old dataset nor the new one."""
_MOST_BYTES = 8 * 2**20
"""Many times what the largest model needs; parsed, what is written to be large takes twenty times as much."""
_AGAIN = "download or compute the dataset again"


@dataclass(frozen=True)
class Manifest:
    format_version: Annotated[int, Meta(ge=1)]
    model: ModelFacts
    texts: TextsRecord | None
    run: RunRecord | None
    """These are absent where a dataset has weights only."""
    weights: WeightsRecord | None
    environment: EnvironmentRecord | None
    """Null where the files are not ours."""
    nonfinite_values: Count
    """Pairs of token and neuron that were left out because gate, in or post was not a finite number."""
    stages: tuple[Word, ...]
    files: tuple[FileRecord, ...]
    imported: ImportRecord | None = None
    """In place of `run`, where the original program ran the model."""
    sha256: str = ""

    @property
    def activations(self) -> RunRecord | ImportRecord | None:
        return self.run or self.imported

    @property
    def layers(self) -> tuple[int, ...]:
        """Those that the dataset has rows for."""
        return self.activations.layers if self.activations else tuple(range(self.model.layers))

    @property
    def counted_tokens(self) -> int | None:
        """None where none were counted, or nobody says how many."""
        return self.run.counted_tokens if self.run else None

    @property
    def some_neurons(self) -> tuple[NeuronId, ...] | None:
        """Those that the dataset has rows for, where it has no others of their layers."""
        some = self.imported.neurons if self.imported else None
        return None if some is None else tuple(NeuronId(*each) for each in some)

    @property
    def remarks(self) -> tuple[str, ...]:
        return self.imported.remarks if self.imported else ()

    @property
    def sign_convention(self) -> SignConvention:
        record = self.activations or self.weights
        return record.sign_convention if record else SignConvention.UNKNOWN

    @property
    def coordinates(self) -> Coordinates:
        record = self.activations or self.weights
        return record.coordinates if record else Coordinates.NORM_FOLDED

    @property
    def neuron_count(self) -> int:
        return len(self.layers) * self.model.d_mlp if self.some_neurons is None else len(self.some_neurons)

    def holds(self, neuron: NeuronId) -> bool:
        """Whether the dataset has a row for it."""
        if self.some_neurons is not None:
            return neuron in self.some_neurons
        return neuron.layer in self.layers and 0 <= neuron.neuron < self.model.d_mlp

    def files_of(self, table: str) -> tuple[FileRecord, ...]:
        return tuple(record for record in self.files if record.table == table)

    def sealed(self) -> "Manifest":
        """The same manifest carrying the hash of its own canonical JSON."""
        return replace(self, sha256=_own_hash(msgspec.to_builtins(self)))

    def to_json(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self.sealed(), order="sorted"), indent=1) + b"\n"


def _own_hash(content: dict[str, Any]) -> str:
    rest = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(msgspec.json.encode(rest, order="sorted")).hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a local folder, checked against its own hash before any of it is believed."""
    try:
        return read_manifest_file(folder / MANIFEST_NAME)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DatasetNotFound(f"{folder} holds no dataset (no {MANIFEST_NAME}): compute one there first") from error
    except (OSError, ValueError) as error:  # a name that is too long, or has a NUL; a folder that may not be read
        raise DatasetNotFound(f"{str(folder)[:200]} cannot be opened ({error}): name a folder that can") from error


def read_manifest_file(path: Path, where: str | None = None) -> Manifest:
    """A file on this machine; `where` is what messages call it."""
    where = where or str(path)
    try:
        return parse_manifest(read_at_most(path, _MOST_BYTES), where)
    except OddFile as error:
        raise DatasetDamaged(f"{where} {error}: {_AGAIN}") from error


def parse_manifest(raw: bytes, where: str) -> Manifest:
    try:
        content = msgspec.json.decode(raw)
        version = content["format_version"]
        claimed = content["sha256"]
        found = _own_hash(content)
    except (msgspec.MsgspecError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise DatasetDamaged(f"{where} is not a manifest ({_short(error)}): {_AGAIN}") from error
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise DatasetTooNew(
            f"{where} has format version {str(version)[:20]}, this release reads {FORMAT_VERSION}: upgrade GLUScope"
        )
    if found != claimed:
        raise DatasetDamaged(f"{where} does not match its own SHA-256: {_AGAIN}")
    try:
        manifest = msgspec.convert(content, Manifest)
    except (msgspec.ValidationError, RecursionError) as error:
        raise DatasetDamaged(
            f"{where} does not fit format version {FORMAT_VERSION}: {_short(error)}. To mend it, {_AGAIN}"
        ) from error
    if problem := why_implausible(manifest):
        raise DatasetDamaged(f"{where}: {problem}. To mend it, {_AGAIN}")
    return manifest


def _short(error: Exception) -> str:
    """It may quote what was read."""
    return " ".join(str(error).split())[:200]

"""The manifest of a dataset, `gluscope.json`: what it holds, how it was made, and the hashes that guard it."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from gluscope_core.errors import DatasetDamaged, DatasetNotFound, DatasetTooNew
from gluscope_core.ids import NeuronId
from gluscope_core.schema import FORMAT_VERSION
from gluscope_core.vocabulary import Coordinates, ImportSource, SignConvention

MANIFEST_NAME = "gluscope.json"
JOURNAL_NAME = "gluscope.journal.json"
"""Present while tables are being replaced; what is visible then may be neither the old dataset nor the new one."""
_MAX_BYTES = 64 * 2**20


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a model; of one that only others have run that may be little."""

    id: str
    revision: str | None
    quantisation: str | None
    architecture: str | None
    layers: int
    d_model: int | None
    d_mlp: int
    vocab_size: int | None
    context: int | None
    activation: str | None
    dtype: str | None
    fingerprint: str | None
    """SHA-256 over the names and contents of local files of config and weights; on the Hub the revision says it."""


@dataclass(frozen=True)
class ModelRecord(ModelFacts):
    """Of a model that was at hand, all of it."""

    architecture: str
    d_model: int
    vocab_size: int
    context: int
    activation: str
    dtype: str


@dataclass(frozen=True)
class TextsRecord:
    id: str
    revision: str | None
    licence: str | None
    tokenizer: str | None
    bos_policy: str
    first_token: int | None
    """The id that every text starts with, if they all do."""
    texts: int
    empty: int
    cut: int
    """Texts longer than the context, of which only the beginning was run."""
    tokens: int
    """Tokens that were run, position 0 included."""
    fingerprint: str
    """SHA-256 over the token ids that were run, in order."""


@dataclass(frozen=True)
class RunRecord:
    sign_convention: SignConvention
    coordinates: Coordinates
    top_k: int
    random_k: int
    window: int
    samples: int
    skip_first: int
    layers: tuple[int, ...]
    batch_tokens: int
    batches: int
    batch_plan: str
    """SHA-256 over the texts of each batch, in order."""
    compiled: bool
    seed: int
    shards: int
    counted_tokens: int
    """The denominator of every frequency."""


@dataclass(frozen=True)
class ImportRecord:
    """Activations that the original program computed, and what is known of how."""

    source: ImportSource
    files: int
    fingerprint: str
    """SHA-256 over the files that they were read from; of parquet files over the footers."""
    sign_convention: SignConvention
    coordinates: Coordinates
    layers: tuple[int, ...]
    neurons: tuple[tuple[int, int], ...] | None
    """Layer and number of those that there are rows of; null for all of the layers."""
    top_k: int
    window: int | None
    """Of the windows, where there are any."""
    remarks: tuple[str, ...]
    """What a reader has to know, as sentences."""


@dataclass(frozen=True)
class RolesRecord:
    """Where the lines between roles were drawn."""

    partition_share: float
    """Of all neurons, by the variance of their effect on the tokens."""
    partition_variance: float | None
    """The least variance among them; with the next, null where roles were not computed."""
    kurtosis: float | None
    """Above which a neuron predicts or suppresses; null where that would be nobody."""
    entropy_directions: int
    """How many of W_U's weakest directions count as its null space."""
    entropy_share: float
    attention_cosine: float
    first_token: int | None
    """Whose key attention heads rest on; null where it is not known, or queries or keys are normed."""


@dataclass(frozen=True)
class MismatchRecord:
    """In one layer: within which cosines lie 95 % of pairs of vectors that belong to different neurons."""

    layer: int
    gate_in: tuple[float, float]
    gate_out: tuple[float, float]
    in_out: tuple[float, float]


@dataclass(frozen=True)
class WeightsRecord:
    """How the stage `weights` was set."""

    sign_convention: SignConvention
    coordinates: Coordinates
    parts: tuple[str, ...]
    """What was computed."""
    threshold: float
    """From which on a cosine counts as different from 0, for IO classes."""
    centred: bool
    """Whether W_U's mean over the vocabulary was taken away."""
    tied: bool
    """Whether W_U and W_E are the same weights."""
    top_tokens: int
    """In each list of a neuron's tokens."""
    top_neurons: int
    """In each list of a token's neurons."""
    related: int
    """In each list of related neurons."""
    roles: RolesRecord
    mismatched: tuple[MismatchRecord, ...]
    environment: "EnvironmentRecord"
    nonfinite_neurons: int = 0
    """Neurons of the model that have weights which are not finite numbers: nothing is said of them."""
    nonfinite_tokens: int = 0
    """Tokens left out for the same reason, where tokens were looked at."""


@dataclass(frozen=True)
class EnvironmentRecord:
    gluscope: str
    python: str
    torch: str
    transformers: str
    pyarrow: str
    device: str
    threads: int


@dataclass(frozen=True)
class FileRecord:
    path: str
    table: str
    rows: int
    bytes: int
    sha256: str
    footer_sha256: str
    layers: tuple[int, int] | None
    """First and last layer of the rows, for tables with a row per neuron."""

    def holds(self, layer: int) -> bool:
        return self.layers is not None and self.layers[0] <= layer <= self.layers[1]


@dataclass(frozen=True)
class Manifest:
    format_version: int
    model: ModelFacts
    texts: TextsRecord | None
    run: RunRecord | None
    """These are absent where a dataset has weights only."""
    weights: WeightsRecord | None
    environment: EnvironmentRecord | None
    """Null where the files are not ours."""
    nonfinite_values: int
    """Pairs of token and neuron that were left out because gate, in or post was not a finite number."""
    stages: tuple[str, ...]
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
    path = folder / MANIFEST_NAME
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DatasetDamaged(f"{path} is larger than any manifest: download or compute the dataset again")
        return parse_manifest(path.read_bytes(), str(path))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DatasetNotFound(f"{folder} holds no dataset (no {MANIFEST_NAME}): compute one there first") from error


def parse_manifest(raw: bytes, where: str) -> Manifest:
    try:
        content = msgspec.json.decode(raw)
        version = content["format_version"]
        claimed = content["sha256"]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, RecursionError) as error:
        raise DatasetDamaged(f"{where} is not a manifest ({error}): download or compute the dataset again") from error
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise DatasetTooNew(
            f"{where} has format version {version}, this release reads {FORMAT_VERSION}: upgrade GLUScope"
        )
    if _own_hash(content) != claimed:
        raise DatasetDamaged(f"{where} does not match its own SHA-256: download or compute the dataset again")
    try:
        return msgspec.convert(content, Manifest)
    except msgspec.ValidationError as error:
        raise DatasetDamaged(f"{where} does not fit format version {version}: {error}") from error

"""What a manifest records: the model, the texts, how each stage was set, and every file."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from gluscope_core.bounds import (
    MOST_LAYERS,
    Cosine,
    Count,
    FilePath,
    Layer,
    Layers,
    Sentence,
    Setting,
    Sha256,
    Share,
    SomeLayers,
    Width,
    Word,
)
from gluscope_core.vocabulary import Coordinates, ImportSource, SignConvention


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a model; of one that only others have run that may be little."""

    id: Word
    revision: Word | None
    quantisation: Word | None
    architecture: Word | None
    layers: Layers
    d_model: Setting | None
    d_mlp: Width
    vocab_size: Setting | None
    context: Setting | None
    activation: Word | None
    dtype: Word | None
    fingerprint: Word | None
    """SHA-256 over the names and contents of local files of config and weights; on the Hub the revision says it."""


@dataclass(frozen=True)
class ModelRecord(ModelFacts):
    """Of a model that was at hand, all of it."""

    architecture: Word
    d_model: Setting
    vocab_size: Setting
    context: Setting
    activation: Word
    dtype: Word


@dataclass(frozen=True)
class TextsRecord:
    id: Sentence
    revision: Word | None
    licence: Sentence | None
    tokenizer: Word | None
    bos_policy: Sentence
    first_token: Setting | None
    """The id that every text starts with, if they all do."""
    texts: Count
    empty: Count
    cut: Count
    """Texts longer than the context, of which only the beginning was run."""
    tokens: Count
    """Tokens that were run, position 0 included."""
    fingerprint: Word
    """SHA-256 over the token ids that were run, in order."""


@dataclass(frozen=True)
class RunRecord:
    sign_convention: SignConvention
    coordinates: Coordinates
    top_k: Setting
    random_k: Setting
    window: Setting
    samples: Setting
    skip_first: Setting
    layers: SomeLayers
    batch_tokens: Setting
    batches: Count
    batch_plan: Word
    """SHA-256 over the texts of each batch, in order."""
    compiled: bool
    seed: int
    shards: Setting
    counted_tokens: Count
    """The denominator of every frequency."""


@dataclass(frozen=True)
class ImportRecord:
    """Activations that the original program computed, and what is known of how."""

    source: ImportSource
    files: Count
    fingerprint: Word
    """SHA-256 over the files that they were read from; of parquet files over the footers."""
    sign_convention: SignConvention
    coordinates: Coordinates
    layers: SomeLayers
    neurons: tuple[tuple[Setting, Setting], ...] | None
    """Layer and number of those that there are rows of; null for all of the layers."""
    top_k: Setting
    window: Setting | None
    """Of the windows, where there are any."""
    remarks: tuple[Sentence, ...]
    """What a reader has to know, as sentences."""


@dataclass(frozen=True)
class RolesRecord:
    """Where the lines between roles were drawn."""

    partition_share: Share
    """Of all neurons, by the variance of their effect on the tokens."""
    partition_variance: float | None
    """The least variance among them; with the next, null where roles were not computed."""
    kurtosis: float | None
    """Above which a neuron predicts or suppresses; null where that would be nobody."""
    entropy_directions: Setting
    """How many of W_U's weakest directions count as its null space."""
    entropy_share: Share
    attention_cosine: Share
    first_token: Setting | None
    """Whose key attention heads rest on; null where it is not known, or queries or keys are normed."""


@dataclass(frozen=True)
class MismatchRecord:
    """In one layer: within which cosines lie 95 % of pairs of vectors that belong to different neurons."""

    layer: Layer
    gate_in: tuple[Cosine, Cosine]
    gate_out: tuple[Cosine, Cosine]
    in_out: tuple[Cosine, Cosine]


@dataclass(frozen=True)
class WeightsRecord:
    """How the stage `weights` was set."""

    sign_convention: SignConvention
    coordinates: Coordinates
    parts: tuple[Word, ...]
    """What was computed."""
    threshold: Share
    """From which on a cosine counts as different from 0, for IO classes."""
    centred: bool
    """Whether W_U's mean over the vocabulary was taken away."""
    tied: bool
    """Whether W_U and W_E are the same weights."""
    top_tokens: Setting
    """In each list of a neuron's tokens."""
    top_neurons: Setting
    """In each list of a token's neurons."""
    related: Setting
    """In each list of related neurons."""
    roles: RolesRecord
    mismatched: Annotated[tuple[MismatchRecord, ...], Meta(max_length=MOST_LAYERS)]
    environment: "EnvironmentRecord"
    nonfinite_neurons: int = 0
    """Neurons of the model that have weights which are not finite numbers: nothing is said of them."""
    nonfinite_tokens: int = 0
    """Tokens left out for the same reason, where tokens were looked at."""


@dataclass(frozen=True)
class EnvironmentRecord:
    gluscope: Word
    python: Word
    torch: Word
    transformers: Word
    pyarrow: Word
    device: Word
    threads: Setting


@dataclass(frozen=True)
class FileRecord:
    path: FilePath
    table: Word
    rows: Setting
    bytes: Count
    sha256: Sha256
    footer_sha256: Sha256
    layers: tuple[Layer, Layer] | None
    """First and last layer of the rows, for tables with a row per neuron."""

    def holds(self, layer: int) -> bool:
        return self.layers is not None and self.layers[0] <= layer <= self.layers[1]

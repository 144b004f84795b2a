"""Settings of each stage as frozen, validated dataclasses; the command line is built from them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from compute.options import WEIGHT_PARTS, WHOLE, LayersOption, PartsOption, ShardOption, flag, require
from gluscope_core.vocabulary import Coordinates, SignConvention


@dataclass(frozen=True)
class TextsConfig:
    """Tokenise a random part of some documents for a model. Repeat the command to resume it."""

    source: Annotated[str, tyro.conf.Positional]
    """Local file or folder (parquet, JSON lines, plain text; compressed or not), or id of a dataset on the Hub."""
    model: str
    """Hub id, local folder, or .gguf file: the model whose tokenizer is used."""
    out: Path
    """Folder for the texts: new, or one in which the same command was begun."""
    text_column: str = "text"
    """Column, or key, that holds the text; all others are kept as metadata."""
    max_length: int = 1024
    """Tokens that a text may have."""
    tokens: int = 20_000_000
    """Tokens to reach, whole documents; all of the source where it has fewer."""
    split_long: bool = False
    """Make several texts of a document that is too long, where else only its beginning is taken."""
    first_token: Literal["auto", "bos", "eos", "none"] = "auto"  # noqa: S105
    """What every text begins with, counted as one of its tokens; auto is BOS, or EOS where a tokenizer has no BOS."""
    scan: int | None = None
    """Documents to choose from, from the source's beginning; by default all of a local source, and a million of one on
    the Hub, whose files come in random order."""
    source_config: str | None = None
    """Configuration of a dataset on the Hub."""
    split: str = "train"
    """Split of a dataset on the Hub."""
    source_revision: str | None = None
    """Of the dataset on the Hub."""
    licence: str | None = None
    """Under which the texts may be passed on; by default what the Hub says."""
    seed: int = 0
    """Of the choice of documents."""
    revision: str | None = None
    """Of the model, on the Hub."""

    def __post_init__(self) -> None:
        for name in ("max_length", "tokens"):
            require(getattr(self, name) >= 1, f"{flag(name)} {getattr(self, name)}: give at least 1")
        require(self.scan is None or self.scan >= 1, f"--scan {self.scan}: give at least 1")
        require(0 <= self.seed < 2**63, f"--seed {self.seed}: give a number from 0 to 2^63 - 1")


@dataclass(frozen=True)
class RunConfig:
    """Run a model over tokenised texts once and write an activation dataset. Repeat the command to resume it."""

    model: str
    """Hub id, local folder, or .gguf file."""
    texts: Path
    """What `texts` wrote: a folder or a parquet file with a column `input_ids`, used as they are."""
    out: Path
    """Folder of the dataset: new, or one in which the same run was begun."""
    sign_convention: Literal["aligned", "raw"] = "aligned"
    """aligned changes the sign of w_in and w_out where they make w_gate and w_in point apart; raw leaves them."""
    coordinates: Literal["folded", "effective"] = "folded"
    """folded: the scale of the norm before the MLP in w_gate and w_in; effective: also the norm after it in w_out."""
    top_k: int = 16
    """Texts in each list of strongest activations."""
    random_k: int = 16
    """Texts in each list of randomly chosen activations."""
    window: int = 32
    """Tokens of activations kept around each listed token: three quarters before it, the rest from it on."""
    samples: int = 1024
    """Positions at which gate and in of every neuron are kept."""
    skip_first: int = 0
    """Positions left out at the start of each text; 1 leaves out the BOS token."""
    layers: LayersOption = ()
    """Layers to record; all by default."""
    batch_tokens: int | None = None
    """Tokens in a batch, padding included; by default 4096 on a CPU, 32768 on a GPU."""
    shard: ShardOption = WHOLE
    """Compute one part of the run, to be joined with the others by `merge`."""
    device: str | None = None
    """Torch device; by default the GPU where there is one."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Of the model; auto is float32 on a CPU and the checkpoint's on a GPU."""
    compile: Annotated[bool | None, tyro.conf.arg(constructor=bool)] = None
    """Compile what touches every activation: up to a minute once, and then it takes a fraction of the time. By
    default where the run is long enough to gain by it."""
    seed: int = 0
    """Of random lists, samples and the order of batches."""
    revision: str | None = None
    """Of the model, on the Hub."""
    plan: bool = False
    """Only say what the run would take: FLOPs, memory, disk, time on a GPU."""
    checkpoint_share: float = 0.05
    """Share of the time that checkpoints may take; 1 writes one after every batch."""

    def __post_init__(self) -> None:
        for name, low in {"top_k": 1, "random_k": 0, "window": 1, "samples": 0, "skip_first": 0}.items():
            require(getattr(self, name) >= low, f"{flag(name)} {getattr(self, name)}: give at least {low}")
        for name, most in {"top_k": 1024, "random_k": 1024, "window": 4096}.items():
            require(getattr(self, name) <= most, f"{flag(name)} {getattr(self, name)}: give at most {most}")
        tokens = self.batch_tokens
        require(tokens is None or tokens >= 1, f"--batch-tokens {tokens}: give at least 1")
        share = self.checkpoint_share
        require(0 < share <= 1, f"--checkpoint-share {share}: give more than 0 and at most 1")
        require(0 <= self.seed < 2**63, f"--seed {self.seed}: give a number from 0 to 2^63 - 1")

    @property
    def convention(self) -> SignConvention:
        return SignConvention(self.sign_convention)

    @property
    def coordinate_system(self) -> Coordinates:
        return Coordinates(self.coordinates)


@dataclass(frozen=True)
class WeightsConfig:
    """Say what the weights alone say: added to a dataset, or as a dataset of its own. Repeating the command with other
    settings replaces what it wrote."""

    dataset: Path | None = None
    """Folder of a dataset to add to."""
    model: str | None = None
    """Hub id, local folder, or .gguf file; by default what a dataset names, where that is on the Hub."""
    out: Path | None = None
    """Folder for a dataset of its own."""
    parts: PartsOption = WEIGHT_PARTS
    """What to compute beside cosines, norms and IO classes; `none` for nothing else."""
    sign_convention: Literal["aligned", "raw"] = "aligned"
    """As for `run`; a dataset's own is kept."""
    coordinates: Literal["folded", "effective"] = "folded"
    """As for `run`; a dataset's own is kept."""
    threshold: float = 0.5
    """From which on a cosine counts as different from 0, for IO classes."""
    uncentred: bool = False
    """Leave W_U's mean over the vocabulary in it."""
    top_tokens: int = 16
    """Tokens in each of a neuron's lists."""
    top_neurons: int = 16
    """Neurons in each of a token's lists."""
    related: int = 8
    """Neurons in each list of neighbours and links."""
    partition_share: float = 0.00284
    """Share of all neurons that are partition neurons."""
    entropy_directions: int | None = None
    """Directions of W_U that count as its null space; by default the weakest 1 %."""
    entropy_share: float = 0.3
    """Share of w_out within that null space, from which on a neuron of the last layer is an entropy neuron."""
    attention_cosine: float = 0.5**0.5
    """Cosine with what a head's queries seek in the first token, from which on a neuron (de)activates attention."""
    first_token: int | None = None
    """Token that texts begin with; by default the dataset's, or the model's BOS."""
    device: str | None = None
    """Torch device; by default the GPU where there is one."""
    revision: str | None = None
    """Of the model, on the Hub."""
    plan: bool = False
    """Only say what it would take: FLOPs, memory, disk, time."""

    def __post_init__(self) -> None:
        alone = self.model is not None and self.out is not None and self.dataset is None
        added = self.dataset is not None and self.out is None
        require(
            self.model is not None if self.plan else alone or added,
            "`weights` lacks a model or a place: give --model M for a plan, else either --dataset DIR, or --model M "
            "and --out DIR",
        )
        require(0 < self.threshold < 1, f"--threshold {self.threshold}: give a number between 0 and 1")
        for name, most in {"top_tokens": 1024, "top_neurons": 1024, "related": 256}.items():
            value = getattr(self, name)
            require(1 <= value <= most, f"{flag(name)} {value}: give a number from 1 to {most}")
        for name in ("partition_share", "entropy_share", "attention_cosine"):
            value = getattr(self, name)
            require(0 < value <= 1, f"{flag(name)} {value}: give more than 0 and at most 1")
        directions = self.entropy_directions
        require(directions is None or directions >= 1, f"--entropy-directions {directions}: give at least 1")


@dataclass(frozen=True)
class MergeConfig:
    """Join the parts that `run --shard` computed into one dataset."""

    parts: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of all parts, in any order."""
    out: Path
    """Folder of the dataset."""


@dataclass(frozen=True)
class ExamplesConfig:
    """Add what is around their examples for some neurons of a dataset that has lists of them and no more: the model
    runs over the texts in these lists only. Repeat the command to resume it, or name others."""

    dataset: Annotated[Path, tyro.conf.Positional]
    """Folder of the dataset."""
    neurons: tuple[str, ...]
    """Such as 31.9634; @FILE for those that a file names; all."""
    texts: Path | None = None
    """The texts that the dataset was computed on; by default its own, where it holds them."""
    model: str | None = None
    """Hub id, local folder, or .gguf file; by default what the dataset names, where that is on the Hub."""
    batch_tokens: int = 4096
    """Tokens in a batch, padding included."""
    device: str | None = None
    """Torch device; by default the GPU where there is one."""
    revision: str | None = None
    """Of the model, on the Hub."""

    def __post_init__(self) -> None:
        require(self.neurons, "--neurons is empty: name at least one, such as 31.9634")
        require(self.batch_tokens >= 1, f"--batch-tokens {self.batch_tokens}: give at least 1")


@dataclass(frozen=True)
class PageConfig:
    """Write a neuron's page as one HTML file, which needs nothing else."""

    dataset: Annotated[Path, tyro.conf.Positional]
    """Folder of the dataset."""
    neuron: Annotated[str, tyro.conf.Positional]
    """Such as 31.9634."""
    out: Path
    """The file."""
    sign_convention: Literal["aligned", "raw"] | None = None
    """Of the signs that are shown; by default the dataset's own."""


@dataclass(frozen=True)
class SiteConfig:
    """Write some neurons' pages and an index of them into a folder that any web server can serve. Pages that are there
    already stay, so that a site can grow."""

    dataset: Annotated[Path, tyro.conf.Positional]
    """Folder of the dataset."""
    neurons: tuple[str, ...]
    """Such as 31.9634; @FILE for those that a file names; all, which is those with examples."""
    out: Path
    """Folder of the site."""
    sign_convention: Literal["aligned", "raw"] | None = None
    """Of the signs that are shown; by default the dataset's own."""

    def __post_init__(self) -> None:
        require(self.neurons, "--neurons is empty: name at least one, such as 31.9634")


@dataclass(frozen=True)
class ImportConfig:
    """Make a dataset of what the original program wrote: its pages, or its summary*.pt."""

    path: Annotated[Path, tyro.conf.Positional]
    """Folder that holds pages (vis.html with JSON files beside it, at any depth) or one summary file; or that file."""
    out: Path
    """Folder of the dataset: new, or one into which the same was imported."""
    model: str | None = None
    """Hub id, local folder, or .gguf file, of which only the config is read; by default the model that pages name or
    the folder is called after, as far as it is known."""
    sign_convention: Literal["auto", "aligned", "raw", "unknown"] = "auto"
    """aligned if the original was run with --refactor_glu; auto: as a summary's name says, and unknown of pages."""
    window: int = 32
    """Tokens kept of an example on a page, three quarters of them before the token of interest. Pages show all that
    precedes it: 2048 keeps that of a thousand and more tokens, and the dashboard then shows as many."""
    revision: str | None = None
    """Of the model, on the Hub."""

    def __post_init__(self) -> None:
        require(1 <= self.window <= 2**16, f"--window {self.window}: give a number from 1 to 65536")


@dataclass(frozen=True)
class VerifyConfig:
    """Read a dataset whole and check schema, checksums and invariants; exit 1 and say where any fails."""

    dataset: Annotated[Path, tyro.conf.Positional]
    """Folder of the dataset."""


@dataclass(frozen=True)
class PublishConfig:
    """Send a dataset to the Hub, as whom its own client is logged in. Repeat the command to send what is still missing
    or has changed."""

    dataset: Annotated[Path, tyro.conf.Positional]
    """Folder of the dataset."""
    repo_id: Annotated[str, tyro.conf.Positional]
    """User or organisation, and name: `user/name`. Made where there is none."""
    private: bool = False
    """Make it private, where it is made. Refused where it is there already, and public."""
    branch: str | None = None
    """Branch to send it to, made where there is none; by default the main one."""
    model_licence: str | None = None
    """Licence of the model, for the card; by default what the Hub says of it."""
    dry_run: bool = False
    """Only say what would be sent."""

    def __post_init__(self) -> None:
        require(
            re.fullmatch(r"[\w.-]+/[\w.-]+", self.repo_id) is not None,
            f"{self.repo_id!r} is no id on the Hub: write user/name, or organisation/name",
        )

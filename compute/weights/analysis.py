"""All figures that a model's weights give, in one pass over its layers and a few products of all neurons."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from compute.gated import GatedMLP
from compute.room import Full, unless_full
from compute.saved import Work
from compute.streamed import StreamedModel
from compute.weights.attention import FirstTokenKeys, attention_scores
from compute.weights.directions import Directions, take_layer
from compute.weights.layers import NAME as LAYERS
from compute.weights.layers import Layers
from compute.weights.relations import LINKS, NEAR, relate
from compute.weights.roles import Scores, draw_lines, find_roles, first_roles
from compute.weights.tokens import (
    NeuronLists,
    TokenDirections,
    TokenLists,
    double_checks,
    list_tokens,
    moments,
    null_space_share,
)
from compute.weights.tops import Best
from gluscope_core.columns import NeuronColumn
from gluscope_core.errors import OutOfMemory
from gluscope_core.io_classes import classify
from gluscope_core.records import MismatchRecord, ModelRecord, RolesRecord
from gluscope_core.schema import COSINES, NORMS
from gluscope_core.vocabulary import (
    CASES,
    Coordinates,
    Quantity,
    Relation,
    SignConvention,
    Stat,
    Vector,
    freq_column,
    stat_column,
)

_NULL_SPACE = 0.01
"""Share of W_U's directions: 40 of 4096, as in the paper."""


@dataclass(frozen=True)
class Choice:
    """What is wanted of an analysis."""

    parts: tuple[str, ...]
    convention: SignConvention
    coordinates: Coordinates
    threshold: float
    centred: bool
    top_tokens: int
    top_neurons: int
    related: int
    partition_share: float
    entropy_directions: int | None
    entropy_share: float
    attention_cosine: float
    first_token: int | None
    device: torch.device

    @property
    def recorded(self) -> dict[str, Any]:
        """All but the device, for comparison with another."""
        known = {name: value for name, value in vars(self).items() if name != "device"}
        return msgspec.json.decode(msgspec.json.encode(known))

    @property
    def relations(self) -> tuple[Relation, ...]:
        return (NEAR if "neighbours" in self.parts else ()) + (LINKS if "links" in self.parts else ())


@dataclass(frozen=True)
class Analysis:
    directions: Directions
    columns: dict[str, np.ndarray]
    """Of the neurons table, for all neurons of the model."""
    lists: TokenLists | None
    by_token: NeuronLists | None
    related: Mapping[Relation, Best]
    roles: RolesRecord
    mismatched: tuple[MismatchRecord, ...]
    ids: np.ndarray
    """Of the tokens that there are lists of."""
    nonfinite_neurons: int
    """Of which nothing is said, since some of their weights are not finite numbers."""

    def of_layers(self, layers: tuple[int, ...]) -> dict[str, np.ndarray]:
        chosen = np.concatenate([np.r_[self.directions.rows(layer)] for layer in layers])
        return {name: values[chosen] for name, values in self.columns.items()}


def analyse(model: StreamedModel, record: ModelRecord, ids: np.ndarray, choice: Choice, work: Work) -> Analysis:
    """The home of `work` holds the directions of all neurons, beside what is done of the products."""
    found = unless_full(partial(_analyse, model, record, ids, choice, work), choice.device)
    if isinstance(found, Full):
        raise OutOfMemory(
            f"{record.id}: {found.problem}: free some, or use a machine with as much as `weights --plan` says, and "
            f"repeat the command, which goes on where it was; or remove {work.home} and ask for fewer --parts"
        )
    return found


def _analyse(model: StreamedModel, record: ModelRecord, ids: np.ndarray, choice: Choice, work: Work) -> Analysis:
    layers = _through_layers(model, record, choice, work)
    directions, columns = layers.directions, layers.columns
    broken = np.isnan(np.stack([columns[name] for name in NORMS])).any(axis=0)
    columns[NeuronColumn.IO_CLASS] = classify(*(columns[name] for name in COSINES), threshold=choice.threshold)
    tokens = None
    if {"roles", "tokens"} & set(choice.parts):
        tokens = TokenDirections.of(model, ids, choice.device, centred=choice.centred)
    lists = by_token = None
    if tokens is not None and "tokens" in choice.parts:
        lists, by_token = list_tokens(directions, tokens, choice.top_tokens, choice.top_neurons, work)
        columns[NeuronColumn.DOUBLE_CHECK] = double_checks(lists, columns[NeuronColumn.COS_GATE_IN], choice.threshold)
    roles = _nobody(choice)
    if tokens is not None and "roles" in choice.parts:
        found, roles = _roles(layers, tokens, columns[NeuronColumn.COS_GATE_IN], choice, work)
        columns |= found
    related = relate(directions, choice.related, choice.relations, choice.device, work) if choice.relations else {}
    _leave_out(columns, broken)
    used = ids if tokens is None else tokens.ids.cpu().numpy()
    return Analysis(directions, columns, lists, by_token, related, roles, layers.mismatched, used, int(broken.sum()))


def _leave_out(columns: dict[str, np.ndarray], broken: Any) -> None:
    """Nothing is said of neurons that have weights which are not finite numbers."""
    for name, values in columns.items():
        if values.dtype.kind == "f":
            columns[name] = np.where(broken, np.nan, values)


def _through_layers(model: StreamedModel, record: ModelRecord, choice: Choice, work: Work) -> Layers:
    """One look at each layer: its own figures, and, where roles are wanted, what attention seeks in the first token."""
    if work.home is None:
        raise ValueError("directions may be larger than memory: give a folder for them")
    token = choice.first_token if "roles" in choice.parts else None
    layers = Layers.none(work.home, record, 0 if token is None else model.heads)
    keys = FirstTokenKeys(model.architecture, choice.coordinates)
    keys.attach(model.layers)
    for number in work.through(LAYERS, range(record.layers), layers.tensors(), beside=layers):
        with model.layer(number) as layer:
            mlp = GatedMLP(layer, model.architecture)
            layers.put(number, take_layer(number, mlp, choice.convention, choice.coordinates, layers.directions))
            if token is not None:
                layers.made.copy_(model.run_layer(number, token, layers.made))
                layers.put_heads(number, keys.take(number, layer))
    return layers


def _roles(
    layers: Layers, tokens: TokenDirections, gate_in: np.ndarray, choice: Choice, work: Work
) -> tuple[dict[str, np.ndarray], RolesRecord]:
    directions, heads = layers.directions, layers.heads
    found = moments(directions, tokens, work)
    last = directions.layers - 1
    d_model = directions.unit[Vector.OUT].shape[1]
    weakest = min(choice.entropy_directions or max(1, int(_NULL_SPACE * d_model)), d_model)
    entropy = np.full(directions.neurons, np.nan)
    entropy[directions.rows(last)] = null_space_share(directions, tokens, last, weakest)
    following, later = _attention(directions, heads, gate_in)
    scores = Scores(found.variance, found.skew, found.kurtosis, entropy, following, gate_in)
    lines = draw_lines(scores, choice.partition_share, choice.entropy_share, choice.attention_cosine)
    roles = find_roles(scores, lines)
    columns = {
        NeuronColumn.UNEMBED_VARIANCE: found.variance,
        NeuronColumn.UNEMBED_SKEW: found.skew,
        NeuronColumn.UNEMBED_KURTOSIS: found.kurtosis,
        NeuronColumn.ENTROPY_SHARE: entropy,
        NeuronColumn.ENTROPY_SHARE_CHANCE: np.where(np.isnan(entropy), np.nan, weakest / d_model),
        NeuronColumn.ATTENTION_NEXT_LAYER: following,
        NeuronColumn.ATTENTION_LATER_LAYERS: later,
        NeuronColumn.ROLE: first_roles(roles),
        **{role.column: holds for role, holds in roles.items()},
    }
    record = replace(
        _nobody(choice),
        partition_variance=lines.variance,
        kurtosis=lines.kurtosis,
        entropy_directions=weakest,
        first_token=choice.first_token if heads else None,
    )
    return columns, record


def _attention(
    directions: Directions, heads: Mapping[int, Tensor], gate_in: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The scores in the sign of the neuron's activation when it fires."""
    found = np.full((2, directions.neurons), np.nan)
    for layer in range(directions.layers):
        rows = directions.rows(layer)
        scores = attention_scores(directions.of(Vector.OUT, rows), heads, layer, directions.layers)
        found[:, rows] = torch.stack(scores).numpy() * np.sign(gate_in[rows])
    return found[0], found[1]


def _nobody(choice: Choice) -> RolesRecord:
    return RolesRecord(
        partition_share=choice.partition_share,
        partition_variance=None,
        kurtosis=None,
        entropy_directions=choice.entropy_directions or 0,
        entropy_share=choice.entropy_share,
        attention_cosine=choice.attention_cosine,
        first_token=None,
    )


def with_activations(neurons: pa.Table, mine: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The columns, and those that follow from them together with what was seen on texts."""
    columns = dict(mine)
    gain = neurons.column(NeuronColumn.MEAN_GAIN).to_numpy()
    columns[NeuronColumn.EFFECTIVE_IO] = gain * mine[NeuronColumn.COS_IN_OUT]
    if NeuronColumn.UNEMBED_SKEW in mine:
        columns[NeuronColumn.MEAN_POST_SKEW] = mean_post(neurons) * mine[NeuronColumn.UNEMBED_SKEW]
    return columns


def mean_post(neurons: pa.Table) -> np.ndarray:
    """Over all counted tokens."""
    total = np.zeros(neurons.num_rows)
    for case in CASES:
        mean = neurons.column(stat_column(case, Quantity.POST, Stat.MEAN)).to_numpy()
        total += np.nan_to_num(mean) * neurons.column(freq_column(case)).to_numpy()
    return total

"""All figures that a model's weights give, in one pass over its layers and a few products of all neurons."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from compute.gated import GatedMLP
from compute.progress import step_bar
from compute.saved import Work
from compute.streamed import StreamedModel
from compute.weights.attention import FirstTokenKeys, attention_scores
from compute.weights.begun import Pass, keep_pass, kept_pass
from compute.weights.directions import Directions, LayerFigures, take_layer
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
from gluscope_core.errors import Stopped
from gluscope_core.io_classes import classify
from gluscope_core.manifest import MismatchRecord, ModelRecord, RolesRecord
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
    home = work.home
    if home is None:
        raise ValueError("directions may be larger than memory: give a folder for them")
    done = kept_pass(home, record.layers, record.d_mlp)
    if done is None:
        done = _through_layers(model, choice, Directions.empty(home, record.layers, record.d_mlp, record.d_model), work)
        keep_pass(home, done)
    directions, layers = done.directions, done.figures
    names = layers[0].columns
    columns = {name: np.concatenate([layer.columns[name] for layer in layers]) for name in names}
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
        found, roles = _roles(done, tokens, columns[NeuronColumn.COS_GATE_IN], choice, work)
        columns |= found
    related = relate(directions, choice.related, choice.relations, choice.device, work) if choice.relations else {}
    _leave_out(columns, broken)
    mismatched = tuple(layer.mismatched for layer in layers)
    used = ids if tokens is None else tokens.ids.cpu().numpy()
    return Analysis(directions, columns, lists, by_token, related, roles, mismatched, used, int(broken.sum()))


def _leave_out(columns: dict[str, np.ndarray], broken: Any) -> None:
    """Nothing is said of neurons that have weights which are not finite numbers."""
    for name, values in columns.items():
        if values.dtype.kind == "f":
            columns[name] = np.where(broken, np.nan, values)


def _through_layers(model: StreamedModel, choice: Choice, directions: Directions, work: Work) -> Pass:
    """One look at each layer: its own figures, and, where roles are wanted, what attention seeks in the first token."""
    figures: list[LayerFigures] = []
    keys = None
    if "roles" in choice.parts and choice.first_token is not None:
        keys = FirstTokenKeys(model.architecture, choice.coordinates)
        keys.attach(model.layers)
    with step_bar("layers", directions.layers) as bar:

        def look(number: int, layer: nn.Module) -> None:
            mlp = GatedMLP(layer, model.architecture)
            figures.append(take_layer(number, mlp, choice.convention, choice.coordinates, directions))
            if keys is not None:
                keys.take(number, layer)
            bar.update()
            if work.stop is not None and work.stop.by:
                looked = f"{number + 1} of {directions.layers} layers were looked at, which begins anew"
                raise Stopped(f"{work.stop.by.name}: {looked}")

        if keys is None or choice.first_token is None:
            model.visit(look)
        else:
            model.visit_running(choice.first_token, look)
    return Pass(directions, keys.heads if keys else {}, figures)


def _roles(
    done: Pass, tokens: TokenDirections, gate_in: np.ndarray, choice: Choice, work: Work
) -> tuple[dict[str, np.ndarray], RolesRecord]:
    directions, heads = done.directions, done.heads
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

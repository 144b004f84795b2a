"""What a neuron does to the model's output, from the scores of its w_out: thresholds, booleans, precedence."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from gluscope_core.vocabulary import Role

_LEAST_KURTOSIS = 10.0
"""Of prediction and suppression, however small the kurtosis of partition neurons is."""


@dataclass(frozen=True)
class Scores:
    """Of every neuron of a model; NaN where there is none."""

    variance: Float[np.ndarray, "neuron"]
    skew: Float[np.ndarray, "neuron"]
    kurtosis: Float[np.ndarray, "neuron"]
    entropy_share: Float[np.ndarray, "neuron"]
    attention: Float[np.ndarray, "neuron"]
    """Towards the heads of the next layer; + is deactivation."""
    gate_in: Float[np.ndarray, "neuron"]
    """cos(w_gate, w_in): of which sign the neuron's activation is when it fires."""


@dataclass(frozen=True)
class Lines:
    """Where roles begin."""

    variance: float
    """The least that makes a partition neuron."""
    kurtosis: float | None
    """Above which a neuron predicts or suppresses; None where that would be nobody."""
    entropy_share: float
    attention_cosine: float


def draw_lines(scores: Scores, partition_share: float, entropy_share: float, attention_cosine: float) -> Lines:
    """Partition is a share of all neurons; prediction and suppression begin where no partition neuron is left."""
    count = max(1, round(partition_share * len(scores.variance)))
    ranked = np.sort(np.nan_to_num(scores.variance, nan=-np.inf))
    least = float(ranked[-count])
    among = scores.kurtosis[scores.variance >= least]
    kurtosis = max(_LEAST_KURTOSIS, float(np.nanmax(among))) if np.isfinite(among).any() else _LEAST_KURTOSIS
    anybody = bool((scores.kurtosis > kurtosis).any())
    return Lines(least, kurtosis if anybody else None, entropy_share, attention_cosine)


def find_roles(scores: Scores, lines: Lines) -> dict[Role, Bool[np.ndarray, "neuron"]]:
    """Each role by its own line; a neuron may have several."""
    peaked = (
        np.full(len(scores.kurtosis), fill_value=False) if lines.kurtosis is None else scores.kurtosis > lines.kurtosis
    )
    direction = scores.gate_in * scores.skew
    return {
        Role.PARTITION: scores.variance >= lines.variance,
        Role.PREDICTION: peaked & (direction > 0),
        Role.SUPPRESSION: peaked & (direction < 0),
        Role.ENTROPY: scores.entropy_share > lines.entropy_share,
        Role.ATTENTION_DEACTIVATION: scores.attention > lines.attention_cosine,
        Role.ATTENTION_ACTIVATION: scores.attention < -lines.attention_cosine,
    }


def first_roles(roles: dict[Role, Bool[np.ndarray, "neuron"]]) -> np.ndarray:
    """One role for each neuron, by precedence; None where it has none."""
    chosen = np.full(len(next(iter(roles.values()))), None, dtype=object)
    for role in reversed(Role):
        chosen[roles[role]] = role.value
    return chosen

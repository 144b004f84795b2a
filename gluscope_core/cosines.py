"""The heading of a neuron: its three cosines beside those of random directions, its class, and how near to another."""

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from gluscope_core.baselines import random_cosine_bound
from gluscope_core.columns import NeuronColumn
from gluscope_core.formats import exact, fixed, number
from gluscope_core.hover_words import explain_class, explain_role
from gluscope_core.io_classes import DEFAULT_THRESHOLD, classify
from gluscope_core.manifest import Manifest
from gluscope_core.schema import COSINES
from gluscope_core.vocabulary import SignConvention

NAMES = {
    NeuronColumn.COS_GATE_IN: "cos(gate, in)",
    NeuronColumn.COS_GATE_OUT: "cos(gate, out)",
    NeuronColumn.COS_IN_OUT: "cos(in, out)",
}
_LATER_WORDS = {"enrichment": "strengthening", "depletion": "weakening"}
_NUDGE = 1e-6
ARBITRARY_SIGN = (
    "|cos(gate, in)| lies within the band of random directions, so which sign is the aligned one is nearly arbitrary: "
    "prefer figures that do not depend on it, such as the frequency of x_gate > 0, |post|, act, or cos(in, out)."
)


def threshold_of(manifest: Manifest) -> float:
    return manifest.weights.threshold if manifest.weights else DEFAULT_THRESHOLD


def signs_of_cosines(manifest: Manifest) -> str:
    """Of those that turn with w_in and w_out: in which signs they are, in a sentence."""
    if manifest.weights is None:
        return ""
    said = f"The signs of cos(gate, in) and cos(gate, out) are a convention (here: {manifest.weights.sign_convention}"
    if manifest.sign_convention is SignConvention.UNKNOWN:
        return f"{said}, those of the weights; which ones the activations are in is not known)."
    return f"{said})."


def both_names(io_class: str) -> str:
    """As the first paper says it, and as the later one does."""
    for first, later in _LATER_WORDS.items():
        if first in io_class:
            return f"{io_class} / {io_class.replace(first, later)}"
    return io_class


def nearest_class(row: Mapping[str, Any], threshold: float) -> tuple[str, float, str] | None:
    """Which cosine is nearest to the threshold, how far it is from it (above 0: beyond), and the class it would make
    on the other side; None where no cosine alone makes another class, or where there is none."""
    cosines: dict[str, Any] = {name: row[name] for name in COSINES}
    if any(value is None for value in cosines.values()):
        return None
    here = class_of(cosines, threshold)
    candidates = []
    for name, value in cosines.items():
        beyond = abs(value) - threshold
        moved = np.copysign(threshold + (-_NUDGE if beyond > 0 else _NUDGE), value)
        other = class_of({**cosines, name: moved}, threshold)
        if other != here:
            candidates.append((name, beyond, other))
    return min(candidates, key=lambda each: abs(each[1]), default=None)


def class_of(row: Mapping[Any, Any], threshold: float) -> str | None:
    """By its cosines; None where one is missing."""
    values = (np.array([row[name]], dtype=np.float64) for name in COSINES)
    return classify(*values, threshold=threshold)[0]


def sign_is_arbitrary(row: Mapping[str, Any], d_model: int | None) -> bool:
    """Whether w_gate and w_in are no more alike than random directions, so that aligning them says little."""
    cosine = row[NeuronColumn.COS_GATE_IN]
    return cosine is not None and d_model is not None and abs(cosine) <= random_cosine_bound(d_model)


def cosines_html(row: Mapping[str, Any], manifest: Manifest) -> str:
    """Three small scales from −1 to 1, with the band of random directions and the threshold."""
    width, threshold = manifest.model.d_model, threshold_of(manifest)
    bound = random_cosine_bound(width)
    scales = "".join(_scale(NAMES[name], row[name], bound, threshold) for name in COSINES)
    explanation = f"95\u202f% of random directions (±{bound:.3f}); ticks at ±τ = {threshold:g}"
    legend = f'<span class="legend"><i></i> {explanation}</span>'
    return f'<p class="cosines">{scales}{legend}</p>'


def _scale(name: str, value: float | None, bound: float, threshold: float) -> str:
    if value is None:
        return f'<span class="cosine">{escape(name)} –</span>'
    start, end = sorted((50.0, 50 + 50 * value))
    parts = [
        f'<i class="band" style="left:{50 - 50 * bound:.2f}%;width:{100 * bound:.2f}%"></i>',
        *(f'<i class="tick" style="left:{50 + 50 * at:.2f}%"></i>' for at in (-threshold, threshold)),
        f'<i class="bar" style="left:{start:.2f}%;width:{end - start:.2f}%"></i>',
        '<i class="zero"></i>',
    ]
    return (
        f'<span class="cosine" title="{exact(value)}">{escape(name)} <b>{fixed(value)}</b>'
        f'<span class="scale" aria-hidden="true">{"".join(parts)}</span></span>'
    )


def title_html(row: Mapping[str, Any], manifest: Manifest, neuron: str) -> str:
    """The neuron's name, where it is, its class and its role."""
    layers = manifest.model.layers
    place = f"{escape(manifest.model.id)} · layer {row['layer']} of {layers} (0 to {layers - 1})"
    chips = ""
    io_class, role = row[NeuronColumn.IO_CLASS], row[NeuronColumn.ROLE]
    if io_class:
        chips += _chip(both_names(io_class), "input-output class", explain_class(io_class))
    if role:
        chips += _chip(role, "role by output", explain_role(role))
    name = f'<h1>{escape(neuron)}</h1><span class="place">{place}</span>'
    return f'<div class="title">{name}{chips}{_distance(row, manifest)}</div>'


def _chip(name: str, kind: str, explanation: str) -> str:
    title = f"{kind}: {explanation}" if explanation else kind
    return f'<span class="chip" title="{escape(title)}">{escape(name)}</span>'


_SCORES = {
    NeuronColumn.UNEMBED_VARIANCE: ("variance", "of cos(w_out, W_U) over the tokens: high for partition neurons"),
    NeuronColumn.UNEMBED_SKEW: ("skew", "of cos(w_out, W_U) over the tokens"),
    NeuronColumn.UNEMBED_KURTOSIS: ("kurtosis", "excess, of cos(w_out, W_U): high for prediction and suppression"),
    NeuronColumn.MEAN_POST_SKEW: (
        "mean post · skew",
        "above 0 it promotes its few tokens on average, below 0 suppresses",
    ),
    NeuronColumn.ENTROPY_SHARE: ("entropy share", "of w_out's squared length in W_U's weakest directions"),
    NeuronColumn.ENTROPY_SHARE_CHANCE: ("by chance", "what a random vector would have there"),
    NeuronColumn.ATTENTION_NEXT_LAYER: (
        "attention, next layer",
        "cosine with what makes a head rest on the first token",
    ),
    NeuronColumn.ATTENTION_LATER_LAYERS: ("later layers", "the same over the heads of all later layers"),
    NeuronColumn.DOUBLE_CHECK: ("double check", "how strongly w_gate and w_in both read one token"),
}


def scores_html(row: Mapping[str, Any]) -> str:
    """By what roles are decided, and other figures of the weights."""
    shown = "".join(
        f'<span title="{escape(f"{explanation}: {exact(row[column])}")}">{name} <b>{number(row[column])}</b></span>'
        for column, (name, explanation) in _SCORES.items()
        if row[column] is not None
    )
    return f'<p class="coarse">{shown}</p>'


def _distance(row: Mapping[str, Any], manifest: Manifest) -> str:
    threshold = threshold_of(manifest)
    nearest = nearest_class(row, threshold)
    if nearest is None:
        return ""
    name, beyond, other = nearest
    side = "beyond" if beyond > 0 else "short of"
    return (
        f'<span class="near">nearest other class: {escape(other)} '
        f"({escape(NAMES[NeuronColumn(name)])} is {abs(beyond):.2f} {side} τ = {threshold:g})</span>"
    )

"""Worked examples from weights alone: what the paper on input-output functionality found, and lengths of vectors."""

import numpy as np
import pandas as pd

from gluscope_core.baselines import random_cosine_bound
from gluscope_core.columns import NeuronColumn
from gluscope_core.findings import (
    EXPLORE_PAGE,
    INPUT_OUTPUT_PAGE,
    IO_PAPER,
    OWN,
    Evidence,
    Finding,
    Link,
    Outcome,
    Verdict,
    ranked,
    together,
)
from gluscope_core.findings_charts import bars_chart, lines_chart
from gluscope_core.formats import fixed, percent
from gluscope_core.io_charts import Chance, boxes_chart, composition_chart, medians_chart
from gluscope_core.io_plane import plane_chart, planes
from gluscope_core.io_statistics import IONeurons, bands, boxes, composition
from gluscope_core.metrics import Source
from gluscope_core.palette import ROLE_COLOURS
from gluscope_core.schema import COSINES, LAYER, NEURON
from gluscope_core.vocabulary import IOClass, Role

_TAU = 0.5
"""The paper's threshold; its claims are about classes at it."""
_BULK = 0.8
"""Beyond which the paper sees almost no neuron."""


def _depth(evidence: Evidence) -> Outcome | None:
    found = boxes(evidence.layer, evidence.values(NeuronColumn.COS_IN_OUT))
    if found.empty:
        return None
    medians = dict(zip(found[LAYER].tolist(), found["median"].tolist(), strict=True))
    layers, top = list(medians), max(medians, key=medians.__getitem__)
    below = [layer for layer in layers if layer > top and medians[layer] < 0]
    first, last = medians[layers[0]], medians[layers[-1]]
    turn = f"it first falls below 0 in layer {below[0]}" if below else "it falls below 0 in no layer after that"
    text = (
        f"The median is {fixed(first)} in layer {layers[0]} and largest in layer {top} ({fixed(medians[top])}); "
        f"{turn}, and it ends at {fixed(last)}."
    )
    bound = random_cosine_bound(evidence.manifest.model.d_model)
    placed = evidence.axis.placed(found).assign(name=evidence.manifest.model.id)
    return Outcome(
        Verdict.of(medians[top] > 0 and layers.index(top) < len(layers) / 2, last < 0),
        text,
        "Rule: the largest median is positive and in the first half of the layers; the last one is negative.",
        medians_chart(placed, evidence.axis, [bound]),
        links=(Link("All three cosines by layer", INPUT_OUTPUT_PAGE, {"cosines": "signed"}),),
    )


def _manipulators(evidence: Evidence) -> Outcome | None:
    neurons = _io_neurons(evidence)
    counts = composition(neurons.layer, neurons.classes(_TAU))
    if counts.empty:
        return None
    table = counts.pivot_table(index=LAYER, columns="class", values="neurons", fill_value=0, aggfunc="sum")
    table = table.reindex(columns=[kind.value for kind in IOClass], fill_value=0)
    writing = table.drop(columns=IOClass.ORTHOGONAL_OUTPUT.value)
    shares = (writing.sum(axis=1) / table.sum(axis=1)).to_numpy()
    fullest = int(np.argmax(shares))
    half = writing.iloc[: max(1, len(writing) // 2)]
    conditional = IOClass.CONDITIONAL_ENRICHMENT.value
    leads, overall = (
        float(each[conditional].to_numpy().sum() / max(1, each.to_numpy().sum())) for each in (half, writing)
    )
    late = writing.iloc[len(writing) * 3 // 4 :].sum()
    late_share = percent(late.max() / max(1, late.sum()))
    text = (
        f"Of all neurons {percent(writing.to_numpy().sum() / table.to_numpy().sum())} are input manipulators, of layer "
        f"{writing.index[fullest]} {percent(float(shares[fullest]))}. Conditional enrichment makes {percent(leads)} of "
        f"them in the first half of the layers and {percent(overall)} in all "
        f"(Llama-3.2-3B: more than 80 %); in the last quarter most are {late.idxmax()} "
        f"({late_share})."
    )
    return Outcome(
        Verdict.of(leads > 0.5, late.idxmax() in _LATE),
        text,
        "Rule: conditional enrichment is more than half of the first half's manipulators; in the last quarter the most "
        f"frequent class is depletion, or proportional change, typical or not. At the paper's τ = {_TAU:g}.",
        composition_chart(counts, evidence.axis),
        links=(Link("Another τ", INPUT_OUTPUT_PAGE, {"tau": "0.4"}),),
    )


_LATE = {
    IOClass.DEPLETION.value,
    IOClass.ATYPICAL_DEPLETION.value,
    IOClass.PROPORTIONAL_CHANGE.value,
    IOClass.ATYPICAL_PROPORTIONAL_CHANGE.value,
}


def _right_angles(evidence: Evidence) -> Outcome | None:
    values = np.abs(evidence.values(NeuronColumn.COS_GATE_IN))
    found = boxes(evidence.layer, values)
    if found.empty:
        return None
    known = values[np.isfinite(values)]
    bound = random_cosine_bound(evidence.manifest.model.d_model)
    inside = float(np.mean(known <= bound))
    widest = found.loc[found["median"].idxmax()]
    text = (
        f"The median of |cos(w_gate, w_in)| is {np.median(known):.3f}; {percent(inside)} of neurons lie within the "
        f"band of random directions (±{bound:.3f}). The largest median of a layer is {widest['median']:.3f}, in "
        f"layer {int(widest[LAYER])}. {percent(float(np.mean(known > _TAU)))} are beyond {_TAU:g}."
    )
    chance = Chance(bound, bands(evidence.manifest, NeuronColumn.COS_GATE_IN, magnitudes=True))
    return Outcome(
        Verdict.of(inside >= 0.5),
        text,
        "Rule: at least half lie within 95 % of random directions. Where they do, the sign of (w_in, w_out) is a "
        "convention without content.",
        boxes_chart(found, chance, "|cos(w_gate, w_in)|", evidence.axis, _TAU, signed=False),
        links=(Link("The other two", INPUT_OUTPUT_PAGE, {}),),
    )


def _no_prototypes(evidence: Evidence) -> Outcome | None:
    values = evidence.values(NeuronColumn.COS_IN_OUT)
    found = boxes(evidence.layer, values)
    if found.empty:
        return None
    known = np.abs(values[np.isfinite(values)])
    layer = int(found.loc[found["median"].idxmax(), LAYER])
    beyond = int(np.sum(known > _BULK))
    text = (
        f"Of {len(known):,} neurons {beyond:,} ({percent(beyond / len(known))}) have |cos(w_in, w_out)| above "
        f"{_BULK:g}; the largest is {known.max():.2f}. Even in layer {layer}, where the median is largest, it is "
        f"{fixed(float(np.max(found['median'])))}."
    )
    plane = planes(_io_neurons(evidence), [layer])[0]
    return Outcome(
        Verdict.of(beyond / len(known) < 0.01),
        text,
        f"Rule: fewer than 1 % beyond {_BULK:g}. Cosines are in the coordinates that the dataset's manifest records.",
        plane_chart(plane.drawn, _TAU, f"Layer {layer}", plane.neurons.head(0)),
        plane.drawn,
        square=True,
        links=(Link(f"Layer {layer} beside others", INPUT_OUTPUT_PAGE, {"layers": str(layer)}),),
    )


def _roles(evidence: Evidence) -> Outcome | None:
    frame = evidence.neurons
    roles = frame[NeuronColumn.ROLE].astype(object)
    writing = roles.isin([Role.PREDICTION.value, Role.SUPPRESSION.value]).to_numpy()
    depletion = _io_neurons(evidence).classes(_TAU) == list(IOClass).index(IOClass.DEPLETION)
    if not writing.any() or not depletion.any():
        return None
    layers = evidence.manifest.layers
    last = layers[-max(1, len(layers) // 5)]
    late = float(np.mean(evidence.layer[writing] >= last))
    named = roles.isin([Role.PREDICTION.value, Role.PARTITION.value]).to_numpy()
    suppressing = roles.eq(Role.SUPPRESSION.value).to_numpy()
    share = float(np.mean(named[depletion]))
    text = (
        f"Of {writing.sum():,} prediction and suppression neurons {percent(late)} lie in layers {last} to "
        f"{layers[-1]}. Of {depletion.sum():,} depletion neurons {int(named[depletion].sum()):,} ({percent(share)}) "
        f"are prediction or partition neurons, {int(suppressing[depletion].sum()):,} suppression neurons; among all "
        f"neurons that is {percent(float(np.mean(named)))} and {percent(float(np.mean(suppressing)))}."
    )
    shown = [role.value for role in Role if role.value in set(roles.dropna())]
    counts = pd.crosstab(evidence.layer, roles).reindex(index=list(layers), columns=shown, fill_value=0)
    colours = {role.value: colour for role, colour in ROLE_COLOURS.items()}
    return Outcome(
        Verdict.of(late > 0.5, share > 0.5),
        text,
        "Rules: more than half in the last fifth of the layers; more than half of depletion neurons. The thresholds of "
        "roles were set for OLMo-7B; there are few of these neurons, so shares are rough.",
        bars_chart(counts, colours, "Neurons with a role", "neurons", evidence.axis),
        links=(Link("Depletion neurons by role", INPUT_OUTPUT_PAGE, {"cell": "depletion.any"}),),
    )


def _lengths(evidence: Evidence) -> Outcome | None:
    names = (NeuronColumn.COS_IN_OUT, NeuronColumn.NORM_IN, NeuronColumn.NORM_OUT)
    cosine, norm_in, norm_out = (evidence.values(name) for name in names)
    known = np.isfinite(cosine + norm_in + norm_out)
    if known.sum() < 3:
        return None
    layer = evidence.layer[known]
    cosine, norm_in, norm_out = cosine[known], norm_in[known], norm_out[known]
    ranks = ranked(layer, cosine, norm_in, norm_out)
    reads, writes = together(layer, ranks[0], ranks[1]), together(layer, ranks[0], ranks[2])
    pooled = together(np.zeros(len(layer), dtype=int), *ranked(np.zeros(len(layer), dtype=int), cosine, norm_in)).pooled
    even = evidence.neurons[NEURON].to_numpy()[known] % 2 == 0
    halves = [together(layer[half], ranks[0][half], ranks[1][half]).within for half in (even, ~even)]
    top = reads.highest
    axes = {"x": NeuronColumn.COS_IN_OUT.value, "y": NeuronColumn.NORM_IN.value}
    text = (
        f"Over all neurons the rank correlation of cos(w_in, w_out) with ‖w_in‖ is {fixed(pooled)}, and "
        f"within layers **{fixed(reads.within)}**; in layer {top} it is {fixed(reads.by_layer[top])}, and above 0 in "
        f"{sum(each > 0 for each in reads.by_layer.values())} of {len(reads.by_layer)} layers. With ‖w_out‖ it is "
        f"{fixed(writes.within)} within layers. Lengths also differ from layer to layer, and so do cosines: what is "
        "pooled mixes that with what holds within them."
    )
    return Outcome(
        Verdict.of(min(reads.within, *halves) > 0.3),
        text,
        f"Rule: ρ above 0.3 within layers, in either half of the neurons (even, odd numbers; {fixed(halves[0])} and "
        f"{fixed(halves[1])}). A correlation, no cause: weight decay and training's order may shape both. ‖w_in‖ "
        "contains the scale of the norm before the MLP. Found on SmolLM2-135M.",
        lines_chart(
            {"with ‖w_in‖": reads.by_layer, "with ‖w_out‖": writes.by_layer},
            "Rank correlation of cos(w_in, w_out) with lengths", "ρ in a layer", evidence.axis,
        ),
        links=(
            Link("Pooled and within, on Explore", EXPLORE_PAGE, axes),
            Link(f"Layer {top} alone", EXPLORE_PAGE, {**axes, "layers": str(top)}),
        ),
    )  # fmt: skip


def _io_neurons(evidence: Evidence) -> IONeurons:
    return IONeurons.of(evidence.neurons)


_BASE = (LAYER, NEURON, *COSINES, NeuronColumn.ROLE, NeuronColumn.MEAN_GAIN, NeuronColumn.EFFECTIVE_IO)
OF_WEIGHTS = (
    Finding(
        "enrichment-early-depletion-late",
        "Enrichment early, depletion late",
        "In all 12 models the median of cos(w_in, w_out) is positive in early-middle layers and negative in the end.",
        f"{IO_PAPER}, section 5.2", Source.WEIGHTS, _BASE, _depth,
    ),
    Finding(
        "input-manipulators",
        "Conditional enrichment leads the input manipulators",
        "Many neurons write along what they read (25 % in Llama-3.2-3B, up to 50 % in layers 7 to 11). Conditional "
        "enrichment dominates early-middle layers; late ones are often proportional change or depletion.",
        f"{IO_PAPER}, section 5.1", Source.WEIGHTS, _BASE, _manipulators,
    ),
    Finding(
        "right-angles",
        "The two directions read are nearly at right angles",
        "|cos(w_gate, w_in)| is mostly concentrated around 0: most neurons operate on two directions, not one.",
        f"{IO_PAPER}, section 5.2", Source.WEIGHTS, _BASE, _right_angles,
    ),
    Finding(
        "no-prototypes",
        "Almost no neuron is a prototype",
        "cos(w_in, w_out) is approximately bounded by ±0.8: neurons add related information, not what is there.",
        f"{IO_PAPER}, section 5.3", Source.WEIGHTS, _BASE, _no_prototypes,
    ),
    Finding(
        "roles-of-depletion",
        "Roles by output: late, and of depletion neurons",
        "In OLMo-7B prediction and suppression neurons mostly occur in the final layers, and a majority of the "
        "depletion neurons are prediction or partition neurons.",
        f"{IO_PAPER}, appendix F", Source.WEIGHTS, _BASE, _roles,
    ),
)  # fmt: skip
LENGTHS = Finding(
    "lengths",
    "Neurons that write what they read have long vectors",
    "Is the length of a neuron's vectors related to its input-output functionality?",
    OWN, Source.WEIGHTS, (*_BASE, NeuronColumn.NORM_IN, NeuronColumn.NORM_OUT), _lengths,
)  # fmt: skip

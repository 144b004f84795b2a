"""Worked examples from activations: how often neurons open, what they do on average, and what is rare but strong."""

import numpy as np
import pandas as pd

from gluscope_core.activations import activation
from gluscope_core.columns import NeuronColumn, SampleColumn, StrikingColumn
from gluscope_core.findings import (
    EXPLORE_PAGE,
    GLUSCOPE_PAPER,
    INPUT_OUTPUT_PAGE,
    IO_PAPER,
    NEURON_PAGE,
    OWN,
    Evidence,
    Finding,
    Link,
    Outcome,
    Verdict,
    partial,
    ranked,
    together,
)
from gluscope_core.findings_charts import again_chart, lines_chart
from gluscope_core.formats import fixed, percent
from gluscope_core.io_classes import IO_CLASSES
from gluscope_core.io_gains import gains_chart
from gluscope_core.io_statistics import IONeurons, gains, gains_of_classes
from gluscope_core.metrics import Source
from gluscope_core.overview import striking_table
from gluscope_core.schema import COSINES, LAYER, NEURON, STRIKING_TABLE
from gluscope_core.vocabulary import CASES, Case, IOClass, count_column, freq_column, post_in_column

_OPEN = tuple(case for case in CASES if case.gate_sign > 0)
_CLOSED = {case.column for case in CASES if case.gate_sign < 0}
_TAU = 0.5
_TENTH = 0.1


def _rarely_open(evidence: Evidence) -> Outcome | None:
    cosine, lengths = evidence.values(NeuronColumn.COS_IN_OUT), evidence.values(NeuronColumn.NORM_IN)
    opened = sum((evidence.values(freq_column(case)) for case in _OPEN), np.zeros(len(cosine)))
    known = np.isfinite(cosine + opened + lengths)
    if known.sum() < 3:
        return None
    layer, cosine, opened, lengths = evidence.layer[known], cosine[known], opened[known], lengths[known]
    found = together(layer, cosine, opened)
    ranks = ranked(layer, cosine, opened, lengths)
    pairs = [together(layer, ranks[i], ranks[j]).within for i, j in ((0, 1), (0, 2), (1, 2))]
    lowest, last = found.lowest, max(found.by_layer)
    text = (
        f"r of cos(w_in, w_out) with the frequency of x_gate > 0 is {fixed(found.pooled)} over all neurons and "
        f"**{fixed(found.within)}** within layers. It is strongest in layer {lowest} ({fixed(found.by_layer[lowest])}) "
        f"and {fixed(found.by_layer[last])} in the last. Ranks give {fixed(pairs[0])} within layers, of which "
        f"{fixed(partial(*pairs))} is left when ‖w_in‖ is held fixed (see the finding on lengths)."
    )
    state = {"x": NeuronColumn.COS_IN_OUT.value, "y": "freq_gate_pos"}
    return Outcome(
        Verdict.of(found.within < -_TAU),
        text,
        "Rule: r below −0.5 within layers. Intervals, shuffles and standard errors stand on Explore.",
        lines_chart({"r": found.by_layer}, "cos(w_in, w_out) and how often x_gate > 0", "r in a layer", evidence.axis),
        links=(Link("All neurons, on Explore", EXPLORE_PAGE, state),),
    )


def _weak_cases(evidence: Evidence) -> Outcome | None:
    striking = evidence.striking
    if striking is None or striking.empty:
        return None
    closed = striking.loc[[name in _CLOSED for name in striking[StrikingColumn.CASE]]]
    if closed.empty:
        return None
    again = float(np.mean(closed[StrikingColumn.AGAIN] >= _TENTH))
    middle = [float(np.median(closed[name])) for name in (StrikingColumn.FOUND, StrikingColumn.AGAIN)]
    text = (
        f"{len(closed):,} neurons were chosen, by one half of the texts, for a gate− case of at most 1 % of the tokens "
        "in which the strongest |post| is at least a tenth of the neuron's strongest in any case. In the other half of "
        f"the texts that is so again for **{percent(again)}** of them; the median strength was {middle[0]:.2f} when "
        f"found, and {middle[1]:.2f} when seen again. So such cases are no accident of the texts."
    )
    table = striking_table(closed, rows=len(closed))
    links = tuple(
        Link(f"{row['neuron']}, {row['case']}", NEURON_PAGE, {"neuron": row["neuron"], "case": row["code"]})
        for row in table.head(6).to_dict("records")
    )
    shown = table.set_axis(["neuron", "case", "code", "frequency", "found", "again"], axis=1)
    return Outcome(
        Verdict.PARTLY if again > _TAU else Verdict.FAILS,
        text,
        "Rule: in part where more than half are strong again. That they can be interpreted is not tested here: whether "
        "the texts of a neuron have something in common is for a reader to say. The links are in the table's order.",
        again_chart(shown),
        links=links,
    )


def _gain(evidence: Evidence) -> Outcome | None:
    neurons = IONeurons.of(evidence.neurons)
    classes, gain = neurons.classes(_TAU), neurons.gains[NeuronColumn.MEAN_GAIN]
    conditional = classes == IO_CLASSES.index(IOClass.CONDITIONAL_ENRICHMENT)
    here = conditional & np.isfinite(gain)
    if not here.any():
        return None
    along = sum((_written(evidence, case)[here] for case in _OPEN), np.zeros(here.sum()))
    against = sum((_written(evidence, case)[here] for case in CASES if case not in _OPEN), np.zeros(here.sum()))
    total = along.sum() - against.sum()
    opened = sum((evidence.values(freq_column(case))[here] for case in _OPEN), np.zeros(here.sum()))
    text = (
        f"Mean gain, E[post · x_in] / E[x_in²], is negative for **{percent(float(np.mean(gain[here] < 0)))}** of the "
        f"{here.sum():,} conditional enrichment neurons (mean {fixed(float(gain[here].mean()))}). Their gate is "
        f"open at {percent(float(np.median(opened)))} of the tokens (median); where it is not, the activation function "
        "is negative, and they write against what they read. "
        f"Of what they write, by |post · x_in|, {percent(float(along.sum() / total)) if total else 'none'} is along. "
        f"{_of_depletion(classes, gain)}"
    )
    table = gains_of_classes(classes, gain)
    return Outcome(
        Verdict.of(float(np.mean(gain[here] < 0)) > _TAU),
        text,
        f"Rule: more than half have a negative gain. {_halves(evidence, neurons, conditional)}"
        "Averages over all tokens hide the rare ones at which a gate is wide "
        "open, and those may matter most. Against what is read: against x_in, not against the whole residual stream.",
        gains_chart(gains(neurons.layer, classes, gain), table, "Mean gain by class and layer", evidence.axis),
        links=(
            Link("With effective IO, and another τ", INPUT_OUTPUT_PAGE, {}),
            Link("Against cos(w_in, w_out)", EXPLORE_PAGE, {"x": NeuronColumn.COS_IN_OUT.value, "y": "mean_gain"}),
            *_example(evidence, neurons, here),
        ),
    )


def _written(evidence: Evidence, case: Case) -> np.ndarray:
    """Sum of post · x_in over the tokens of a case: above 0 where the gate is open, below where it is not."""
    return np.nan_to_num(evidence.values(post_in_column(case))) * np.nan_to_num(evidence.values(count_column(case)))


def _of_depletion(classes: np.ndarray, gain: np.ndarray) -> str:
    here = (classes == IO_CLASSES.index(IOClass.CONDITIONAL_DEPLETION)) & np.isfinite(gain)
    if not here.any():
        return ""
    positive = percent(float(np.mean(gain[here] > 0)))
    return f"Conditional depletion neurons, by contrast, do deplete: {positive} of {here.sum():,} have a positive gain."


def _halves(evidence: Evidence, neurons: IONeurons, chosen: np.ndarray) -> str:
    """The same from the sampled tokens of even and of odd texts, of the neurons that have samples."""
    if evidence.samples is None or evidence.samples.empty:
        return ""
    wanted = set(zip(neurons.layer[chosen].tolist(), neurons.neuron[chosen].tolist(), strict=True))
    act = activation(evidence.manifest.model.activation)
    rows = [
        sampled_gains(act(row[SampleColumn.GATE]), row[SampleColumn.IN], row[SampleColumn.INDICES])
        for row in evidence.samples.to_dict("records")
        if (row[LAYER], row[NEURON]) in wanted
    ]
    if not rows:
        return ""
    even, odd = (np.mean([row[half] < 0 for row in rows]) for half in (0, 1))
    return (
        f"Checked on a split of the texts: by sampled tokens, {percent(float(even))} of the {len(rows)} neurons that "
        f"have samples are negative in the even texts and {percent(float(odd))} in the odd ones. "
    )


def sampled_gains(act: np.ndarray, x_in: np.ndarray, texts: np.ndarray) -> tuple[float, float]:
    """Mean gain at the sampled tokens of even texts, and of odd ones."""
    x_in = np.asarray(x_in, dtype=np.float64)
    halves = (np.asarray(texts) % 2 == 0, np.asarray(texts) % 2 == 1)
    even, odd = (float(np.sum(act[half] * x_in[half] ** 2) / np.sum(x_in[half] ** 2)) for half in halves)
    return even, odd


def _example(evidence: Evidence, neurons: IONeurons, here: np.ndarray) -> tuple[Link, ...]:
    """The neuron with the strongest cosine among those that have samples, and so examples."""
    if evidence.samples is None:
        return ()
    sampled = pd.MultiIndex.from_arrays([evidence.samples[LAYER], evidence.samples[NEURON]])
    have = pd.MultiIndex.from_arrays([neurons.layer, neurons.neuron]).isin(sampled) & here
    if not have.any():
        return ()
    place = np.flatnonzero(have)[np.argmax(neurons.cosines[NeuronColumn.COS_IN_OUT][have])]
    name = f"{neurons.layer[place]}.{neurons.neuron[place]}"
    return (Link(f"One of them: {name}", NEURON_PAGE, {"neuron": name}),)


_BASE = (LAYER, NEURON, *COSINES, NeuronColumn.ROLE, NeuronColumn.MEAN_GAIN, NeuronColumn.EFFECTIVE_IO)
_SUMS = tuple(name(case) for case in CASES for name in (post_in_column, count_column))
RARELY_OPEN = Finding(
    "rarely-open",
    "Neurons that write what they read are rarely active",
    "There is a strong negative correlation between cos(w_in, w_out) and the frequency of x_gate > 0.",
    f"{GLUSCOPE_PAPER}, section 5.1", Source.BOTH,
    (*_BASE, NeuronColumn.NORM_IN, *(freq_column(case) for case in _OPEN)), _rarely_open,
)  # fmt: skip
WEAK_CASES = Finding(
    "weak-cases",
    "What happens where the gate is negative",
    "Weak activations of gate− cases can be the interpretable ones, as in 31.9634 of OLMo-7B; tools that keep only the "
    "strongest would miss them.",
    f"{GLUSCOPE_PAPER}, section 5.2; {IO_PAPER}, section 6",
    Source.TEXTS, (LAYER,), _weak_cases, (STRIKING_TABLE.name,),
)  # fmt: skip
GAIN = Finding(
    "mean-gain",
    "Enrichment neurons do not enrich on average",
    "By its weights a conditional enrichment neuron adds to what it reads, if its gate is open. What does it do over "
    "all tokens?",
    OWN, Source.BOTH,
    (*_BASE, *_SUMS, *(freq_column(case) for case in _OPEN)), _gain,
)  # fmt: skip

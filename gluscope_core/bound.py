"""Which pairs of metrics are bound by how they are made, so that a correlation between them says little or nothing."""

from gluscope_core.columns import NeuronColumn
from gluscope_core.metrics import Metric, Within
from gluscope_core.schema import COSINES
from gluscope_core.token_means import FIGURES
from gluscope_core.vocabulary import CASES, Quantity, Stat

_PRODUCTS = {
    NeuronColumn.EFFECTIVE_IO: (NeuronColumn.MEAN_GAIN, NeuronColumn.COS_IN_OUT),
    NeuronColumn.MEAN_POST_SKEW: ("mean_post", NeuronColumn.UNEMBED_SKEW),
}
_MOMENTS = {NeuronColumn.UNEMBED_VARIANCE, NeuronColumn.UNEMBED_SKEW, NeuronColumn.UNEMBED_KURTOSIS}
_GAINS = {NeuronColumn.MEAN_GAIN, NeuronColumn.EFFECTIVE_IO}
_ATTENTION = {NeuronColumn.ATTENTION_NEXT_LAYER, NeuronColumn.ATTENTION_LATER_LAYERS}


def why_bound(first: Metric, second: Metric) -> str | None:
    """What ties two metrics together by construction, as a sentence; None where nothing does."""
    if first.key == second.key:
        return "The two metrics are the same."
    if first.cases and second.cases:
        return _frequencies(first, second)
    if first.within and second.within:
        return _same_case(first.within, second.within)
    return _by_definition(first, second) or _part_of_whole(first, second) or _of_gain(first, second)


def _frequencies(first: Metric, second: Metric) -> str:
    shared = first.cases & second.cases
    if shared:
        return f"Both contain the frequency of {', '.join(case.label for case in CASES if case in shared)}."
    if first.cases | second.cases == set(CASES):
        return "The two frequencies sum to 1, save for tokens whose gate or in is exactly 0."
    return "The four frequencies sum to 1: where one is larger there is less left for the others."


def _same_case(first: Within, second: Within) -> str | None:
    (case, one, stat), (other_case, other, other_stat) = first, second
    if case is not other_case:
        return None
    if one is other:
        ordered = not {stat, other_stat} & {Stat.STD}
        return f"Both describe {one.label} of the same tokens" + (
            ": min ≤ mean ≤ max." if ordered else "; its spread and its size go together."
        )
    if Quantity.POST in (one, other):
        return "post = act · in, over the same tokens."
    if {one, other} == {Quantity.GATE, Quantity.ACT}:
        return "act is a function of gate, over the same tokens."
    return None


def _by_definition(first: Metric, second: Metric) -> str | None:
    keys = {first.key, second.key}
    for product, factors in _PRODUCTS.items():
        if product in keys and keys & set(factors):
            return f"One is a factor of the other: {product} = {' · '.join(factors)}."
    if keys <= set(COSINES):
        return "The three cosines belong to three vectors: two that are large decide the third."
    if keys <= _MOMENTS:
        return "Both are moments of one distribution (kurtosis ≥ skewness² − 2)."
    if keys <= _ATTENTION:
        return "The later layers contain the next one."
    if keys == {NeuronColumn.DOUBLE_CHECK, NeuronColumn.COS_GATE_IN}:
        return "The double check is null where |cos(w_gate, w_in)| is above the threshold of IO classes."
    return None


def _part_of_whole(first: Metric, second: Metric) -> str | None:
    """A figure over all tokens contains the figures of its cases."""
    shared = set(first.columns) & set(second.columns)
    return f"Both are computed from {', '.join(sorted(shared))}." if shared else None


def _of_gain(first: Metric, second: Metric) -> str | None:
    """Of figures of one case, and of those over all tokens, which are made of the cases'."""
    for gain, other in ((first, second), (second, first)):
        quantity = _quantity(other)
        if gain.key in _GAINS and quantity is not None:
            weighted = "E[act · in²] / E[in²], a mean of act(gate) weighted by in²"
            made = weighted if quantity in (Quantity.GATE, Quantity.ACT) else "E[post · in] / E[in²]"
            part = " contains mean gain" if gain.key == NeuronColumn.EFFECTIVE_IO else ""
            return f"{gain.name}{part} = {made}; {other.name} is of the same tokens."
    return None


def _quantity(metric: Metric) -> Quantity | None:
    if metric.within:
        return metric.within[1]
    return next((figure.quantity for figure in FIGURES if figure.key == metric.key), None)

"""Two neurons in HTML: the cosines between their vectors, and the correlations of their activations."""

import math
from collections.abc import Mapping
from html import escape

from gluscope_core.compare import Cosine, Limit, Shared
from gluscope_core.formats import exact, fixed
from gluscope_core.ids import NeuronId
from gluscope_core.vocabulary import QUANTITIES, VECTORS, Vector

_NOT_STORED = '<span class="more" title="No list holds cosines of these two vectors">not stored</span>'
_HALF_FLOAT = 2**-11
"""By which share of it a stored cosine may be too small."""


def cosines_between_html(
    one: NeuronId,
    other: NeuronId,
    known: Mapping[tuple[Vector, Vector], Cosine],
    limits: Mapping[tuple[Vector, Vector], Limit],
) -> str:
    """Rows are vectors of the first, columns of the second."""
    heads = "".join(f'<th scope="col">{vector.value} of {other}</th>' for vector in VECTORS)
    rows = "".join(
        f'<tr><th scope="row">{row.value} of {one}</th>'
        f"{''.join(f'<td>{_cosine(known.get((row, column)), limits.get((row, column)))}</td>' for column in VECTORS)}"
        "</tr>"
        for row in VECTORS
    )
    return f'<table class="between"><thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _cosine(cosine: Cosine | None, limit: Limit | None) -> str:
    if cosine is None:
        return _NOT_STORED if limit is None else _limit(limit)
    shown = fixed(cosine.value) if cosine.certain else f"±{abs(cosine.value):.2f}"
    return f'<b title="{exact(cosine.value)}">{shown}</b>'


def _limit(limit: Limit) -> str:
    """Rounded away from 0, so that it stays true."""
    end = math.ceil(100 * (limit.value + abs(limit.value) * _HALF_FLOAT)) / 100
    name, shown = ("|cos|", f"{end:.2f}") if limit.of_magnitude else ("cos", fixed(end))
    told = "In neither list of the strongest of the two, so no stronger than the weakest there"
    return f'<span class="more" title="{told}">{name} ≤ {shown}</span>'


def correlations_html(shared: Shared) -> str:
    """One row per quantity: r and its interval."""
    rows = ""
    for quantity in QUANTITIES:
        found = shared.by_quantity[quantity]
        if found.value is None:
            cells = f'<td colspan="2">{escape(found.problem)}</td>'
        else:
            interval = "" if found.interval is None else " … ".join(fixed(end) for end in found.interval)
            cells = f'<td><b title="{exact(found.value)}">{fixed(found.value)}</b></td><td>{interval}</td>'
        rows += f'<tr><th scope="row">{quantity.label}</th>{cells}</tr>'
    head = '<th scope="col">r</th><th scope="col">95\u202f%, resampled texts</th>'
    return f'<table class="between"><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table>'


def correlations_note(shared: Shared, samples: tuple[int, int]) -> str:
    """What the coefficients are over."""
    least = min(samples)
    matched = "" if shared.tokens == least else f" ({shared.tokens:,} of the {least:,} match by text and position)"
    few = "" if all(each.interval for each in shared.by_quantity.values()) else " Intervals need ten texts."
    return (
        f"Pearson's r over n = {shared.tokens:,} tokens of {shared.texts:,} texts, drawn uniformly from the counted "
        f"tokens, the same for every neuron{matched}. Intervals hold 95 % of 1,000 resamples of texts.{few}"
    )

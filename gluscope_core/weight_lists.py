"""What a neuron's weights say, as HTML: the tokens that its vectors point to, and its neighbours and links."""

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import pandas as pd

from gluscope_core.baselines import expected_largest_combined, expected_largest_cosine
from gluscope_core.formats import exact, fixed
from gluscope_core.ids import NeuronId
from gluscope_core.manifest import Manifest
from gluscope_core.token_text import TokenTexts
from gluscope_core.vocabulary import RELATIONS, SIGNS, VECTORS, Matrix, Relation, Vector

_LATER = (Relation.READ_BY_GATE, Relation.READ_BY_IN)
_EARLIER = (Relation.GATE_READS, Relation.IN_READS)
_MARKS = {1: "+", -1: "−"}


def token_lists_html(tokens: pd.DataFrame, matrix: Matrix, texts: TokenTexts) -> str:
    """The three vectors side by side, each with the tokens it points to and away from."""
    mine = tokens.loc[tokens["matrix"] == matrix.value]
    columns = "".join(
        f"<div><h3>{vector.value}</h3>{''.join(_token_list(mine, vector, sign, texts) for sign in SIGNS)}</div>"
        for vector in VECTORS
    )
    return f'<div class="vectors">{columns}</div>{_shared(mine, texts)}'


def _token_list(tokens: pd.DataFrame, vector: Vector, sign: int, texts: TokenTexts) -> str:
    listed = tokens[(tokens["vector"] == vector.value) & (tokens["sign"] == sign)]
    shown = "".join(
        f'<q title="cosine {fixed(cosine, 3)}, dot product {exact(dot)}">{escape(texts.one(int(token)))}</q>'
        for token, dot, cosine in zip(listed["token"], listed["dot"], listed["cosine"], strict=True)
    )
    strongest = (
        f'<small title="cosine of the first">{fixed(float(listed["cosine"].iloc[0]))}</small>' if len(listed) else ""
    )
    return f'<p class="tokens"><b>{_MARKS[sign]}</b>{strongest} {shown or "none"}</p>'


def shared_tokens(tokens: pd.DataFrame) -> pd.DataFrame:
    """Tokens in a list of w_gate and in one of w_in, of whichever signs; the strongest by the lesser cosine first."""
    gate, linear = (tokens[tokens["vector"] == vector.value] for vector in (Vector.GATE, Vector.IN))
    both = gate.merge(linear, on="token", suffixes=("_gate", "_in"))
    lesser = both[["cosine_gate", "cosine_in"]].abs().min(axis=1)
    return both.assign(lesser=lesser).sort_values("lesser", ascending=False, kind="stable")


def _shared(tokens: pd.DataFrame, texts: TokenTexts) -> str:
    shown = "".join(
        f'<q title="cosine with w_gate {fixed(gate, 3)}, with w_in {fixed(linear, 3)}">{escape(texts.one(int(token)))}'
        f"</q><small>{_MARKS[1 if gate > 0 else -1]} {_MARKS[1 if linear > 0 else -1]}</small> "
        for token, gate, linear in shared_tokens(tokens)[["token", "cosine_gate", "cosine_in"]].itertuples(index=False)
    )
    explanation = "tokens in a list of w_gate and in one of w_in, with the sign in each"
    return (
        f'<p class="tokens"><span class="name" title="{explanation}">w_gate and w_in share</span> {shown or "none"}</p>'
    )


def expected_by_chance(manifest: Manifest, relation: Relation, layer: int) -> float | None:
    """How large the largest cosine of a list would be, had all neurons random weights; None where there is no other."""
    width, dimension, layers = manifest.model.d_mlp, manifest.model.d_model, manifest.model.layers
    if relation in _LATER:
        candidates = (layers - 1 - layer) * width
    elif relation in _EARLIER:
        candidates = layer * width
    else:
        candidates = layers * width - 1
    if candidates < 1 or dimension is None:
        return None
    if relation is Relation.NEAR_ALL:
        return expected_largest_combined(dimension, candidates)
    return expected_largest_cosine(dimension, candidates, either_sign=relation is not Relation.NEAR_GATE)


def related_html(
    related: pd.DataFrame,
    manifest: Manifest,
    layer: int,
    link: Callable[[NeuronId], str],
    compare: Callable[[NeuronId], str] | None = None,
) -> str:
    """Neighbours and links, each a link to the neuron's page, and to where `compare` says that both can be seen."""
    blocks = []
    for relation in RELATIONS:
        listed = related.loc[related["relation"] == relation.value]
        chance = expected_by_chance(manifest, relation, layer)
        if chance is None:
            continue
        links = "".join(_entry(row, manifest, link, compare) for row in listed.to_dict("records"))
        by_chance = f"<small>by chance up to {chance:.2f}</small>"
        blocks.append(f"<div><h3>{relation.value} {by_chance}</h3><ol>{links or '<li>none</li>'}</ol></div>")
    return f'<div class="related">{"".join(blocks)}</div>'


def _entry(
    row: Mapping[str, Any],
    manifest: Manifest,
    link: Callable[[NeuronId], str],
    compare: Callable[[NeuronId], str] | None,
) -> str:
    """A link where the dataset has the neuron; its cosine without a sign where that is not known."""
    neuron, cosine = NeuronId(int(row["layer"]), int(row["neuron"])), float(row["cosine"])
    is_here = manifest.holds(neuron)
    name = link(neuron) if is_here else str(neuron)
    shown = fixed(cosine) if row.get("certain", True) else f"±{abs(cosine):.2f}"
    words = f'title="compare with {neuron}" aria-label="compare with {neuron}"'
    both = f'<a class="both" href="{escape(compare(neuron))}" {words} data-go>⇄</a>' if compare and is_here else ""
    return f'<li>{name} <span title="{exact(cosine)}">{shown} {both}</span></li>'

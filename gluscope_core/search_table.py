"""What a search found, as rows of HTML to read and as files to keep."""

import json
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd

from gluscope_core.columns import NeuronColumn
from gluscope_core.formats import exact, fixed, number
from gluscope_core.ids import NeuronId
from gluscope_core.manifest import Manifest
from gluscope_core.metrics import Metric
from gluscope_core.quadrant import quadrant_svg
from gluscope_core.query import Query
from gluscope_core.schema import LAYER, NEURON
from gluscope_core.search import LISTS, metrics_of
from gluscope_core.spreadsheet import csv_bytes
from gluscope_core.token_text import TokenTexts
from gluscope_core.vocabulary import CASES, Matrix, Vector

_TOKENS_SHOWN = 4
_SHOWN_VECTORS = (Vector.GATE, Vector.IN, Vector.OUT)
_LISTS_SHOWN = 3
_CASE_LABELS = {case.column: case.label for case in CASES}
_LISTS_HELP = "lists of the token in which the neuron stands; cosine, or number of strongest examples"
_TOKENS_HELP = "tokens that each vector points to by W_U, the first ones"


def results_html(
    neurons: pd.DataFrame,
    metrics: Sequence[Metric],
    link: Callable[[NeuronId], str],
    tokens: Mapping[NeuronId, Mapping[Vector, Sequence[str]]],
) -> str:
    """One row per neuron, its name a link to its page. Columns that are empty for all are left out."""
    named = [metric for metric in metrics if metric.key in neurons]
    with_lists = LISTS in neurons
    heads = [("neuron", ""), ("cases", "area: share of the counted tokens; gate+ right, in+ up"), ("class, role", "")]
    heads += [("found in", _LISTS_HELP)] * with_lists
    heads += [(metric.name, metric.meaning) for metric in named]
    heads += [("tokens", _TOKENS_HELP)] * bool(tokens)
    head = "".join(f'<th scope="col" title="{escape(title)}">{escape(name)}</th>' for name, title in heads)
    body = "".join(_row(row, named, link, tokens or None, with_lists=with_lists) for row in neurons.to_dict("records"))
    return f'<table class="results"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _row(
    row: Mapping[Any, Any],
    metrics: Sequence[Metric],
    link: Callable[[NeuronId], str],
    tokens: Mapping[NeuronId, Mapping[Vector, Sequence[str]]] | None,
    *,
    with_lists: bool,
) -> str:
    neuron = NeuronId(int(row[LAYER]), int(row[NEURON]))
    kinds = [row[name] for name in (NeuronColumn.IO_CLASS, NeuronColumn.ROLE) if isinstance(row[name], str)]
    cells = [quadrant_svg(row), "<br>".join(f"<span>{escape(kind)}</span>" for kind in kinds)]
    if with_lists:
        cells.append(lists_html(row[LISTS]))
    figures = "".join(
        f'<td class="figure" title="{exact(row[metric.key])}">{number(row[metric.key])}</td>' for metric in metrics
    )
    last = "" if tokens is None else f"<td>{_tokens_html(tokens.get(neuron, {}))}</td>"
    name = f'<th scope="row"><a href="{escape(link(neuron))}" data-go>{neuron}</a></th>'
    return f"<tr>{name}{''.join(f'<td>{cell}</td>' for cell in cells)}{figures}{last}</tr>"


def lists_html(entries: Any) -> str:
    """The first lists in view, all of them where one hovers."""
    if not isinstance(entries, list):
        return ""
    said = [_list_words(entry) for entry in entries]
    shown = "<br>".join(f"<span>{escape(text)}</span>" for text in said[:_LISTS_SHOWN])
    more = f" <small>and {len(said) - _LISTS_SHOWN} more</small>" if len(said) > _LISTS_SHOWN else ""
    return f'<span title="{escape("; ".join(said))}">{shown}{more}</span>'


def _list_words(entry: Mapping[str, Any]) -> str:
    if isinstance(entry["vector"], str):
        direction = "to" if entry["sign"] > 0 else "away"
        return f"{entry['vector']} {direction} {fixed(float(entry['value']))} {entry['matrix']}"
    where = "before" if entry["before"] else "on"
    return f"{_CASE_LABELS[entry['case']]} {where} ×{entry['value']:.0f}"


def _tokens_html(tokens: Mapping[Vector, Sequence[str]]) -> str:
    return "<br>".join(
        f'<span class="tokens"><small>{vector.value[2:]}</small> {"".join(f"<q>{escape(text)}</q>" for text in listed)}'
        "</span>"
        for vector, listed in tokens.items()
        if listed
    )


def top_tokens(tokens: pd.DataFrame, texts: TokenTexts) -> dict[Vector, list[str]]:
    """The first that each vector points to."""
    of_unembedding = tokens["matrix"].to_numpy(object) == Matrix.UNEMBED.value
    here = of_unembedding & (tokens["sign"].to_numpy() == 1) & (tokens["rank"].to_numpy() < _TOKENS_SHOWN)
    found: dict[Vector, list[str]] = {vector: [] for vector in _SHOWN_VECTORS}
    for vector, token in zip(tokens["vector"].to_numpy(object)[here], tokens["token"].to_numpy()[here], strict=True):
        found[Vector(vector)].append(texts.one(int(token)))
    return found


def results_csv(neurons: pd.DataFrame) -> bytes:
    """All that was found, in full; layer and number apart, since a spreadsheet takes 8.10 for 8.1."""
    return csv_bytes(_plain(neurons))


def results_json(neurons: pd.DataFrame, query: Query, manifest: Manifest) -> bytes:
    content = {
        "query": query.params(),
        "model": manifest.model.id,
        "revision": manifest.model.revision,
        "dataset_sha256": manifest.sha256,
        "sign_convention": manifest.sign_convention.value,
        "metrics": {metric.key: metric.meaning for metric in metrics_of(query)},
    }
    rows = _plain(neurons).to_json(orient="records", force_ascii=False, double_precision=15)
    return f'{json.dumps(content, ensure_ascii=False)[:-1]}, "neurons": {rows}}}'.encode()


def _plain(neurons: pd.DataFrame) -> pd.DataFrame:
    if LISTS not in neurons:
        return neurons
    said = ["; ".join(map(_list_words, entries)) if isinstance(entries, list) else "" for entries in neurons[LISTS]]
    return neurons.assign(**{LISTS: said})

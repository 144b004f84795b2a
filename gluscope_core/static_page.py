"""A neuron's page as one HTML file: what the dashboard shows, without requests, and without scripts if need be."""

import base64
import hashlib
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

import pandas as pd

from gluscope_core.columns import NeuronColumn, VocabColumn
from gluscope_core.cosines import ARBITRARY_SIGN, cosines_html, scores_html, sign_is_arbitrary, title_html
from gluscope_core.dataset import Dataset
from gluscope_core.errors import GluscopeError
from gluscope_core.ids import NeuronId
from gluscope_core.methods_provenance import provenance
from gluscope_core.neuron_charts import density_chart, frequency_chart
from gluscope_core.neuron_view import NeuronView, how_to_get_weights
from gluscope_core.neuron_words import (
    NO_STATISTICS,
    as_html,
    as_recorded,
    has_samples,
    no_cosines,
    no_samples,
    signs_of_weights,
)
from gluscope_core.schema import VOCAB_TABLE, WEIGHTS_TABLE
from gluscope_core.sign_table import has_statistics, table_html
from gluscope_core.static_examples import CHOICE_CSS, EXAMPLES_CSS, examples_html
from gluscope_core.svg import chart_svg
from gluscope_core.token_text import TokenTexts
from gluscope_core.vocabulary import MATRICES
from gluscope_core.weight_lists import related_html, token_lists_html

_PACKAGE = Path(__file__).parent
_COMPONENT = "export default function ("


@dataclass(frozen=True)
class Surroundings:
    """The site that a page is part of, if any."""

    neurons: Collection[NeuronId] = ()
    """Those that have pages."""
    index: str | None = None
    """Address of the list of all."""


def file_name(neuron: NeuronId) -> str:
    return f"{neuron}.html"


def token_texts(dataset: Dataset) -> TokenTexts:
    """Where there is no vocabulary, tokens are shown by their numbers."""
    if dataset.has(VOCAB_TABLE.name):
        return TokenTexts(dataset.vocab)
    return TokenTexts(pd.DataFrame(columns=[VocabColumn.BYTES, VocabColumn.DISPLAY]))


def page_html(view: NeuronView, texts: TokenTexts, around: Surroundings | None = None) -> str:
    around = around or Surroundings()
    manifest = view.dataset.manifest
    parts = [
        _ways(around),
        _heading(view),
        _statistics(view),
        "<h2>Tokens that the vectors point to</h2>",
        *_guarded(lambda: _tokens(view, texts)),
        "<h2>Examples</h2>",
        *_guarded(lambda: examples_html(view, texts) if has_statistics(view.row) else _note(NO_STATISTICS)),
        "<h2>Neighbours and links</h2>",
        *_guarded(lambda: _related(view, around)),
        _provenance(view),
    ]
    return document(f"{view.id} · {manifest.model.id} · GLUScope", "".join(parts), script=_script())


def document(title: str, body: str, script: str = "") -> str:
    """A whole file. The browser is told to fetch nothing, and to run nothing but this script."""
    style, allowed = _style(), _digest(script) if script else "none"
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; style-src-elem '{_digest(style)}'; "
        f"style-src-attr 'unsafe-inline'; script-src '{allowed}'; base-uri 'none'; form-action 'none'"
    )
    code = f'<script type="module">{script}</script>' if script else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n"
        f'<body><main class="view">{body}</main>{code}</body>\n</html>\n'
    )


def _digest(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


@cache
def _style() -> str:
    parts = [(_PACKAGE / name).read_text(encoding="utf-8") for name in ("view.css", "static_page.css")]
    return re.sub(r"\s*\n\s*", "\n", "\n".join([*parts, CHOICE_CSS, EXAMPLES_CSS]))


@cache
def _script() -> str:
    """What the dashboard's component does to HTML, and what reads the values of tokens before it."""
    component = (_PACKAGE / "view.js").read_text(encoding="utf-8").replace(_COMPONENT, "function show(")
    return component + (_PACKAGE / "static_page.js").read_text(encoding="utf-8")


def _guarded(write: Callable[[], str]) -> Iterator[str]:
    """Why there is nothing stands where it would be."""
    try:
        yield write()
    except GluscopeError as error:
        yield f"<p class=note>{escape(str(error))}</p>"


def _ways(around: Surroundings) -> str:
    if around.index is None:
        return ""
    return f'<nav class="ways"><a href="{escape(around.index)}">all neurons</a></nav>'


def _note(markdown: str | None) -> str:
    return f'<p class="note">{as_html(markdown)}</p>' if markdown else ""


def _heading(view: NeuronView) -> str:
    manifest = view.dataset.manifest
    signs = f'<p class="note">{view.convention.value} signs, {manifest.coordinates.value} coordinates</p>'
    if view.row[NeuronColumn.COS_IN_OUT] is None:
        return title_html(view.row, manifest, str(view.id)) + signs + _note(no_cosines(manifest))
    heading = title_html(view.row, manifest, str(view.id)) + cosines_html(view.row, manifest) + signs
    arbitrary = sign_is_arbitrary(view.row, manifest.model.d_model)
    return heading + _note(ARBITRARY_SIGN if arbitrary else None)


def _statistics(view: NeuronView) -> str:
    """The paper's table, and the plane in which its cases are quadrants."""
    if not has_statistics(view.row):
        return _note(NO_STATISTICS)
    sampled = has_samples(view)
    density = f"<div>{''.join(_guarded(lambda: _density(view)))}</div>" if sampled else ""
    label = f"How often neuron {view.id} is in each of the four cases"
    frequency = chart_svg(frequency_chart(view.row), 290, label)
    table = f'<div class="scrolls" tabindex="0" role="region" aria-label="Figures by case">{table_html(view.row)}</div>'
    kind = "statistics" if sampled else "statistics bare"
    figures = f'<div class="{kind}">{density}<div class="frequency">{frequency}</div>{table}</div>'
    missing = "" if sampled else _note(no_samples(view))
    return figures + missing + _note(as_recorded(view.dataset.manifest))


def _density(view: NeuronView) -> str:
    chart = density_chart(view.samples(), view.row)
    return chart_svg(chart, 440, f"x_gate against x_in of neuron {view.id} at sampled tokens")


def _tokens(view: NeuronView, texts: TokenTexts) -> str:
    if not view.dataset.has(WEIGHTS_TABLE.name):
        return _note(how_to_get_weights(view.dataset.manifest))
    tokens = view.weights().tokens
    signs = _note(signs_of_weights(view.dataset.manifest))
    lists = (f'<p class="matrix">by {each.value}</p>{token_lists_html(tokens, each, texts)}' for each in MATRICES)
    return signs + "".join(lists) + scores_html(view.row)


def _related(view: NeuronView, around: Surroundings) -> str:
    if not view.dataset.has(WEIGHTS_TABLE.name):
        return _note(how_to_get_weights(view.dataset.manifest))

    def link(neuron: NeuronId) -> str:
        return f'<a href="{file_name(neuron)}">{neuron}</a>' if neuron in around.neurons else str(neuron)

    return related_html(view.weights().related, view.dataset.manifest, view.id.layer, link)


def _provenance(view: NeuronView) -> str:
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in provenance(view.dataset.manifest)
    )
    return f'<h2>Provenance</h2><dl class="provenance">{rows}</dl>'

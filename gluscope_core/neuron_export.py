"""A neuron as files: everything as JSON, its statistics and its examples as CSV, all figures in full."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gluscope_core.examples_view import Example
from gluscope_core.neuron_view import NeuronView
from gluscope_core.spreadsheet import csv_bytes
from gluscope_core.token_text import TokenTexts
from gluscope_core.unpack import NeuronWeights
from gluscope_core.vocabulary import QUANTITIES


def neuron_json(
    view: NeuronView, examples: list[Example], weights: NeuronWeights | None, texts: TokenTexts | None
) -> bytes:
    """All that the page shows of a neuron, and what it was computed from."""
    manifest = view.dataset.manifest
    content = {
        "model": manifest.model.id,
        "revision": manifest.model.revision,
        "texts": manifest.texts.id if manifest.texts else None,
        "counted_tokens": manifest.run.counted_tokens if manifest.run else None,
        "dataset_sha256": manifest.sha256,
        "sign_convention": view.convention.value,
        "coordinates": manifest.coordinates.value,
        "figures": dict(view.row),
        "examples": _examples(view, examples, texts),
        "tokens": _records(weights.tokens, texts) if weights else [],
        "related": _records(weights.related, None) if weights else [],
    }
    return json.dumps(_finite(content), ensure_ascii=False, indent=1, allow_nan=False).encode()


def figures_csv(row: Mapping[str, Any]) -> bytes:
    return csv_bytes(pd.DataFrame([row]))


def examples_csv(view: NeuronView, examples: list[Example], texts: TokenTexts | None) -> bytes:
    """One line per example; a token's text is that of the model, not as it is shown."""
    rows = []
    for each, flat in zip(examples, _examples(view, examples, texts), strict=True):
        window = flat.pop("window", None)
        rows.append({**flat, "window": texts.plain(each.tokens) if texts and window else None})
    return csv_bytes(pd.DataFrame(rows))


def _examples(view: NeuronView, examples: list[Example], texts: TokenTexts | None) -> list[dict[str, Any]]:
    sources = view.sources(examples)
    return [{"source": sources[each.text].full or None, **_example(each, texts)} for each in examples]


def _example(example: Example, texts: TokenTexts | None) -> dict[str, Any]:
    plain = {
        "case": example.case.column,
        "list": example.quantity.value if example.quantity else "random",
        "rank": example.rank,
        "value": example.value,
        "text": example.text,
        "position": example.position,
    }
    if not example.has_window:
        return plain
    window = {
        "start": example.start,
        "tokens": example.tokens.tolist(),
        "strings": [texts.plain([token]) for token in example.tokens] if texts else None,
        **{quantity.value: example.activations[quantity].tolist() for quantity in QUANTITIES},
    }
    token = texts.plain([example.tokens[example.at]]) if texts else None
    following = texts.plain([example.next_token]) if texts and example.next_token is not None else None
    return {**plain, "token": token, "next_token": following, "window": window}


def _records(frame: pd.DataFrame, texts: TokenTexts | None) -> list[dict[str, Any]]:
    if texts is not None:
        frame = frame.assign(string=[texts.plain([token]) for token in frame["token"]])
    return frame.to_dict("records")


def _finite(value: Any) -> Any:
    """JSON has no NaN: null."""
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value

"""Each layer's neurons in a small picture of its own: what holds within layers, which pooling them hides."""

from collections.abc import Iterator
from html import escape

import numpy as np
import pandas as pd

from gluscope_core.correlation import Correlations
from gluscope_core.formats import fixed
from gluscope_core.schema import LAYER

_COLUMNS, _ROWS = 36, 26
_SHADES = (0.18, 0.34, 0.52, 0.74, 1.0)
_MIDDLE = (0.5, 99.5)
"""Percentiles between which the axes reach: what lies beyond stands at the edge, where it squeezes nobody."""
AXES = "All panels have the same axes, the middle 99 % of the neurons of all layers; what lies beyond is at the edge."


def panels_html(neurons: pd.DataFrame, found: Correlations, chosen: list[int]) -> str:
    """Of neurons that are placed, sorted by layer; a panel is a button that names its layer."""
    column, row = (_bins(neurons[name].to_numpy(), bins) for name, bins in (("plot_x", _COLUMNS), ("plot_y", _ROWS)))
    layers = neurons[LAYER].to_numpy()
    panels = (
        _panel(int(layer), column[mine], row[mine], found, is_chosen=layer in chosen, is_alone=chosen == [layer])
        for layer, mine in _by_layer(layers)
    )
    return f'<div class="panels">{"".join(panels)}</div>'


def _by_layer(layers: np.ndarray) -> Iterator[tuple[int, slice]]:
    names, starts = np.unique(layers, return_index=True)
    ends = [*starts[1:], len(layers)]
    return ((layer, slice(start, end)) for layer, start, end in zip(names, starts, ends, strict=True))


def _bins(values: np.ndarray, bins: int) -> np.ndarray:
    if len(values) == 0:
        return np.zeros(0, dtype=int)
    low, high = np.percentile(values, _MIDDLE)
    share = (values - low) / ((high - low) or 1.0)
    return np.clip((share * bins).astype(int), 0, bins - 1)


def _panel(
    layer: int, column: np.ndarray, row: np.ndarray, found: Correlations, *, is_chosen: bool, is_alone: bool
) -> str:
    r = fixed(found.by_layer[layer].pearson.value)
    cells = np.bincount(row * _COLUMNS + column, minlength=_ROWS * _COLUMNS).reshape(_ROWS, _COLUMNS)
    picture = (
        f'<svg viewBox="0 0 {_COLUMNS} {_ROWS}" preserveAspectRatio="none" aria-hidden="true">{_cells(cells)}</svg>'
    )
    state = "" if is_chosen else ' class="back"'
    label = escape(
        f"Layer {layer}, r {r}, {len(column):,} neurons: {'show all layers' if is_alone else 'show this layer alone'}"
    )
    return (
        f'<button{state} data-open="{layer}" aria-label="{label}" aria-pressed="{str(is_chosen).lower()}">{picture}'
        f"<span><b>{layer}</b> <small>r {r}</small></span></button>"
    )


def _cells(counts: np.ndarray) -> str:
    """A path per shade; shades are steps of the logarithm of how many neurons a cell holds."""
    most = np.log1p(counts.max())
    shade = np.ceil(np.log1p(counts) / (most or 1.0) * len(_SHADES)).astype(int)
    paths = []
    for number, opacity in enumerate(_SHADES, start=1):
        rows, columns = np.nonzero(shade == number)
        if len(rows):
            squares = "".join(
                f"M{x} {_ROWS - 1 - y}h1v1h-1z" for x, y in zip(columns.tolist(), rows.tolist(), strict=True)
            )
            paths.append(f'<path d="{squares}" opacity="{opacity}"/>')
    return "".join(paths)

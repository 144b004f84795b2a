"""The charts of a neuron's page; a case is a quadrant of the (x_gate, x_in) plane: gate+ right, in+ up.

They are written as Vega-Lite: a neuron is one of thousands that are leafed through, and building the same through
Altair takes some thirty times as long."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gluscope_core.formats import percent
from gluscope_core.palette import CASE_COLOURS
from gluscope_core.vocabulary import CASES, SIGNS, Case, freq_column

Spec = dict[str, Any]
"""A chart, or a part of one, in Vega-Lite."""
_BINS = 40
_MARGIN = 0.16
"""Of the plane's height and width, for the histograms along its edges."""
_COLOUR = {
    "field": "case",
    "type": "nominal",
    "scale": {"domain": [case.label for case in CASES], "range": [CASE_COLOURS[case] for case in CASES]},
    "legend": None,
}
_GREY = "#8a9099"


def frequency_chart(row: Mapping[str, Any]) -> Spec:
    """Four squares around the origin, as large as the cases are frequent."""
    squares = [_square(case, row[freq_column(case)] or 0.0) for case in CASES]
    across, up = ({"scale": {"domain": [-end, end], "nice": False}, "axis": None} for end in (1, 1.36))
    marks = {
        "data": {"values": squares},
        "mark": {"type": "rect", "opacity": 0.85},
        "encoding": {
            "x": _field("from_x") | across,
            "x2": {"field": "to_x"},
            "y": _field("from_y") | up,
            "y2": {"field": "to_y"},
            "color": _COLOUR,
            "tooltip": [{"field": "case"}, {"field": "share"}],
        },
    }
    labels = [_labels(squares, across, up, sign, text) for sign in SIGNS for text in ("case", "share")]
    title = _title("Frequency of the four cases", "area: share of the counted tokens")
    return {"title": title, "height": 350, "layer": [marks, *_cross(across, up), *labels]}


def _labels(squares: list[Spec], across: Spec, up: Spec, gate_sign: int, text: str) -> Spec:
    """In the outer corners, the share below the name of its case."""
    return {
        "data": {"values": [square for square in squares if square["corner_x"] == gate_sign]},
        "mark": {
            "type": "text",
            "align": "right" if gate_sign > 0 else "left",
            "baseline": "bottom" if text == "case" else "top",
            "fontSize": 12,
            "color": _GREY,
        },
        "encoding": {"x": _field("corner_x") | across, "y": _field("corner_y") | up, "text": {"field": text}},
    }


def _square(case: Case, share: float) -> Spec:
    side = float(np.sqrt(share))
    x, y = case.gate_sign, case.in_sign
    return {
        "case": case.label,
        "share": percent(share) if share else "never",
        "from_x": min(0.0, x * side),
        "to_x": max(0.0, x * side),
        "from_y": min(0.0, y * side),
        "to_y": max(0.0, y * side),
        "corner_x": float(x),
        "corner_y": 1.18 * y,  # outside of the largest square
    }


def density_chart(samples: pd.DataFrame, extent: pd.DataFrame | None = None) -> Spec:
    """The sampled tokens in the plane, and along its edges how often each coordinate occurs; `extent` are samples that
    the axes have to hold, where several charts have the same."""
    finite = samples[np.isfinite(samples["gate"]) & np.isfinite(samples["in"])]
    gate, x_in = finite["gate"].to_numpy(np.float64), finite["in"].to_numpy(np.float64)
    held = finite if extent is None else extent[np.isfinite(extent["gate"]) & np.isfinite(extent["in"])]
    across, up = (_Span.of(held[name].to_numpy(np.float64)) for name in ("gate", "in"))
    points = {
        "data": {"values": finite.assign(case=_case_labels(gate, x_in)).to_dict("records")},
        "mark": {"type": "circle", "size": 16, "opacity": 0.45},
        "encoding": {
            "x": _field("gate", "x_gate") | across.drawn(),
            "y": _field("in", "x_in") | up.drawn(),
            "color": _COLOUR,
            "tooltip": [
                *(_field(name) | {"format": ".3"} for name in ("gate", "in")),
                {"field": "case"},
                *(_field(name) | {"format": ","} for name in ("text", "position")),
            ],
        },
    }
    edges = [_edge(gate, across, up, along_x=True), _edge(x_in, up, across, along_x=False)]
    about = f"{len(finite):,} tokens drawn at random; at the edges each alone"
    title = _title("Joint density of x_gate and x_in", about)
    return {"title": title, "height": 430, "layer": [*_cross({}, {}), points, *edges]}


class _Span:
    """One axis: where the data lie, and the margin beyond for a histogram of the other coordinate."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high
        self.end = high + _MARGIN * (high - low)

    @classmethod
    def of(cls, values: np.ndarray) -> "_Span":
        low, high = float(np.min(values, initial=0.0)), float(np.max(values, initial=0.0))
        room = 0.04 * ((high - low) or 1.0)
        return cls(low - room, high + room)

    def drawn(self) -> Spec:
        scale = {"domain": [self.low, self.end], "nice": False, "zero": False}
        return {"scale": scale, "axis": {"grid": False, "tickCount": 6, "domain": False}}


def _edge(values: np.ndarray, span: _Span, other: _Span, *, along_x: bool) -> Spec:
    """A histogram along the upper or the right edge, in the coordinates of the plane."""
    counts, edges = np.histogram(values, bins=_BINS, range=(span.low, span.high))
    heights = counts / max(1, counts.max()) * (other.end - other.high) * 0.92
    names = ("from", "to", "base", "top", "tokens")
    columns = (edges[:-1], edges[1:], np.full(_BINS, other.high), other.high + heights, counts)
    bars = [dict(zip(names, bar, strict=True)) for bar in zip(*(each.tolist() for each in columns), strict=True)]
    along, beyond = ("x", "y") if along_x else ("y", "x")
    name = "x_gate" if along_x else "x_in"
    return {
        "data": {"values": [bar for bar in bars if bar["tokens"]]},
        "mark": {"type": "rect", "color": _GREY, "opacity": 0.75},
        "encoding": {
            along: _field("from"),
            f"{along}2": {"field": "to"},
            beyond: _field("base"),
            f"{beyond}2": {"field": "top"},
            "tooltip": [
                _field("from", f"{name} from") | {"format": ".3"},
                _field("to") | {"format": ".3"},
                _field("tokens"),
            ],
        },
    }


def _cross(across: Spec, up: Spec) -> list[Spec]:
    """The lines x_gate = 0 and x_in = 0."""
    mark = {"type": "rule", "color": _GREY, "strokeWidth": 1}
    zero = {"data": {"values": [{"zero": 0}]}, "mark": mark}
    return [zero | {"encoding": {axis: _field("zero") | of_axis}} for axis, of_axis in (("x", across), ("y", up))]


def _field(name: str, title: str | None = None) -> Spec:
    return {"field": name, "type": "quantitative", **({"title": title} if title else {})}


def _title(text: str, subtitle: str) -> Spec:
    return {"text": text, "subtitle": subtitle, "subtitleColor": _GREY, "fontSize": 14, "anchor": "start"}


def _case_labels(gate: np.ndarray, x_in: np.ndarray) -> list[str]:
    labels = {case.value: case.label for case in CASES}
    signs = zip(np.sign(gate).astype(int).tolist(), np.sign(x_in).astype(int).tolist(), strict=True)
    return [labels.get(pair, "exact zero") for pair in signs]

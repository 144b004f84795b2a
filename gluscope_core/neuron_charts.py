"""The charts of a neuron's page; a case is a quadrant of the (x_gate, x_in) plane: gate+ right, in+ up.

They are written as Vega-Lite: a neuron is one of thousands that are leafed through, and building the same through
Altair takes some thirty times as long."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gluscope_core.formats import percent
from gluscope_core.palette import CASE_COLOURS, NEUTRAL
from gluscope_core.vega import LABEL_COLOUR, Spec
from gluscope_core.vocabulary import CASES, SIGNS, Case, freq_column

_BINS = 40
_MARGIN = 0.16
"""Of the plane's height and width, for the histograms along its edges."""
_ROOM = 0.14
"""Of an axis, at either end, for names of cases."""
_CELLS, _FEW = 32, 3
"""Along each axis; and tokens in a cell up to which each is drawn as a point."""
_TAIL, _REACH = 0.01, 0.5
"""An axis ends where a value lies further from all but this share of the values, at either side, than this share of
their range."""
_AXES, _ENDS = (("x", "x_gate"), ("y", "x_in")), ("from", "to")
_EXACT_ZERO = "exact zero"
_COLOUR = {
    "field": "case",
    "type": "nominal",
    "scale": {
        "domain": [*(case.label for case in CASES), _EXACT_ZERO],
        "range": [*(CASE_COLOURS[case] for case in CASES), NEUTRAL],
    },
    "legend": None,
}


def frequency_chart(row: Mapping[str, Any]) -> Spec:
    """Four squares around the origin, as large as the cases are frequent."""
    squares = [_square(case, row[freq_column(case)]) for case in CASES]
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
    labels = [_labels(squares, across, up, side, text) for side in SIGNS for text in ("case", "share")]
    title = _title("Frequency of the four cases", ["area: share of the counted tokens"])
    return {"title": title, "height": 350, "layer": [marks, *_cross(across, up), *labels]}


def _labels(corners: list[Spec], across: Spec, up: Spec, side: int, text: str) -> Spec:
    """At one side of the plane, the share below the name of its case."""
    return {
        "data": {"values": [corner for corner in corners if corner["side"] == side]},
        "mark": {
            "type": "text",
            "align": "right" if side > 0 else "left",
            "baseline": "bottom" if text == "case" else "top",
            "fontSize": 12,
            "color": LABEL_COLOUR,
        },
        "encoding": {"x": _field("corner_x") | across, "y": _field("corner_y") | up, "text": {"field": text}},
    }


def _said(share: float | None) -> str:
    return "never" if share == 0 else percent(share)


def _square(case: Case, share: float | None) -> Spec:
    side = float(np.sqrt(share or 0.0))
    x, y = case.gate_sign, case.in_sign
    return {
        "case": case.label,
        "share": _said(share),
        "from_x": min(0.0, x * side),
        "to_x": max(0.0, x * side),
        "from_y": min(0.0, y * side),
        "to_y": max(0.0, y * side),
        "side": x,
        "corner_x": float(x),
        "corner_y": 1.18 * y,  # outside of the largest square
    }


def density_chart(samples: pd.DataFrame, row: Mapping[str, Any], extent: pd.DataFrame | None = None) -> Spec:
    """The sampled tokens in the plane, and along its edges how often each coordinate occurs; `row` says how frequent
    the cases are, `extent` are samples that the axes have to hold, where several charts have the same."""
    finite = _finite(samples)
    held = finite if extent is None else _finite(extent)
    across, up = (_Span.of(held[name].to_numpy(np.float64)) for name in ("gate", "in"))
    gate, x_in = finite["gate"].to_numpy(np.float64), finite["in"].to_numpy(np.float64)
    at_gate, at_in = across.within(gate), up.within(x_in)
    placed = finite.assign(case=_case_labels(gate, x_in), at_gate=at_gate, at_in=at_in)
    cells, points = _cells_and_points(placed, across, up)
    beyond = int(((at_gate != gate) | (at_in != x_in)).sum())
    about = [f"{len(finite):,} tokens drawn at random; at the edges each alone"]
    about += [f"{beyond:,} of them beyond an axis, drawn at its end"] if beyond else []
    layers = [*_cross({}, {}), _cells(cells), _points(points, across, up), *_corners(row, across, up)]
    edges = [_edge(at_gate, across, up, along_x=True), _edge(at_in, up, across, along_x=False)]
    title = _title("Joint density of x_gate and x_in", about)
    return {"title": title, "height": 430, "layer": [*layers, *edges]}


def _finite(samples: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(samples[np.isfinite(samples["gate"]) & np.isfinite(samples["in"])])


def _cells_and_points(placed: pd.DataFrame, across: "_Span", up: "_Span") -> tuple[list[Spec], pd.DataFrame]:
    """Where tokens lie close they are counted by cells, of which 0 is a border; the others are points."""
    column, line = (span.cell_of(placed[name].to_numpy()) for name, span in (("at_gate", across), ("at_in", up)))
    near = np.flatnonzero(placed["case"] != _EXACT_ZERO)  # which belong to no cell
    places, cell, tokens = np.unique(column[near] + 1j * line[near], return_inverse=True, return_counts=True)
    filled = tokens > _FEW
    alone = np.ones(len(placed), dtype=bool)
    alone[near[filled[cell]]] = False
    places, tokens = places[filled], tokens[filled]
    columns = {
        "case": _case_labels(places.real + 0.5, places.imag + 0.5),
        "tokens": tokens.tolist(),
        "shade": (0.3 + 0.65 * np.sqrt(tokens / tokens.max(initial=1))).tolist(),
        **{
            f"{end}_{axis}": ((at + step) * span.cell).clip(span.first, span.last).tolist()
            for axis, at, span in (("x", places.real, across), ("y", places.imag, up))
            for end, step in (("from", 0), ("to", 1))
        },
    }
    return [dict(zip(columns, each, strict=True)) for each in zip(*columns.values(), strict=True)], pd.DataFrame(
        placed[alone]
    )


def _cells(cells: list[Spec]) -> Spec:
    return {
        "data": {"values": cells},
        "mark": {"type": "rect"},
        "encoding": {
            "x": _field("from_x"),
            "x2": {"field": "to_x"},
            "y": _field("from_y"),
            "y2": {"field": "to_y"},
            "color": _COLOUR,
            "opacity": {**_field("shade"), "scale": None, "legend": None},
            "tooltip": [
                _field("tokens"),
                {"field": "case"},
                *(_field(f"{end}_{axis}", f"{name} {end}") | {"format": ".3"} for axis, name in _AXES for end in _ENDS),
            ],
        },
    }


def _points(points: pd.DataFrame, across: "_Span", up: "_Span") -> Spec:
    return {
        "data": {"values": points.to_dict("records")},
        "mark": {"type": "circle", "size": 16, "opacity": 0.6},
        "encoding": {
            "x": _field("at_gate", "x_gate") | across.drawn(),
            "y": _field("at_in", "x_in") | up.drawn(),
            "color": _COLOUR,
            "tooltip": [
                *(_field(name) | {"format": ".3"} for name in ("gate", "in")),
                {"field": "case"},
                *(_field(name) | {"format": ","} for name in ("text", "position")),
            ],
        },
    }


def _corners(row: Mapping[str, Any], across: "_Span", up: "_Span") -> list[Spec]:
    """Each case and its frequency, above or below where its tokens can lie."""
    corners = [
        {
            "case": case.label,
            "share": _said(row[freq_column(case)]),
            "side": case.gate_sign,
            "corner_x": across.last if case.gate_sign > 0 else across.first,
            "corner_y": (up.last + up.high if case.in_sign > 0 else up.first + up.low) / 2,
        }
        for case in CASES
    ]
    return [_labels(corners, {}, {}, side, text) for side in SIGNS for text in ("case", "share")]


class _Span:
    """One axis: where values are drawn, room to either side of them, and the margin beyond for a histogram of the
    other coordinate."""

    def __init__(self, first: float, last: float) -> None:
        room = _ROOM * ((last - first) or 1.0)
        self.first, self.last = first, last
        self.low, self.high = first - room, last + room
        self.end = self.high + _MARGIN * (self.high - self.low)
        self.cell = ((last - first) or 1.0) / _CELLS

    @classmethod
    def of(cls, values: np.ndarray) -> "_Span":
        """Of all values and 0, unless a few lie so far out that the others would crowd."""
        first, last = float(np.min(values, initial=0.0)), float(np.max(values, initial=0.0))
        if len(values):
            near, far = (float(each) for each in np.quantile(values, (_TAIL, 1 - _TAIL)))
            near, far = min(near, 0.0), max(far, 0.0)
            if reach := _REACH * (far - near):
                first, last = max(first, near - reach), min(last, far + reach)
        return cls(first, last)

    def within(self, values: np.ndarray) -> np.ndarray:
        """What lies beyond, at the end."""
        return values.clip(self.first, self.last)

    def cell_of(self, values: np.ndarray) -> np.ndarray:
        """Its number, counted from 0 at the value 0; the last value belongs to the cell before it."""
        return np.minimum(np.floor(values / self.cell), np.ceil(self.last / self.cell) - 1)

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
        "mark": {"type": "rect", "color": NEUTRAL, "opacity": 0.75},
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
    mark = {"type": "rule", "color": NEUTRAL, "strokeWidth": 1}
    zero = {"data": {"values": [{"zero": 0}]}, "mark": mark}
    return [zero | {"encoding": {axis: _field("zero") | of_axis}} for axis, of_axis in (("x", across), ("y", up))]


def _field(name: str, title: str | None = None) -> Spec:
    return {"field": name, "type": "quantitative", **({"title": title} if title else {})}


def _title(text: str, subtitle: list[str]) -> Spec:
    return {"text": text, "subtitle": subtitle, "subtitleColor": LABEL_COLOUR, "fontSize": 14, "anchor": "start"}


def _case_labels(gate: np.ndarray, x_in: np.ndarray) -> list[str]:
    labels = {case.value: case.label for case in CASES}
    signs = zip(np.sign(gate).astype(int).tolist(), np.sign(x_in).astype(int).tolist(), strict=True)
    return [labels.get(pair, _EXACT_ZERO) for pair in signs]

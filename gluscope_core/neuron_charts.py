"""The charts of a neuron's page; a case is a quadrant of the (x_gate, x_in) plane: gate+ right, in+ up."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from gluscope_core.formats import percent
from gluscope_core.palette import CASE_COLOURS
from gluscope_core.vocabulary import CASES, SIGNS, Case, freq_column

_BINS = 40
_MARGIN = 0.16
"""Of the plane's height and width, for the histograms along its edges."""
_COLOUR = alt.Scale(domain=[case.label for case in CASES], range=[CASE_COLOURS[case] for case in CASES])
_GREY = "#8a9099"


def frequency_chart(row: Mapping[str, Any]) -> alt.LayerChart | alt.FacetChart:
    """Four squares around the origin, as large as the cases are frequent."""
    frame = pd.DataFrame([_square(case, row[freq_column(case)] or 0.0) for case in CASES])
    axes: dict[str, Any] = {"scale": alt.Scale(domain=[-1, 1], nice=False), "axis": None}
    upright: dict[str, Any] = {
        "scale": alt.Scale(domain=[-1.36, 1.36], nice=False),
        "axis": None,
    }  # room for the labels
    squares = (
        alt.Chart(frame)
        .mark_rect(opacity=0.85)
        .encode(
            x=alt.X("from_x:Q", **axes),
            x2="to_x:Q",
            y=alt.Y("from_y:Q", **upright),
            y2="to_y:Q",
            color=alt.Color("case:N", scale=_COLOUR, legend=None),
            tooltip=["case", "share"],
        )
    )
    labels = [_labels(frame, (axes, upright), sign, text) for sign in SIGNS for text in ("case", "share")]
    title = _title("Frequency of the four cases", "area: share of the counted tokens")
    return alt.layer(squares, *_cross(axes, upright), *labels).properties(title=title, height=350)


def _labels(frame: pd.DataFrame, axes: tuple[dict[str, Any], dict[str, Any]], gate_sign: int, text: str) -> alt.Chart:
    """In the outer corners, the share below the name of its case."""
    here = frame[frame["corner_x"] == gate_sign].reset_index(drop=True)
    return (
        alt.Chart(here)
        .mark_text(
            align="right" if gate_sign > 0 else "left",
            baseline="bottom" if text == "case" else "top",
            fontSize=12,
            color=_GREY,
        )
        .encode(x=alt.X("corner_x:Q", **axes[0]), y=alt.Y("corner_y:Q", **axes[1]), text=f"{text}:N")
    )


def _square(case: Case, share: float) -> dict[str, Any]:
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
        "corner_y": 1.18 * y,
    }


def _title(text: str, subtitle: str) -> alt.Title:
    return alt.Title(text, subtitle=subtitle, subtitleColor=_GREY, fontSize=14, anchor="start")


def _cross(across_axis: Any = None, up_axis: Any = None) -> list[alt.Chart]:
    zero = alt.Chart(pd.DataFrame({"zero": [0]}))
    style = {"color": _GREY, "strokeWidth": 1}
    across, up = zero.mark_rule(**style), zero.mark_rule(**style)
    return [across.encode(x=alt.X("zero:Q", **(across_axis or {}))), up.encode(y=alt.Y("zero:Q", **(up_axis or {})))]


def density_chart(samples: pd.DataFrame, extent: pd.DataFrame | None = None) -> alt.LayerChart | alt.FacetChart:
    """The sampled tokens in the plane, and along its edges how often each coordinate occurs; `extent` are samples that
    the axes have to hold, where several charts have the same."""
    finite = samples[np.isfinite(samples["gate"]) & np.isfinite(samples["in"])]
    gate, x_in = finite["gate"].to_numpy(np.float64), finite["in"].to_numpy(np.float64)
    held = finite if extent is None else extent[np.isfinite(extent["gate"]) & np.isfinite(extent["in"])]
    plane = _Span.of(held["gate"].to_numpy(np.float64)), _Span.of(held["in"].to_numpy(np.float64))
    x = alt.X("gate:Q", title="x_gate", scale=plane[0].scale(), axis=plane[0].axis())
    y = alt.Y("in:Q", title="x_in", scale=plane[1].scale(), axis=plane[1].axis())
    points = (
        alt.Chart(finite.assign(case=_case_labels(gate, x_in)))
        .mark_circle(size=16, opacity=0.45)
        .encode(
            x=x,
            y=y,
            color=alt.Color("case:N", scale=_COLOUR, legend=None),
            tooltip=[
                alt.Tooltip("gate:Q", format=".3"),
                alt.Tooltip("in:Q", format=".3"),
                alt.Tooltip("case:N"),
                alt.Tooltip("text:Q", format=","),
                alt.Tooltip("position:Q", format=","),
            ],
        )
    )
    bars = [_edge(gate, plane[0], plane[1], along_x=True), _edge(x_in, plane[1], plane[0], along_x=False)]
    title = _title(
        "Joint density of x_gate and x_in", f"{len(finite):,} tokens drawn at random; at the edges each alone"
    )
    return alt.layer(*_cross(), points, *bars).properties(title=title, height=430)


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

    def scale(self) -> alt.Scale:
        return alt.Scale(domain=[self.low, self.end], nice=False, zero=False)

    def axis(self) -> alt.Axis:
        return alt.Axis(grid=False, tickCount=6, domain=False)


def _edge(values: np.ndarray, span: _Span, other: _Span, *, along_x: bool) -> alt.Chart:
    """A histogram along the upper or the right edge, in the coordinates of the plane."""
    counts, edges = np.histogram(values, bins=_BINS, range=(span.low, span.high))
    heights = counts / max(1, counts.max()) * (other.end - other.high) * 0.92
    frame = pd.DataFrame(
        {"from": edges[:-1], "to": edges[1:], "base": other.high, "top": other.high + heights, "tokens": counts}
    )
    name = "x_gate" if along_x else "x_in"
    tooltip = [alt.Tooltip("from:Q", title=f"{name} from", format=".3"), alt.Tooltip("to:Q", format=".3"), "tokens:Q"]
    chart = alt.Chart(frame[frame["tokens"] > 0]).mark_rect(color=_GREY, opacity=0.75)
    if along_x:
        return chart.encode(x="from:Q", x2="to:Q", y="base:Q", y2="top:Q", tooltip=tooltip)
    return chart.encode(y="from:Q", y2="to:Q", x="base:Q", x2="top:Q", tooltip=tooltip)


def _case_labels(gate: np.ndarray, x_in: np.ndarray) -> list[str]:
    labels = {case.value: case.label for case in CASES}
    signs = zip(np.sign(gate).astype(int).tolist(), np.sign(x_in).astype(int).tolist(), strict=True)
    return [labels.get(pair, "exact zero") for pair in signs]

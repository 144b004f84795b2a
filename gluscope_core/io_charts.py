"""Charts of the input-output page, as Vega-Lite: of figures per layer, never of all neurons."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from gluscope_core.palette import NEUTRAL, PLAIN_MARK
from gluscope_core.schema import LAYER
from gluscope_core.vega import (
    ATYPICAL,
    COLUMNS_OF_KINDS,
    LABEL_COLOUR,
    LayerAxis,
    Spec,
    class_scale,
    layered,
    records,
    tooltip,
)
from gluscope_core.vocabulary import IOClass

_HEIGHT = 300


def composition_chart(found: pd.DataFrame, axis: LayerAxis) -> Spec:
    """Stacked shares of each layer's neurons; orthogonal output, by far the largest, is what the others leave."""
    names, colours = class_scale(set(found["class"]))
    shown = found.assign(place=[names.index(name) for name in found["class"]]).sort_values([LAYER, "place"])
    top = shown.groupby(LAYER)["share"].cumsum()
    shown = shown.assign(top=top, bottom=top - shown["share"], strength=shown["class"].map(_strength))
    typical = [name for name in names if not name.startswith(ATYPICAL)]
    legend = {"title": None, "orient": "bottom", "columns": COLUMNS_OF_KINDS, "labelLimit": 260, "values": typical}
    marks = {
        "data": records(axis.placed(shown)),
        "mark": {"type": "bar"},
        "encoding": {
            "x": axis.x("from"),
            "x2": {"field": "to"},
            "y": {
                "field": "bottom",
                "type": "quantitative",
                "scale": {"domain": [0, 1]},
                "axis": {"title": "share of the layer's neurons", "format": "%", "gridOpacity": 0.3},
            },
            "y2": {"field": "top"},
            "color": {"field": "class", "type": "nominal", "scale": _scale(names, colours), "legend": legend},
            "opacity": {
                "field": "strength",
                "type": "quantitative",
                "scale": {"domain": [0, 1], "range": [0, 1]},
                "legend": None,
            },
            "tooltip": tooltip(
                layer=("layer", "d"), **{"class": ("class", None)}, neurons=("neurons", ","), share=("share", ".2%")
            ),
        },
    }
    return layered(_HEIGHT + 70, "Neurons by class", [marks])


def _strength(io_class: str) -> float:
    """How much of its colour a class has."""
    if io_class == IOClass.ORTHOGONAL_OUTPUT.value:
        return 0.25
    return 0.5 if io_class.startswith(ATYPICAL) else 1


def _scale(names: list[str], colours: list[str]) -> Spec:
    return {"domain": names, "range": colours}


@dataclass(frozen=True)
class Chance:
    """What cosines come to by chance."""

    bound: float
    """Within ± this lie 95 % of random directions; 0 where it is not known of how many dimensions."""
    layers: pd.DataFrame
    """`low` and `high` of vectors of different neurons, by layer; no rows where they were not computed."""


def boxes_chart(
    found: pd.DataFrame, chance: Chance, name: str, axis: LayerAxis, threshold: float, *, signed: bool
) -> Spec:
    """A box per layer over what chance gives: shaded, random directions; dashed, vectors of different neurons."""
    y: Spec = {"type": "quantitative", "scale": {"domain": [-1, 1] if signed else [0, 1]}}
    y["axis"] = {"title": None, "gridOpacity": 0.25, "tickCount": 5}
    told = tooltip(
        layer=("layer", "d"),
        median=("median", ".3f"),
        q1=("middle half from", ".3f"),
        q3=("to", ".3f"),
        low=("whisker from", ".3f"),
        high=("to", ".3f"),
        least=("least", ".3f"),
        most=("largest", ".3f"),
        outside=("neurons beyond the whiskers", ","),
        neurons=("neurons", ","),
    )
    base: Spec = {"data": records(axis.placed(found))}

    def part(mark: Spec, low: str, high: str | None = None, x: str = "at", x2: str | None = None) -> Spec:
        encoding = {"x": axis.x(x), "y": {"field": low, **y}, "tooltip": told}
        encoding |= {"y2": {"field": high}} if high else {}
        encoding |= {"x2": {"field": x2}} if x2 else {}
        return {**base, "mark": mark, "encoding": encoding}

    marks = [
        _random_band(-chance.bound if signed else 0, chance.bound, axis, y),
        *_chance_marks(axis.placed(chance.layers), axis, y, signed=signed),
        *_threshold_marks(threshold, y, signed=signed),
        part({"type": "rule", "color": NEUTRAL, "opacity": 0.35, "strokeWidth": 1}, "least", "most"),
        part({"type": "rule", "color": PLAIN_MARK, "strokeWidth": 1.4}, "low", "high"),
        part({"type": "bar", "color": PLAIN_MARK, "opacity": 0.75}, "q1", "q3", "from", "to"),
        part({"type": "rule", "color": "#ffffff", "strokeWidth": 2}, "median", None, "from", "to"),
    ]
    return layered(_HEIGHT, name, marks)


def _random_band(low: float, high: float, axis: LayerAxis, y: Spec) -> Spec:
    first, last = axis.x()["scale"]["domain"]
    return {
        "data": {"values": [{"from": first, "to": last, "random_low": low, "random_high": high}]},
        "mark": {"type": "rect", "color": NEUTRAL, "opacity": 0.25},
        "encoding": {
            "x": axis.x("from"),
            "x2": {"field": "to"},
            "y": {"field": "random_low", **y},
            "y2": {"field": "random_high"},
        },
    }


def _chance_marks(chance: pd.DataFrame, axis: LayerAxis, y: Spec, *, signed: bool) -> list[Spec]:
    told = tooltip(layer=("layer", "d"), low=("vectors of different neurons, from", ".3f"), high=("to", ".3f"))
    return [
        {
            "data": records(chance),
            "mark": {"type": "line", "color": LABEL_COLOUR, "strokeWidth": 1.2, "strokeDash": [3, 2]},
            "encoding": {"x": axis.x(), "y": {"field": end, **y}, "tooltip": told},
        }
        for end in (["low", "high"] if signed else ["high"])
    ]


def _threshold_marks(threshold: float, y: Spec, *, signed: bool) -> list[Spec]:
    rows = [{"tau": sign * threshold} for sign in ((1, -1) if signed else (1,))]
    mark = {"type": "rule", "color": LABEL_COLOUR, "strokeWidth": 0.8, "opacity": 0.7}
    return [{"data": {"values": rows}, "mark": mark, "encoding": {"y": {"field": "tau", **y}}}]


def medians_chart(found: pd.DataFrame, axis: LayerAxis, bounds: Iterable[float]) -> Spec:
    """Median cos(w_in, w_out) by layer, a line per dataset (`name`), by colour; a band for each of the numbers of
    dimensions."""
    y: Spec = {"type": "quantitative"}
    y["axis"] = {"title": "median cos(w_in, w_out)", "gridOpacity": 0.25, "tickCount": 6}
    names = list(dict.fromkeys(found["name"]))
    several = len(names) > 1
    legend = {"title": None, "orient": "bottom", "columns": 2, "labelLimit": 320} if several else None
    scale = {"domain": names, "range": _LINES[: len(names)]}
    by_name: Spec = {"field": "name", "type": "nominal", "scale": scale, "legend": legend}
    colour = by_name if several else {"value": PLAIN_MARK}
    told = tooltip(name=("dataset", None), layer=("layer", "d"), median=("median", ".3f"), neurons=("neurons", ","))
    line = {
        "data": records(found),
        "mark": {"type": "line", "strokeWidth": 2, "point": {"size": 26, "filled": True}},
        "encoding": {"x": axis.x(), "y": {"field": "median", **y}, "color": colour, "tooltip": told},
    }
    bands = [_random_band(-bound, bound, axis, y) for bound in sorted(set(bounds), reverse=True)]
    zero = {
        "data": {"values": [{"y": 0}]},
        "mark": {"type": "rule", "color": NEUTRAL, "strokeWidth": 0.8},
        "encoding": {"y": {"field": "y", **y}},
    }
    return layered(_HEIGHT + (70 if several else 0), "Median cos(w_in, w_out)", [*bands, zero, line])


_LINES = [PLAIN_MARK, "#c9822b", "#3f9a6b", "#b0529a", "#8b8f2e", "#7a6fd0"]
MOST_LINES = len(_LINES)

"""Charts of worked examples: a figure per layer as lines, or counts per layer as stacked bars."""

import pandas as pd

from gluscope_core.palette import NEUTRAL, PLAIN_MARK
from gluscope_core.schema import LAYER
from gluscope_core.vega import LayerAxis, Spec, layered, records, tooltip

_HEIGHT = 300
_COLOURS = (PLAIN_MARK, "#c9822b", "#3f9a6b")


def lines_chart(series: dict[str, dict[int, float]], text: str, y_title: str, axis: LayerAxis) -> Spec:
    """A line per series of layer and value."""
    parts = [
        pd.DataFrame({LAYER: list(each), "value": list(each.values()), "name": name}) for name, each in series.items()
    ]
    found = axis.placed(pd.concat(parts, ignore_index=True))
    y: Spec = {"type": "quantitative", "axis": {"title": y_title, "gridOpacity": 0.25, "tickCount": 6}}
    scale = {"domain": list(series), "range": list(_COLOURS[: len(series)])}
    legend = {"title": None, "orient": "bottom", "columns": 1, "labelLimit": 420} if len(series) > 1 else None
    line = {
        "data": records(found),
        "mark": {"type": "line", "strokeWidth": 2, "point": {"size": 26, "filled": True}},
        "encoding": {
            "x": axis.x(),
            "y": {"field": "value", **y},
            "color": {"field": "name", "type": "nominal", "scale": scale, "legend": legend},
            "tooltip": tooltip(name=("", None), layer=("layer", "d"), value=("value", ".3f")),
        },
    }
    zero = {
        "data": {"values": [{"y": 0}]},
        "mark": {"type": "rule", "color": NEUTRAL, "strokeWidth": 0.8},
        "encoding": {"y": {"field": "y", **y}},
    }
    return layered(_HEIGHT + 26 * len(series), text, [zero, line])


def bars_chart(counts: pd.DataFrame, colours: dict[str, str], text: str, y_title: str, axis: LayerAxis) -> Spec:
    """Counts by layer (rows) and kind (columns), stacked in the order of the columns."""
    tall = counts.rename_axis(LAYER).reset_index().melt(LAYER, var_name="name", value_name="count")
    tall = tall.sort_values(LAYER, kind="stable")
    top = tall.groupby(LAYER)["count"].cumsum()
    tall = axis.placed(tall.assign(top=top, bottom=top - tall["count"])).query("count > 0")
    names = list(counts.columns)
    scale = {"domain": names, "range": [colours[name] for name in names]}
    bars = {
        "data": records(tall),
        "mark": {"type": "bar"},
        "encoding": {
            "x": axis.x("from"),
            "x2": {"field": "to"},
            "y": {"field": "bottom", "type": "quantitative", "axis": {"title": y_title, "gridOpacity": 0.3}},
            "y2": {"field": "top"},
            "color": {
                "field": "name",
                "type": "nominal",
                "scale": scale,
                "legend": {"title": None, "orient": "bottom", "columns": 3},
            },
            "tooltip": tooltip(layer=("layer", "d"), name=("role", None), count=("neurons", ",")),
        },
    }
    return layered(_HEIGHT + 26, text, [bars])


def again_chart(found: pd.DataFrame) -> Spec:
    """How strong rare cases are in one half of the texts, and in the other; `neuron`, `case`, `found`, `again`."""
    axes = {
        side: {
            "field": field,
            "type": "quantitative",
            "scale": {"domain": [0, 1]},
            "axis": {"title": f"strength, {words}", "grid": False, "tickCount": 5},
        }
        for side, field, words in (("x", "found", "when found"), ("y", "again", "seen again"))
    }
    points = {
        "data": records(found),
        "mark": {"type": "point", "filled": True, "size": 42, "opacity": 0.75, "color": PLAIN_MARK},
        "encoding": {
            **axes,
            "tooltip": tooltip(
                neuron=("neuron", None),
                case=("case", None),
                found=("when found", ".3f"),
                again=("seen again", ".3f"),
                frequency=("frequency", ".3%"),
            ),
        },
    }
    same = {
        "data": {"values": [{"at": 0}, {"at": 1}]},
        "mark": {"type": "line", "color": NEUTRAL, "strokeWidth": 0.8},
        "encoding": {"x": {"field": "at", "type": "quantitative"}, "y": {"field": "at", "type": "quantitative"}},
    }
    return layered(_HEIGHT, "Rare gate− cases in either half of the texts", [same, points])

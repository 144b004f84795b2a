"""Charts of one metric against another, and of their correlation by layer."""

from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from gluscope_core.correlation import Correlations
from gluscope_core.pairs import NO_ROLE, Grid
from gluscope_core.palette import LOW_TO_HIGH, NEUTRAL, PLAIN_MARK, ROLE_COLOURS, TYPICAL_CLASS_COLOURS
from gluscope_core.schema import LAYER, NEURON
from gluscope_core.vega import ON_CANVAS, PICK
from gluscope_core.vocabulary import IOClass

BRUSH = "brush"
_HEIGHT, _STRIP_HEIGHT = 520, 230
"""With titles and axes."""
_ATYPICAL = "atypical "


@dataclass(frozen=True)
class Look:
    """What a chart says beside its data."""

    title: str
    x_title: str
    y_title: str
    x_name: str
    y_name: str
    colour_name: str | None
    by_rank: bool

    def axes(self) -> tuple[alt.Axis, alt.Axis]:
        suffix = ", percentile" if self.by_rank else ""
        return tuple(
            alt.Axis(title=name + suffix, grid=False, tickCount=6, titleLimit=600, titleAnchor="middle")
            for name in (self.x_title, self.y_title)
        )  # pyright: ignore[reportReturnType]


def points(neurons: pd.DataFrame, look: Look, picked: pd.DataFrame, *, error_bars: bool) -> alt.LayerChart:
    """One mark per neuron; `picked` is marked by a ring."""
    data = neurons.assign(id=neurons[LAYER].astype(str) + "." + neurons[NEURON].astype(str))
    x, y = _positions(look)
    tooltip = [
        alt.Tooltip("id:N", title="neuron"),
        alt.Tooltip("x:Q", title=look.x_name, format=".3~g"),
        alt.Tooltip("y:Q", title=look.y_name, format=".3~g"),
        *(alt.Tooltip(f"{name}:Q", title="its standard error ≤", format=".2~g") for name in _errors(data)),
    ]
    if look.colour_name:
        tooltip.append(_colour_tooltip(data, look))
    marks = (
        alt.Chart(data)
        .mark_point(filled=True, size=22 if len(data) > 2000 else 34, opacity=0.65, strokeWidth=1.2)
        .encode(x=x, y=y, tooltip=tooltip, **_colour(data, look))
        .add_params(
            alt.selection_point(name=PICK, fields=[LAYER, NEURON], on="click", clear="dblclick"),
            alt.selection_interval(name=BRUSH, encodings=["x", "y"]),
        )
    )
    rings = alt.Chart(picked).mark_point(size=240, strokeWidth=2.5, color=NEUTRAL, filled=False).encode(x=x, y=y)
    bars = _error_bars(data, look) if error_bars and not look.by_rank else []
    return _framed(alt.layer(*bars, marks, rings), look)


def density(cells: Grid, look: Look, picked: pd.DataFrame) -> alt.LayerChart:
    """One rectangle per cell that holds neurons, the denser the more opaque."""
    x_axis, y_axis = look.axes()
    data = cells.cells
    tooltip = [
        alt.Tooltip("count:Q", title="neurons", format=","),
        *(alt.Tooltip(f"{end}:Q", title=f"{name} {word}", format=".3~g") for end, name, word in _ends(look)),
    ]
    if look.colour_name:
        tooltip.append(_colour_tooltip(data, look, of="mean " if "share" not in data else "mostly "))
    edges = alt.Scale(zero=False, nice=False, round=True)  # at whole pixels, so that no seam shows between cells
    scale = alt.Scale(type="log", range=[0.18, 1], domain=[1, _most(data)])
    marks = (
        alt.Chart(data)
        .mark_rect()
        .encode(
            x=alt.X("x_from:Q", axis=x_axis, scale=edges),
            x2="x_to:Q",
            y=alt.Y("y_from:Q", axis=y_axis, scale=edges),
            y2="y_to:Q",
            opacity=alt.Opacity("count:Q", scale=scale, legend=_counts(data)),
            tooltip=tooltip,
            **_colour(data, look, cells=True),
        )
        .add_params(
            alt.selection_point(name=PICK, fields=["cell"], on="click", clear="dblclick"),
            alt.selection_interval(name=BRUSH, encodings=["x", "y"]),
        )
    )
    ring = alt.Chart(picked).mark_point(size=240, strokeWidth=2.5, color=NEUTRAL, filled=False)
    return _framed(alt.layer(marks, ring.encode(x="plot_x:Q", y="plot_y:Q")), look)


def strip(found: Correlations, chosen: list[int]) -> alt.LayerChart:
    """Both coefficients of each layer; those that are not chosen stand back."""
    data = _strip_data(found, chosen)
    x = alt.X(f"{LAYER}:Q", axis=alt.Axis(title="layer", grid=False, tickMinStep=1, format="d"))
    y_axis = alt.Axis(title="r, ρ in a layer", grid=False, tickCount=5)
    base = alt.Chart(data).encode(x=x.scale(nice=False, padding=12))
    opacity = alt.Opacity("chosen:N", scale=alt.Scale(domain=[True, False], range=[1, 0.3]), legend=None)
    band = base.mark_rule(strokeWidth=8, color=NEUTRAL, opacity=0.3).encode(
        y=alt.Y("null_low:Q", axis=y_axis), y2="null_high:Q"
    )
    interval = base.mark_rule(strokeWidth=1.5, color=PLAIN_MARK).encode(y="low:Q", y2="high:Q", opacity=opacity)
    tooltip = [
        alt.Tooltip(f"{LAYER}:Q", title="layer"),
        *(alt.Tooltip(f"{name}:Q", title=title, format=".3f") for name, title in (("r", "r"), ("rho", "ρ"))),
        *(alt.Tooltip(f"{name}:Q", title=f"r, 95 % {end}", format=".3f") for name, end in _INTERVAL),
        alt.Tooltip("n:Q", title="neurons", format=","),
    ]
    pearson = (
        base.mark_point(filled=True, size=60, color=PLAIN_MARK)
        .encode(y="r:Q", opacity=opacity, tooltip=tooltip)
        .add_params(alt.selection_point(name=PICK, fields=[LAYER], on="click", clear="dblclick"))
    )
    spearman = base.mark_point(shape="diamond", size=34, color=NEUTRAL, filled=False, strokeWidth=1.4)
    zero = alt.Chart(pd.DataFrame({"y": [0.0]})).mark_rule(color=NEUTRAL, strokeWidth=0.7).encode(y="y:Q")
    title = "By layer: r (●, 95 % interval) and ρ (◇); grey, shuffled"
    layers: Any = alt.layer(zero, band, interval, spearman.encode(y="rho:Q", opacity=opacity), pearson)
    return layers.properties(height=_STRIP_HEIGHT, title=_title(title)).configure_view(strokeWidth=0)


_INTERVAL = (("low", "from"), ("high", "to"))


def _strip_data(found: Correlations, chosen: list[int]) -> pd.DataFrame:
    rows = []
    for layer, both in found.by_layer.items():
        r, rho = both.pearson, both.spearman
        low, high = r.interval or (None, None)
        null_low, null_high = r.null or (None, None)
        rows.append((layer, r.value, rho.value, low, high, null_low, null_high, r.n, layer in chosen))
    names = [LAYER, "r", "rho", "low", "high", "null_low", "null_high", "n", "chosen"]
    return pd.DataFrame(rows, columns=pd.Index(names)).astype(dict.fromkeys(names[1:7], float))


def _positions(look: Look) -> tuple[alt.X, alt.Y]:
    x_axis, y_axis = look.axes()
    scale = alt.Scale(zero=False, nice=False, padding=8)
    return alt.X("plot_x:Q", axis=x_axis, scale=scale), alt.Y("plot_y:Q", axis=y_axis, scale=scale)


def _colour(data: pd.DataFrame, look: Look, *, cells: bool = False) -> dict[str, Any]:
    if look.colour_name is None:
        return {"color": alt.value(PLAIN_MARK)}
    held = set(data["colour"].dropna())
    present = [name for name in _KIND_COLOURS if name in held]
    if pd.api.types.is_numeric_dtype(data["colour"]):
        title = f"mean {look.colour_name}" if cells else look.colour_name
        legend = alt.Legend(title=title, orient="top", gradientLength=160)
        field, scale = "colour:Q", alt.Scale(range=list(LOW_TO_HIGH))
    else:
        legend = alt.Legend(title=look.colour_name, orient="top", columns=3, labelLimit=240, symbolOpacity=1)
        field, scale = "colour:N", alt.Scale(domain=present, range=[_KIND_COLOURS[name] for name in present])
    found: dict[str, Any] = {"color": alt.Color(field, scale=scale, legend=legend)}
    if not cells and field.endswith("N"):
        forms = ["triangle-up" if name.startswith(_ATYPICAL) else "circle" for name in present]
        found["shape"] = alt.Shape(field, scale=alt.Scale(domain=present, range=forms), legend=legend)
    return found


def _counts(cells: pd.DataFrame) -> alt.Legend:
    return alt.Legend(
        title="neurons in a cell", orient="top", values=_powers(cells), symbolFillColor=NEUTRAL, symbolStrokeWidth=0
    )


def _class_colours() -> dict[str, str]:
    typical = {kind.value: colour for kind, colour in TYPICAL_CLASS_COLOURS.items()}
    return {kind.value: typical[kind.value.removeprefix(_ATYPICAL)] for kind in IOClass}


_KIND_COLOURS = _class_colours() | {role.value: colour for role, colour in ROLE_COLOURS.items()} | {NO_ROLE: "#b9bec4"}


def _colour_tooltip(data: pd.DataFrame, look: Look, of: str = "") -> alt.Tooltip:
    if pd.api.types.is_numeric_dtype(data["colour"]):
        return alt.Tooltip("colour:Q", title=f"{of}{look.colour_name}", format=".3~g")
    return alt.Tooltip("colour:N", title=f"{of}{look.colour_name}")


def _errors(data: pd.DataFrame) -> list[str]:
    return [name for name in ("x_error", "y_error") if name in data]


def _error_bars(data: pd.DataFrame, look: Look) -> list[alt.Chart]:
    """One standard error to either side."""
    x, y = _positions(look)
    x_axis, y_axis = look.axes()
    scale = alt.Scale(zero=False, nice=False, padding=8)
    base: Any = alt.Chart(data).mark_rule(color=NEUTRAL, opacity=0.35, strokeWidth=0.8)
    bars = []
    for name in _errors(data):
        plotted = f"datum.plot_{name[0]}"
        ends = base.transform_calculate(low=f"{plotted} - datum.{name}", high=f"{plotted} + datum.{name}")
        if name.startswith("x"):
            bars.append(ends.encode(x=alt.X("low:Q", axis=x_axis, scale=scale), x2="high:Q", y=y))
        else:
            bars.append(ends.encode(x=x, y=alt.Y("low:Q", axis=y_axis, scale=scale), y2="high:Q"))
    return bars


def _ends(look: Look) -> list[tuple[str, str, str]]:
    names = (("x", look.x_name), ("y", look.y_name))
    unit = ", percentile" if look.by_rank else ""
    return [(f"{axis}_{word}", name + unit, word) for axis, name in names for word in ("from", "to")]


def _most(cells: pd.DataFrame) -> int:
    return max(int(cells["count"].to_numpy().max()), 2)


def _powers(cells: pd.DataFrame) -> list[int]:
    return [10**power for power in range(int(np.log10(_most(cells))) + 1)]


def _title(text: str) -> alt.TitleParams:
    return alt.TitleParams(text, anchor="start", fontWeight=500, fontSize=14)


def _framed(chart: Any, look: Look) -> alt.LayerChart:
    return chart.properties(height=_HEIGHT, title=_title(look.title), usermeta=ON_CANVAS).configure_view(strokeWidth=0)

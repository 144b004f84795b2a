"""Charts that compare: two neurons' ranges case by case, two datasets' layers at the same depth."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from gluscope_core.palette import CASE_COLOURS, NEUTRAL, PLAIN_MARK
from gluscope_core.schema import LAYER
from gluscope_core.vega import LABEL_COLOUR, LayerAxis
from gluscope_core.vocabulary import CASES, Quantity, Stat, stat_column

_OTHER_MARK = "#c2701f"
DATASET_COLOURS = (PLAIN_MARK, _OTHER_MARK)


def ranges(rows: Mapping[str, Mapping[str, Any]], quantity: Quantity) -> pd.DataFrame:
    """By case and neuron (named by the keys): least, largest, mean, and one standard deviation about it. `start` and
    `stop` are the ends of what is known to occur: the original program kept one extreme, and no deviations."""
    found = []
    for case in CASES:
        for name, row in rows.items():
            low, high, mean, deviation = (
                row[stat_column(case, quantity, stat)] for stat in (Stat.MIN, Stat.MAX, Stat.MEAN, Stat.STD)
            )
            if mean is not None:
                bar = (None, None) if deviation is None else (mean - deviation, mean + deviation)
                line = (mean if low is None else low, mean if high is None else high)
                found.append((case.label, f"{case.label}  {name}", low, high, mean, *bar, *line))
    names = ["case", "row", "least", "largest", "mean", "from", "to", "start", "stop"]
    return pd.DataFrame(found, columns=pd.Index(names))


def ranges_chart(found: pd.DataFrame, quantity: Quantity) -> alt.LayerChart | alt.FacetChart:
    """One line per case and neuron, all on one axis."""
    colour = alt.Color(
        "case:N",
        scale=alt.Scale(domain=[case.label for case in CASES], range=[CASE_COLOURS[case] for case in CASES]),
        legend=None,
    )
    y = alt.Y(
        "row:N",
        sort=list(found["row"]),
        title=None,
        axis=alt.Axis(ticks=False, domain=False, labelLimit=240, labelOverlap=False),
    )
    axis = alt.Axis(gridOpacity=0.25, tickCount=8)
    x = alt.X("start:Q", title=f"{quantity.label}, within the case", axis=axis)
    tooltip = ["row:N", *(alt.Tooltip(f"{name}:Q", format=".3~g") for name in ("least", "mean", "largest"))]
    base = alt.Chart(found).encode(y=y, color=colour, tooltip=tooltip)
    whole = base.mark_rule(strokeWidth=1.5).encode(x=x, x2="stop:Q")
    middle = base.mark_rule(strokeWidth=8, opacity=0.45).encode(x="from:Q", x2="to:Q")
    mean = base.mark_tick(thickness=2.5, size=16).encode(x="mean:Q")
    zero = alt.Chart(pd.DataFrame({"zero": [0.0]})).mark_rule(color=NEUTRAL, strokeWidth=0.8).encode(x="zero:Q")
    bar = "; bar: mean ± one standard deviation" if bool(found["from"].notna().to_numpy().any()) else ""
    title = alt.Title(
        f"{quantity.label[0].upper()}{quantity.label[1:]} by case, on one scale",
        subtitle=f"line: least to largest{bar}",
        subtitleColor=alt.ExprRef(LABEL_COLOUR["expr"]), fontSize=14, anchor="start",
    )  # fmt: skip
    return alt.layer(zero, whole, middle, mean).properties(title=title, height=290)


def medians_by_depth(values: pd.Series, name: str, layers: int) -> pd.DataFrame:
    """Of values by layer: median, and the range of the middle half, at the layer's relative depth."""
    grouped = values.dropna().groupby(level=0)
    parts = {word: grouped.quantile(share) for word, share in (("low", 0.25), ("value", 0.5), ("high", 0.75))}
    return _placed(pd.DataFrame({**parts, "neurons": grouped.size()}), name, layers)


def shares_by_depth(here: pd.Series, name: str, layers: int) -> pd.DataFrame:
    """Of ones and zeros by layer: which part of its neurons are ones."""
    grouped = here.groupby(level=0)
    return _placed(pd.DataFrame({"value": grouped.mean(), "neurons": grouped.size()}), name, layers)


def _placed(found: pd.DataFrame, name: str, layers: int) -> pd.DataFrame:
    found = found.rename_axis(LAYER).reset_index()
    return found.assign(dataset=name, depth=(found[LAYER] + 0.5) / layers)


def depth_chart(found: pd.DataFrame, title: str, y_title: str, *, shares: bool) -> alt.LayerChart | alt.FacetChart:
    names = list(dict.fromkeys(found["dataset"]))
    colour = alt.Color(
        "dataset:N",
        scale=alt.Scale(domain=names, range=list(DATASET_COLOURS[: len(names)])),
        legend=alt.Legend(title=None, orient="top", columns=1, labelLimit=300, symbolType="circle", symbolOpacity=1),
    )
    x = alt.X(
        "depth:Q",
        title=LayerAxis(relative=True, layers=0).title,
        axis=alt.Axis(grid=False),
        scale=alt.Scale(domain=[0, 1]),
    )
    figures = alt.Undefined if not shares else "%"
    y = alt.Y("value:Q", title=y_title, axis=alt.Axis(gridOpacity=0.25, format=figures), scale=alt.Scale(zero=shares))
    number = ".2%" if shares else ".3~g"
    tooltip = ["dataset:N", "layer:Q", alt.Tooltip("value:Q", format=number), alt.Tooltip("neurons:Q", format=",")]
    base = alt.Chart(found).encode(x=x, color=colour, tooltip=tooltip)
    line = base.mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=26)).encode(y=y)
    layers = (
        [line] if shares else [base.mark_area(opacity=0.13).encode(y=alt.Y("low:Q", title=y_title), y2="high:Q"), line]
    )
    return alt.layer(*layers).properties(title=alt.Title(title, fontSize=14, anchor="start"), height=400)

"""The whole model at a glance: cases and classes layer by layer, and neurons worth a look."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from gluscope_core.columns import NeuronColumn, StrikingColumn
from gluscope_core.ids import NeuronId
from gluscope_core.linked_table import Cell, Link, Share, page_address
from gluscope_core.manifest import Manifest
from gluscope_core.palette import CASE_COLOURS, TYPICAL_CLASS_COLOURS
from gluscope_core.schema import LAYER, NEURON
from gluscope_core.vega import COLUMNS_OF_KINDS, LABEL_COLOUR
from gluscope_core.vocabulary import CASES, IOClass, freq_column

_HEIGHT = 260


def cases_by_layer(neurons: pd.DataFrame) -> pd.DataFrame:
    """Median over a layer's neurons of each case's frequency, and the range of the middle half."""
    parts = []
    for case in CASES:
        grouped = neurons.groupby(LAYER)[freq_column(case)]
        low, middle, high = (grouped.quantile(share) for share in (0.25, 0.5, 0.75))
        parts.append(pd.DataFrame({"case": case.label, "low": low, "median": middle, "high": high}).reset_index())
    return pd.concat(parts, ignore_index=True)


def classes_by_layer(neurons: pd.DataFrame) -> pd.DataFrame:
    """How many of a layer's neurons have each class, atypical ones together with typical."""
    known = neurons.dropna(subset=[NeuronColumn.IO_CLASS])
    kind = known[NeuronColumn.IO_CLASS].str.removeprefix("atypical ")
    counts = pd.DataFrame({LAYER: known[LAYER], "class": kind}).value_counts().reset_index(name="neurons")
    counts = counts.sort_values([LAYER, "class"], ignore_index=True)
    counts["share"] = counts["neurons"] / counts.groupby(LAYER)["neurons"].transform("sum")
    return counts


def origin_of(name: str, revision: str | None, manifest: Manifest) -> str:
    """Which dataset it is, and of which texts."""
    parts = [f"dataset {name}" + (f" at {revision[:10]}" if revision else "")]
    texts = manifest.texts
    if texts is not None:
        at = f" at {texts.revision[:10]}" if texts.revision else ""
        parts += [f"texts {texts.id}{at}", f"licence of texts: {texts.licence or 'not recorded'}"]
    return " · ".join(parts)


def cases_chart(found: pd.DataFrame, counted: int | None) -> alt.LayerChart | alt.FacetChart:
    colour = alt.Color(
        "case:N",
        scale=alt.Scale(domain=[case.label for case in CASES], range=[CASE_COLOURS[case] for case in CASES]),
        legend=None,
    )
    x = alt.X("layer:Q", title="layer", axis=alt.Axis(grid=False, tickMinStep=1, format="d"))
    y = alt.Y("median:Q", title=f"share of {_tokens(counted)}", axis=alt.Axis(format="%", gridOpacity=0.3))
    tooltip = ["case:N", "layer:Q", *(alt.Tooltip(f"{name}:Q", format=".2%") for name in ("median", "low", "high"))]
    base = alt.Chart(found).encode(x=x, color=colour, tooltip=tooltip)
    band = base.mark_area(opacity=0.12).encode(y=alt.Y("low:Q", title=""), y2="high:Q")
    line = base.mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=18)).encode(y=y)
    last = pd.DataFrame(found.query("layer == layer.max()"))
    ends = alt.Chart(_apart(last)).encode(x="layer:Q", y="place:Q")
    key = ends.mark_square(size=70, xOffset=13).encode(color=colour)  # names in these colours could not be read
    label = ends.mark_text(align="left", dx=21, fontSize=12, color=alt.ExprRef(LABEL_COLOUR["expr"])).encode(
        text="case:N"
    )
    return alt.layer(band, line, key, label).properties(height=_HEIGHT, padding={"right": 84})


def _tokens(counted: int | None) -> str:
    return "counted tokens" if counted is None else f"{counted:,} counted tokens"


def _apart(last: pd.DataFrame) -> pd.DataFrame:
    """Where labels stand, so that none lies on another."""
    ordered = last.sort_values("median")
    least = 0.08 * max(0.2, *map(float, last["high"]))
    places: list[float] = []
    for value in map(float, ordered["median"]):
        places.append(max(value, places[-1] + least) if places else value)
    return ordered.assign(place=places)


def classes_chart(found: pd.DataFrame) -> alt.Chart:
    """Of orthogonal output, by far the largest, only what the others leave."""
    kinds = [kind for kind in TYPICAL_CLASS_COLOURS if kind is not IOClass.ORTHOGONAL_OUTPUT]
    names = [kind.value for kind in kinds]
    shown = found[found["class"].isin(names)]
    return (
        alt.Chart(shown.assign(order=[names.index(each) for each in shown["class"]]))
        .mark_bar()
        .encode(
            x=alt.X("layer:O", title="layer", axis=alt.Axis(labelAngle=0, labelOverlap=True)),
            y=alt.Y("share:Q", title="share of neurons", axis=alt.Axis(format="%", gridOpacity=0.3)),
            color=alt.Color(
                "class:N",
                scale=alt.Scale(domain=names, range=[TYPICAL_CLASS_COLOURS[kind] for kind in kinds]),
                legend=alt.Legend(
                    orient="bottom", columns=alt.ExprRef(COLUMNS_OF_KINDS["expr"]), title=None, labelLimit=220
                ),
            ),
            order="order:Q",
            tooltip=["layer:O", "class:N", "neurons:Q", alt.Tooltip("share:Q", format=".2%")],
        )
        .properties(height=_HEIGHT + 100)  # of which the legend takes a part
    )


def striking_table(striking: pd.DataFrame, rows: int) -> pd.DataFrame:
    """The first of each case in turn, of gate− before gate+, with what was measured in the other half of the texts."""
    chosen = striking.sort_values([StrikingColumn.RANK, StrikingColumn.CASE], ascending=[True, False]).head(rows)
    labels = {case.column: case.label for case in CASES}
    return pd.DataFrame(
        {
            "neuron": [str(NeuronId(*ids)) for ids in chosen[[LAYER, NEURON]].itertuples(index=False)],
            "case": [labels[name] for name in chosen[StrikingColumn.CASE]],
            "code": [_code(name) for name in chosen[StrikingColumn.CASE]],
            "frequency": chosen[StrikingColumn.FREQ].to_numpy(),
            "strength, when found": chosen[StrikingColumn.FOUND].to_numpy(),
            "strength, seen again": chosen[StrikingColumn.AGAIN].to_numpy(),
        }
    )


def striking_rows(table: pd.DataFrame, address: dict[str, str]) -> list[tuple[str, Sequence[Cell]]]:
    """With links to the neurons' examples of the case; `address` holds what links keep."""
    ids = zip(table["neuron"], table["code"], strict=True)
    links = [Link(neuron, page_address("neuron", {**address, "neuron": neuron, "case": case})) for neuron, case in ids]
    strengths = [(name, table[name].tolist()) for name in table if str(name).startswith("strength")]
    return [
        ("neuron", links),
        ("case", table["case"].tolist()),
        ("frequency", [Share(each) for each in table["frequency"].tolist()]),
        *strengths,
    ]


def _code(column: str) -> str:
    return next(case.code for case in CASES if case.column == column)

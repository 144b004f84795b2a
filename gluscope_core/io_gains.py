"""What neurons of each class do on average, layer by layer: a chart of mean gain, or of effective IO."""

import numpy as np
import pandas as pd

from gluscope_core.vega import LABEL_COLOUR, LayerAxis, Spec, class_scale, layered, records, tooltip

_ROW = 22
"""Height of a class."""
_SHORT = "replace(replace(datum.label, 'atypical ', 'at. '), 'conditional ', 'c. ')"
"""As the paper writes classes where there is little room."""


def gains_chart(found: pd.DataFrame, totals: pd.DataFrame, text: str, axis: LayerAxis) -> Spec:
    """A cell per class and layer, coloured by the mean; at the end of each row the mean of all its neurons."""
    names, _ = class_scale(set(found["class"]))
    reach = float(np.percentile(np.abs(found["mean"]), 95)) if len(found) else 1.0
    y: Spec = {"field": "class", "type": "nominal", "sort": names}
    y["axis"] = {
        "title": None,
        "labelLimit": 230,
        "labelOverlap": False,
        "labelExpr": _SHORT,
        "ticks": False,
        "domain": False,
    }
    scale = {"domain": [-reach, 0, reach], "range": list(_DIVERGING), "clamp": True}
    told = tooltip(
        layer=("layer", "d"),
        **{"class": ("class", None)},
        mean=("mean", ".3~g"),
        median=("median", ".3~g"),
        above=("above 0", ".0%"),
        neurons=("neurons", ","),
    )
    legend = {"title": "mean", "orient": "top", "gradientLength": 140, "gradientThickness": 8, "format": ".2~g"}
    cells = {
        "data": records(axis.placed(found)),
        "mark": {"type": "rect"},
        "encoding": {
            "x": axis.x("from"),
            "x2": {"field": "to"},
            "y": y,
            "color": {"field": "mean", "type": "quantitative", "scale": scale, "legend": legend},
            "tooltip": told,
        },
    }
    end = {
        "data": records(totals.assign(text=[_row_end(mean) for mean in totals["mean"]])),
        "mark": {"type": "text", "align": "left", "dx": 6, "fontSize": 12, "color": LABEL_COLOUR},
        "encoding": {
            "x": {"value": "width"},
            "y": y,
            "text": {"field": "text", "type": "nominal"},
            "tooltip": told[1:],
        },
    }
    height = _ROW * max(len(names), 1) + 150
    return layered(height, text, [cells, end], padding={"right": 56, "left": 5, "top": 5, "bottom": 5})


_DIVERGING = ("#b2463c", "#9aa0a655", "#2166ac")
"""Against and along what is read, in the hues of depletion and enrichment."""


def _row_end(mean: float) -> str:
    return f"{mean:+.2f}".replace("-", "−")

"""What Vega-Lite charts that are written as plain dictionaries have in common."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gluscope_core.palette import TYPICAL_CLASS_COLOURS
from gluscope_core.schema import LAYER
from gluscope_core.vocabulary import IOClass

Spec = dict[str, Any]
ON_CANVAS = {"embedOptions": {"renderer": "canvas"}}
"""Thousands of points are too much for SVG, in which brushes also have parts that no screen reader can name."""
LABEL_ON_LIGHT, LABEL_ON_DARK = "#565d66", "#aab1ba"
LABEL_COLOUR: Spec = {"expr": f"luminance(background) > 0.18 ? '{LABEL_ON_LIGHT}' : '{LABEL_ON_DARK}'"}
"""Of text within a chart: no one colour is readable on both themes, and Vega knows the background that it draws on."""
ATYPICAL = "atypical "
COLUMNS_OF_KINDS = {"expr": "width < 330 ? 1 : 3"}
"""Of a legend of classes, which is cut off where three do not fit."""
PICK = "pick"
"""The selection of what is clicked, in every chart."""
_GAP = 0.08
"""Of a layer's width, to either side of its bar."""


def records(frame: pd.DataFrame) -> Spec:
    """As a chart's data; what is not a number becomes null, which JSON has."""
    return {"values": frame.astype(object).where(frame.notna(), None).to_dict("records")}


def title(text: str) -> Spec:
    return {"text": text, "anchor": "start", "fontWeight": 500, "fontSize": 14}


def layered(height: int, text: str, layers: list[Spec], **rest: Any) -> Spec:
    return {
        "height": height,
        "title": title(text),
        "layer": layers,
        "config": {"view": {"strokeWidth": 0}},
        "usermeta": ON_CANVAS,
        **rest,
    }


def tooltip(**fields: tuple[str, str | None]) -> list[Spec]:
    """Of quantities: field, title and format; without a format, of names."""
    return [
        {"field": field, "title": name, "type": "quantitative", "format": form}
        if form
        else {"field": field, "title": name, "type": "nominal"}
        for field, (name, form) in fields.items()
    ]


def class_scale(present: set[str]) -> tuple[list[str], list[str]]:
    """Names and colours of the classes that are there, each atypical one after its typical one."""
    names = [
        name
        for kind in TYPICAL_CLASS_COLOURS
        for name in (kind.value, f"{ATYPICAL}{kind.value}")
        if name in present
    ]  # fmt: skip
    return names, [class_colour(name) for name in names]


def class_colour(name: str) -> str:
    return TYPICAL_CLASS_COLOURS[IOClass(name.removeprefix(ATYPICAL))]


@dataclass(frozen=True)
class LayerAxis:
    """Where layers stand: at their numbers, or at their depth between 0 and 1, by which models can be compared."""

    relative: bool
    layers: int
    """Of the model, of which a dataset may hold some only."""

    @property
    def title(self) -> str:
        return "relative depth: (layer + ½) / layers" if self.relative else "layer"

    def placed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """With `at`, and `from` and `to` of a bar."""
        number = frame[LAYER].to_numpy(dtype=np.float64)
        half = 0.5 - _GAP
        places = {"at": number, "from": number - half, "to": number + half}
        if self.relative:
            places = {name: (place + 0.5) / self.layers for name, place in places.items()}
        return frame.assign(**places)

    def x(self, field: str = "at", **axis: Any) -> Spec:
        spacing: Spec = (
            {"values": [0, 0.2, 0.4, 0.6, 0.8, 1], "format": ".1f"}
            if self.relative
            else {"format": "d", "tickMinStep": 1}
        )
        ends = [0, 1] if self.relative else [-0.5, self.layers - 0.5]
        return {
            "field": field,
            "type": "quantitative",
            "scale": {"domain": ends, "nice": False},
            "axis": {"title": self.title, "grid": False, **spacing, **axis},
        }

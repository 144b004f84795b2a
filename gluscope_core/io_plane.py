"""The paper's fine-grained view: each neuron of a layer by its cosines, in the plane of Figure 5."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gluscope_core.columns import NeuronColumn
from gluscope_core.io_statistics import IONeurons
from gluscope_core.pairs import MOST_POINTS, Grid, grid
from gluscope_core.palette import LOW_TO_HIGH, NEUTRAL
from gluscope_core.schema import LAYER, NEURON
from gluscope_core.vega import LABEL_COLOUR, PICK, Spec, layered, records, tooltip

MOST_PLANES = 6


@dataclass(frozen=True)
class Plane:
    """The neurons of a layer that have all three cosines, and the cells they are drawn as where they are many."""

    layer: int
    neurons: pd.DataFrame
    """`layer`, `neuron`, `id`, `x`, `y`, `colour`."""
    cells: Grid | None

    @property
    def drawn(self) -> pd.DataFrame:
        return self.neurons if self.cells is None else self.cells.cells


def planes(neurons: IONeurons, layers: list[int]) -> list[Plane]:
    """Points, or cells in every layer where all points together were too many for a browser."""
    frames = [_frame(neurons, layer) for layer in layers]
    many = sum(map(len, frames)) > MOST_POINTS
    return [
        Plane(layer, frame, grid(frame.assign(plot_x=frame["x"], plot_y=frame["y"])) if many and len(frame) else None)
        for layer, frame in zip(layers, frames, strict=True)
    ]


def _frame(neurons: IONeurons, layer: int) -> pd.DataFrame:
    here = neurons.layer == layer
    found = pd.DataFrame(
        {
            LAYER: layer,
            NEURON: neurons.neuron[here],
            "x": neurons.cosines[NeuronColumn.COS_GATE_OUT][here],
            "y": neurons.cosines[NeuronColumn.COS_IN_OUT][here],
            "colour": neurons.cosines[NeuronColumn.COS_GATE_IN][here],
        }
    ).dropna()
    return found.assign(id=[f"{layer}.{number}" for number in found[NEURON]]).reset_index(drop=True)


def first_layers(layers: tuple[int, ...]) -> list[int]:
    """What is shown unless others are chosen: early, middle, last."""
    places = (len(layers) // 5, len(layers) // 2, len(layers) - 1)
    return sorted({layers[place] for place in places}) if layers else []


def plane_chart(data: pd.DataFrame, threshold: float, text: str, ring: pd.DataFrame) -> Spec:
    """Neurons of a layer by their cosines with w_out, coloured by cos(w_gate, w_in), as points or as cells of a grid;
    lines at the threshold, and the circle that no neuron leaves whose w_gate and w_in are at right angles."""
    marks = _cells() if "cell" in data else _points(data)
    rules = [
        {
            "data": {"values": [{axis: sign * threshold} for sign in (1, -1)]},
            "mark": {"type": "rule", "color": LABEL_COLOUR, "strokeWidth": 0.8, "opacity": 0.6},
            "encoding": {axis: _plane_axis(axis, axis)},
        }
        for axis in ("x", "y")
    ]
    angles = np.linspace(0, 2 * np.pi, 73)
    circle = pd.DataFrame({"x": np.cos(angles), "y": np.sin(angles), "order": range(len(angles))})
    round_ = {
        "data": records(circle),
        "mark": {"type": "line", "color": NEUTRAL, "strokeWidth": 0.8, "strokeDash": [2, 3]},
        "encoding": {"x": _plane_axis("x", "x"), "y": _plane_axis("y", "y"), "order": {"field": "order"}},
    }
    picked = {
        "data": records(ring),
        "mark": {"type": "point", "size": 220, "strokeWidth": 2.4, "filled": False, "color": NEUTRAL},
        "encoding": {"x": _plane_axis("x", "x"), "y": _plane_axis("y", "y")},
    }
    return layered(_PLANE, text, [*rules, round_, marks, picked])


_PLANE = 500
_SIDES = {"x": "cos(w_gate, w_out)", "y": "cos(w_in, w_out)"}
_COSINE_COLOUR: Spec = {
    "type": "quantitative",
    "scale": {"domain": [-0.75, 0, 0.75], "range": list(LOW_TO_HIGH), "clamp": True},
}


def _plane_axis(side: str, field: str, *, at_pixels: bool = False) -> Spec:
    """`at_pixels` for cells, so that no seam shows between them."""
    axis = {"title": _SIDES[side], "grid": False, "tickCount": 5}
    scale = {"domain": [-1, 1], "nice": False, **({"round": True} if at_pixels else {})}
    return {"field": field, "type": "quantitative", "scale": scale, "axis": axis}


def _points(data: pd.DataFrame) -> Spec:
    return {
        "params": [{"name": PICK, "select": {"type": "point", "fields": [LAYER, "neuron"], "clear": "dblclick"}}],
        "mark": {"type": "point", "filled": True, "size": 14 if len(data) > 2000 else 22, "opacity": 0.75},
        "encoding": {
            "x": _plane_axis("x", "x"),
            "y": _plane_axis("y", "y"),
            "color": {"field": "colour", **_COSINE_COLOUR, "legend": _cosine_legend("cos(w_gate, w_in)")},
            "tooltip": tooltip(
                id=("neuron", None),
                x=(_SIDES["x"], ".3f"),
                y=(_SIDES["y"], ".3f"),
                colour=("cos(w_gate, w_in)", ".3f"),
            ),
        },
    }


def _cells() -> Spec:
    colour = {"field": "colour", **_COSINE_COLOUR}
    opacity: Spec = {"field": "count", "type": "quantitative", "scale": {"type": "log", "range": [0.25, 1]}}
    return {
        "params": [{"name": PICK, "select": {"type": "point", "fields": ["cell"], "clear": "dblclick"}}],
        "mark": "rect",
        "encoding": {
            "x": _plane_axis("x", "x_from", at_pixels=True),
            "x2": {"field": "x_to"},
            "y": _plane_axis("y", "y_from", at_pixels=True),
            "y2": {"field": "y_to"},
            "color": {**colour, "legend": _cosine_legend("mean cos(w_gate, w_in)")},
            "opacity": {**opacity, "legend": None},
            "tooltip": tooltip(count=("neurons", ","), colour=("mean cos(w_gate, w_in)", ".3f")),
        },
    }


def _cosine_legend(name: str) -> dict[str, Any]:
    return {"title": name, "orient": "top", "gradientLength": 120, "gradientThickness": 8, "tickCount": 3}

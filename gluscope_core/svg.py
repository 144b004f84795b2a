"""Charts as SVG, for pages without scripts: of Vega-Lite what a neuron's charts are made of, layers of marks on two
axes."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from gluscope_core.formats import MINUS, number

Spec = Mapping[str, Any]
_LEFT, _BELOW, _AROUND = 46, 38, 3
"""Room for axes, and where there are none."""
_MANY = 200
"""Marks from which on each goes without a text of its own."""
_ANCHORS = {"right": "end", "left": "start"}
_DROPS = {"bottom": "-.25em", "top": ".95em"}


@dataclass(frozen=True)
class _Axis:
    """From a figure to a place in the picture."""

    low: float
    high: float
    start: float
    end: float
    title: str | None
    ticks: int | None
    """None where the axis is not drawn."""

    @classmethod
    def of(cls, layers: Sequence[Spec], name: str, start: float, end: float) -> "_Axis":
        encodings = [each["encoding"][name] for each in layers if name in each["encoding"]]
        scaled = next(each for each in encodings if each.get("scale"))
        low, high = scaled["scale"]["domain"]
        axis = scaled.get("axis")
        return cls(low, high, start, end, scaled.get("title"), axis.get("tickCount", 5) if axis else None)

    def place(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def marks(self) -> list[float]:
        """Round figures, about as many as are asked for."""
        rough = (self.high - self.low) / max(1, self.ticks or 1)
        power = 10.0 ** math.floor(math.log10(rough))
        step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [place * step for place in range(first, last + 1)]


def chart_svg(chart: Any, width: int, label: str) -> str:
    """A figure with its title. `chart` is Vega-Lite, or an Altair chart that becomes it."""
    spec = _plain(chart)
    title, *subtitle = _titles(spec)
    caption = f"<b>{escape(title)}</b> <small>{escape('; '.join(subtitle))}</small>"
    return (
        f'<figure><figcaption>{caption}</figcaption><svg viewBox="0 0 {width} {spec["height"]}" role="img" '
        f'aria-label="{escape(label)}">{_drawing(spec, width)}</svg></figure>'
    )


def chart_file(chart: Any, width: int, label: str) -> bytes:
    """The same as a file of its own, black on white, its title in the picture."""
    spec = _plain(chart)
    lines = _titles(spec)
    above, around = _TITLE_LINE * len(lines) + _TITLE_LINE // 2, _TITLE_LINE
    across, down = width + 2 * around, spec["height"] + above + 2 * around
    titles = "".join(
        f'<text y="{_TITLE_LINE * (at + 0.8):.1f}"{_BOLD * (at == 0)}>{escape(line)}</text>'
        for at, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {across} {down}" width="{across}" height="{down}" '
        f'role="img" aria-label="{escape(label)}"><style>{_FILE_STYLE}</style>'
        f'<rect width="{across}" height="{down}" fill="#fff"/><g transform="translate({around} {around})">{titles}'
        f'<g transform="translate(0 {above})">{_drawing(spec, width)}</g></g></svg>\n'
    ).encode()


_TITLE_LINE, _BOLD = 17, ' font-weight="600"'
_FILE_STYLE = (
    "svg{color:#3c4249;font:12px system-ui,sans-serif;font-variant-numeric:tabular-nums}"
    "text{fill:currentColor}path{fill:none}.points{stroke-linecap:round}"
)


def _titles(spec: Spec) -> list[str]:
    return [spec["title"]["text"], *spec["title"]["subtitle"]]


def _drawing(spec: Spec, width: int) -> str:
    layers, height = spec["layer"], spec["height"]
    drawn = any(_is_drawn(each) for each in layers)
    left, below = (_LEFT, _BELOW) if drawn else (_AROUND, _AROUND)
    across = _Axis.of(layers, "x", left, width - _AROUND)
    up = _Axis.of(layers, "y", height - below, _AROUND)
    body = "".join(mark for layer in layers for mark in _layer(layer, across, up))
    axes = "".join((*_axis_below(across, up), *_axis_left(across, up))) if drawn else ""
    return axes + body


def _plain(chart: Any) -> dict[str, Any]:
    """Data in its place in each layer, where Altair keeps it apart."""
    spec = chart.to_dict() if hasattr(chart, "to_dict") else chart
    kept = spec.get("datasets", {})
    layers = [
        {**each, "data": {"values": kept.get(each["data"].get("name"), each["data"].get("values", []))}}
        for each in spec["layer"]
    ]
    return {**spec, "layer": layers}


def _is_drawn(layer: Spec) -> bool:
    return any(layer["encoding"].get(name, {}).get("axis") for name in ("x", "y"))


def _layer(layer: Spec, across: _Axis, up: _Axis) -> Iterator[str]:
    rows, mark, encoding = layer["data"]["values"], layer["mark"], layer["encoding"]
    fill = {row_at: _colour(encoding.get("color"), mark, row) for row_at, row in enumerate(rows)}
    if mark["type"] == "circle":
        yield from _points(rows, fill, layer, across, up)
        return
    for at, row in enumerate(rows):
        places = {
            name: (across if name[0] == "x" else up).place(row[encoding[name]["field"]])
            for name in ("x", "x2", "y", "y2")
            if name in encoding
        }
        if mark["type"] == "rect":
            told = _told(encoding, row) if len(rows) < _MANY else ""
            yield f'<rect {_box(places)} fill="{fill[at]}"{_opacity(layer, row)}>{told}</rect>'
        elif mark["type"] == "rule":
            yield f'<path d="{_line(places, across, up)}" stroke="{fill[at]}"/>'
        else:
            anchor, drop = _ANCHORS.get(mark.get("align"), "middle"), _DROPS.get(mark.get("baseline"), ".35em")
            place = f'x="{places["x"]:.1f}" y="{places["y"]:.1f}" dy="{drop}" text-anchor="{anchor}"'
            yield f"<text {place}>{escape(str(row[encoding['text']['field']]))}</text>"


_IN_A_PATH = 8
"""Points. Those of one path do not darken each other where they overlap; each in a path of its own is twice as long."""


def _points(rows: Sequence[Spec], fill: Mapping[int, str], layer: Spec, across: _Axis, up: _Axis) -> Iterator[str]:
    """One group per colour; a point is a line of no length with round ends."""
    mark, encoding = layer["mark"], layer["encoding"]
    size = 2 * math.sqrt(mark.get("size", 30) / math.pi)
    for colour in dict.fromkeys(fill.values()):
        places = [
            f"M{across.place(row[encoding['x']['field']]):.1f} {up.place(row[encoding['y']['field']]):.1f}h0"
            for at, row in enumerate(rows)
            if fill[at] == colour
        ]
        some = ("".join(places[first : first + _IN_A_PATH]) for first in range(0, len(places), _IN_A_PATH))
        paths = "".join(f'<path d="{each}"/>' for each in some)
        opacity = mark.get("opacity", 1)
        yield f'<g class="points" stroke="{colour}" stroke-width="{size:.2f}" stroke-opacity="{opacity}">{paths}</g>'


def _opacity(layer: Spec, row: Spec) -> str:
    """Of a mark, or of all its layer's."""
    encoding, mark = layer["encoding"], layer["mark"]
    opacity = row[encoding["opacity"]["field"]] if "opacity" in encoding else mark.get("opacity")
    return "" if opacity is None else f' opacity="{opacity:.2g}"'


def _colour(encoding: Spec | None, mark: Spec, row: Spec) -> str:
    if encoding is None:
        colour = mark.get("color")
        return colour if isinstance(colour, str) else "currentColor"  # else it depends on the page's background
    scale = dict(zip(encoding["scale"]["domain"], encoding["scale"]["range"], strict=True))
    return scale.get(row[encoding["field"]], "currentColor")


def _told(encoding: Spec, row: Spec) -> str:
    """What a mark says where one hovers."""
    parts = []
    for each in encoding.get("tooltip", []):
        value = row[each["field"]]
        shown = number(value) if isinstance(value, float) else str(value)
        parts.append(f"{each.get('title') or each['field']} {shown}")
    return f"<title>{escape(', '.join(parts))}</title>" if parts else ""


def _box(places: Mapping[str, float]) -> str:
    (left, right), (top, bottom) = (sorted((places[name], places[f"{name}2"])) for name in ("x", "y"))
    return f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"'


def _line(places: Mapping[str, float], across: _Axis, up: _Axis) -> str:
    if "x" in places:
        return f"M{places['x']:.1f} {up.start:.1f}V{up.end:.1f}"
    return f"M{across.start:.1f} {places['y']:.1f}H{across.end:.1f}"


def _axis_below(across: _Axis, up: _Axis) -> Iterator[str]:
    for mark in across.marks():
        x = across.place(mark)
        yield f'<path d="M{x:.1f} {up.start:.1f}v4" stroke="currentColor"/>'
        yield f'<text x="{x:.1f}" y="{up.start + 16:.1f}" text-anchor="middle">{_shown(mark)}</text>'
    middle = (across.start + across.end) / 2
    yield f'<text x="{middle:.1f}" y="{up.start + 33:.1f}" text-anchor="middle">{escape(across.title or "")}</text>'


def _axis_left(across: _Axis, up: _Axis) -> Iterator[str]:
    for mark in up.marks():
        y = up.place(mark)
        yield f'<path d="M{across.start:.1f} {y:.1f}h-4" stroke="currentColor"/>'
        yield f'<text x="{across.start - 6:.1f}" y="{y:.1f}" dy=".35em" text-anchor="end">{_shown(mark)}</text>'
    middle = (up.start + up.end) / 2
    turned = f'transform="translate(10 {middle:.1f}) rotate(-90)"'
    yield f'<text {turned} text-anchor="middle">{escape(up.title or "")}</text>'


def _shown(mark: float) -> str:
    """Multiples of a step are off in the last digit."""
    return f"{mark:.6g}".replace("-", MINUS)

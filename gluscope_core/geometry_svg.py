"""Pictures of a gated neuron's geometry as inline SVG, in the page's own colours: light and dark."""

from math import cos, pi, radians, sin

import numpy as np

from gluscope_core.activations import activation
from gluscope_core.formats import fixed
from gluscope_core.geometry import Effect, Triple, verb
from gluscope_core.palette import CASE_COLOURS, TYPICAL_CLASS_COLOURS
from gluscope_core.vocabulary import Case, IOClass

_SOFT, _OUT = "var(--soft)", "var(--st-primary-color, #1f5fa8)"
_TILT = radians(50)
_HEADS = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="context-stroke"/></marker></defs>'
)
Point = tuple[float, float]


def neuron_svg(activation_name: str) -> str:
    """How a gated neuron reads twice, multiplies, and writes."""
    curve = " ".join(f"{284 + 9 * x:.1f},{66 - 9 * y:.1f}" for x, y in _curve(activation_name))
    return f"""<svg viewBox="0 0 700 250" role="img" class="drawing" aria-label="A gated neuron: the residual stream
is read by w_gate and w_in; the activation of x_gate times x_in is post; post times w_out is
added to the residual stream.">
{_HEADS}<g fill="none" stroke="currentColor" stroke-width="1.4">
<path d="M20 222H668" stroke-width="3" stroke="{_SOFT}" marker-end="url(#head)"/>
<path d="M60 222V66H112" marker-end="url(#head)"/><path d="M60 154H112" marker-end="url(#head)"/>
<path d="M186 66H236" marker-end="url(#head)"/><path d="M332 66H410V94" marker-end="url(#head)"/>
<path d="M186 154H410V126" marker-end="url(#head)"/><path d="M426 110H502" marker-end="url(#head)"/>
<path d="M576 110H610V206" stroke="{_OUT}" stroke-width="2" marker-end="url(#head)"/>
<rect x="114" y="46" width="72" height="40" rx="4"/><rect x="114" y="134" width="72" height="40" rx="4"/>
<rect x="238" y="30" width="94" height="72" rx="4"/><circle cx="410" cy="110" r="15"/>
<rect x="504" y="90" width="72" height="40" rx="4" stroke="{_OUT}" stroke-width="2"/>
<circle cx="610" cy="222" r="14" fill="var(--page)"/>
<path d="M246 66H326M284 38V94" stroke="{_SOFT}" stroke-width=".8"/>
<polyline points="{curve}" stroke-width="2"/></g>
<g fill="currentColor" font-size="15" text-anchor="middle"><text x="150" y="71">w_gate</text>
<text x="150" y="159">w_in</text><text x="540" y="115">w_out</text><text x="410" y="116" font-size="18">×</text>
<text x="610" y="228" font-size="18">+</text></g>
<g fill="{_SOFT}" font-size="13"><text x="192" y="58">x_gate</text><text x="192" y="146">x_in</text>
<text x="340" y="58">act</text><text x="440" y="102">post</text><text x="76" y="212">x, after the norm</text>
<text x="286" y="20" text-anchor="middle">{activation_name}</text><text x="622" y="170">post · w_out</text>
<text x="660" y="246" text-anchor="end">residual stream</text></g></svg>"""


def _curve(activation_name: str) -> list[Point]:
    x = np.linspace(-4, 3, 57)
    return [(float(at), float(value)) for at, value in zip(x, activation(activation_name)(x), strict=True)]


def vectors_svg(triple: Triple, turn: float) -> str:
    """The three as arrows from one point; the disc is the plane of the two that read, with w_out's shadow on it."""
    ends = {
        name: _project(vector, turn)
        for name, vector in zip(("w_gate", "w_in", "w_out"), triple.vectors(), strict=True)
    }  # fmt: skip
    shadow = _project(np.array([*triple.vectors()[2][:2], 0]), turn)
    disc = "".join(
        f'<ellipse cx="180" cy="165" rx="{140 * size}" ry="{140 * size * sin(_TILT):.1f}" fill="{_SOFT}" '
        f'fill-opacity="{opacity}" stroke="{_SOFT}" stroke-width=".6"/>'
        for size, opacity in ((1, 0.1), (0.5, 0))
    )
    arrows = "".join(_arrow(name, end) for name, end in ends.items())
    dropped = (
        f'<path d="M180 165L{shadow[0]:.1f} {shadow[1]:.1f}L{ends["w_out"][0]:.1f} {ends["w_out"][1]:.1f}" '
        f'stroke="{_OUT}" stroke-dasharray="3 3" fill="none"/>'
    )
    told = f"Three vectors; cosines {fixed(triple.gate_in)}, {fixed(triple.gate_out)} and {fixed(triple.in_out)}"
    drawing = f"{_HEADS}{disc}{dropped}{arrows}"
    return f'<svg viewBox="0 0 360 330" role="img" class="drawing" aria-label="{told}">{drawing}</svg>'


def _project(vector: np.ndarray, turn: float) -> Point:
    """Seen from the front and from above; at a turn of 0, w_gate points right and w_in away, that is, up."""
    x, y, z = vector
    angle = radians(turn)
    right, away = x * cos(angle) - y * sin(angle), x * sin(angle) + y * cos(angle)
    return 180 + 140 * right, 165 - 140 * (away * sin(_TILT) + z * cos(_TILT))


def _arrow(name: str, end: Point) -> str:
    colour, width = (_OUT, 3) if name == "w_out" else ("currentColor", 2)
    dx, dy = end[0] - 180, end[1] - 165
    far = max(1.0, (dx * dx + dy * dy) ** 0.5)
    return (
        f'<path d="M180 165L{end[0]:.1f} {end[1]:.1f}" stroke="{colour}" stroke-width="{width}" '
        'marker-end="url(#head)"/>'
        f'<text x="{end[0] + 20 * dx / far:.1f}" y="{end[1] + 15 * dy / far + 5:.1f}" fill="{colour}" font-size="14" '
        f'text-anchor="middle">{name}</text>'
    )


def map_svg(triple: Triple, threshold: float) -> str:
    """The plane of the paper's figure: where the three cosines put the neuron, and, outlined, where they can put one
    with this cos(w_gate, w_in)."""
    angle = np.arccos(np.clip(triple.gate_in, -1, 1))
    outline = " ".join("{:.1f},{:.1f}".format(*_on_map(cos(t), cos(t - angle))) for t in np.linspace(0, 2 * pi, 97))
    x, y = _on_map(triple.gate_out, triple.in_out)
    fill, line = (_OUT, _OUT) if triple.consistent else ("none", "#c2383d")
    ticks = "".join(
        f'<text x="{_on_map(at, 0)[0]:.1f}" y="312" text-anchor="middle">{label}</text>'
        f'<text x="34" y="{_on_map(0, at)[1] + 4:.1f}" text-anchor="end">{label}</text>'
        for at, label in ((-1, "−1"), (0, "0"), (1, "1"))
    )
    told = f"cos(w_gate, w_out) {fixed(triple.gate_out)}, cos(w_in, w_out) {fixed(triple.in_out)}"
    return f"""<svg viewBox="0 0 360 340" role="img" class="drawing" aria-label="{told}">{_regions(threshold)}
<polyline points="{outline}" fill="{_SOFT}" fill-opacity=".12" stroke="currentColor" stroke-dasharray="4 3"/>
<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="{fill}" stroke="{line}" stroke-width="2.5"/>
<g fill="{_SOFT}" font-size="12">{ticks}<text x="180" y="332" text-anchor="middle">cos(w_gate, w_out)</text>
<text x="12" y="158" text-anchor="middle" transform="rotate(-90 12 158)">cos(w_in, w_out)</text></g></svg>"""


def _on_map(gate_out: float, in_out: float) -> Point:
    return 180 + 137 * gate_out, 158 - 137 * in_out


def _regions(threshold: float) -> str:
    ends = (-1.0, -threshold, threshold, 1.0)
    rows = (
        (IOClass.DEPLETION, IOClass.CONDITIONAL_DEPLETION, "depletion", "c. depletion"),
        (IOClass.PROPORTIONAL_CHANGE, IOClass.ORTHOGONAL_OUTPUT, "prop. change", "orthogonal"),
        (IOClass.ENRICHMENT, IOClass.CONDITIONAL_ENRICHMENT, "enrichment", "c. enrichment"),
    )
    parts = []
    for row, (side, middle, side_name, middle_name) in enumerate(rows):
        for column in range(3):
            kind, name = (middle, middle_name) if column == 1 else (side, side_name)
            left, top = _on_map(ends[column], ends[row + 1])
            right, bottom = _on_map(ends[column + 1], ends[row])
            parts.append(
                f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" '
                f'fill="{TYPICAL_CLASS_COLOURS[kind]}" fill-opacity=".22" stroke="var(--page)"/>'
            )
            if right - left > 62 and bottom - top > 16:
                parts.append(
                    f'<text x="{(left + right) / 2:.1f}" y="{top + 14:.1f}" font-size="10.5" fill="{_SOFT}" '
                    f'text-anchor="middle">{name}</text>'
                )
    return "".join(parts)


def effects_html(effects: dict[Case, Effect], threshold: float) -> str:
    """The four cases in their places: gate+ right, in+ up."""
    cells = "".join(
        _effect(effects[Case((gate_sign, in_sign))], threshold) for in_sign in (1, -1) for gate_sign in (-1, 1)
    )
    return f'<div class="quadrants">{cells}</div>'


def _effect(found: Effect, threshold: float) -> str:
    head = f'<h3 style="border-color:{CASE_COLOURS[found.case]}">{found.case.label}</h3>'
    if not found.post_sign:
        return f"<div>{head}<p>writes nothing: the activation function is 0 there</p></div>"
    sign = "+" if found.post_sign > 0 else "−"
    strength = "however large" if found.bound is None else f"weakly: at most {found.bound:.2f} · |x_in|"
    return (
        f"<div>{head}<p>writes <b>{sign}w_out</b>, {strength}</p>"
        f"<p>{verb(found.on_in, threshold)} what w_in found <small>{fixed(found.on_in)}</small></p>"
        f"<p>{verb(found.on_gate, threshold)} what w_gate found <small>{fixed(found.on_gate)}</small></p></div>"
    )

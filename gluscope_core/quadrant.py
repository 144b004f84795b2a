"""Four frequencies as a tiny picture, in the places that cases have everywhere: gate+ right, in+ up."""

from base64 import b64encode
from collections.abc import Mapping
from html import escape
from math import sqrt
from typing import Any

import pandas as pd

from gluscope_core.formats import percent
from gluscope_core.palette import CASE_COLOURS, NEUTRAL
from gluscope_core.vocabulary import CASES, Case, freq_column

_HALF = 15
"""Width of a quadrant; a case that is always has all of it."""


def quadrant_svg(row: Mapping[str, Any]) -> str:
    """Areas are shares of the counted tokens, as in the large chart; nothing where there are none."""
    shares = {case: row[freq_column(case)] for case in CASES}
    if any(pd.isna(share) for share in shares.values()):
        return ""
    size = 2 * _HALF
    words = escape("; ".join(f"{case.label} {percent(share) if share else 'never'}" for case, share in shares.items()))
    squares = "".join(_square(case, float(share)) for case, share in shares.items() if share)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{words}" width="{size}" height="{size}" '
        f'viewBox="{-_HALF} {-_HALF} {size} {size}"><title>{words}</title>{squares}'
        f'<path d="M{-_HALF} 0H{_HALF}M0 {-_HALF}V{_HALF}" stroke="{NEUTRAL}" stroke-width=".6"/></svg>'
    )


def quadrant_image(row: Mapping[str, Any]) -> str | None:
    """The same for a table that shows images."""
    svg = quadrant_svg(row)
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}" if svg else None


def _square(case: Case, share: float) -> str:
    side = _HALF * sqrt(share)
    x = 0.0 if case.gate_sign > 0 else -side
    y = -side if case.in_sign > 0 else 0.0
    return (
        f'<rect x="{x:.2f}" y="{y:.2f}" width="{side:.2f}" height="{side:.2f}" fill="{CASE_COLOURS[case]}" '
        'fill-opacity=".85"/>'
    )

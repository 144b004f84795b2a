"""Parts of the geometry page: three cosines as sliders, kept in the address."""

import streamlit as st

from gluscope_core.cosines import threshold_of
from gluscope_core.formats import fixed
from gluscope_core.geometry import PROTOTYPES, Triple
from gluscope_core.manifest import Manifest
from gluscope_core.ui.state import slide, write_all

GATE_IN, GATE_OUT, IN_OUT, THRESHOLD, TURN = "gate_in", "gate_out", "in_out", "tau", "turn"
"""Keys of the address."""
_START = "start"
_FIRST = PROTOTYPES["28.9766 of OLMo-7B, conditional enrichment"]
_SLIDERS = (
    (GATE_IN, "cos(w_gate, w_in)", _FIRST.gate_in),
    (GATE_OUT, "cos(w_gate, w_out)", _FIRST.gate_out),
    (IN_OUT, "cos(w_in, w_out)", _FIRST.in_out),
)


def triple() -> Triple:
    """The sliders of the three cosines."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        start = st.empty()
        chosen = Triple(*(_cosine(key, label, first) for key, label, first in _SLIDERS))
        named = (name for name, each in PROTOTYPES.items() if each == chosen)
        st.session_state[_START] = next(named, None)
        start.selectbox(
            "Start from", list(PROTOTYPES), index=None, key=_START, on_change=_start, width=330,
            placeholder="a prototype, or a neuron of the paper",
        )  # fmt: skip
    return chosen


def _cosine(key: str, label: str, first: float) -> float:
    return slide(key, label, first, low=-1.0, step=0.001, form="%.3f", width=230)


def threshold(manifest: Manifest) -> float:
    return slide(THRESHOLD, "τ", threshold_of(manifest), high=0.95, step=0.01, width=300)


def turn() -> float:
    return slide(TURN, "Turn", -20.0, low=-180.0, high=180.0, step=5.0, form="%d°", width=300)


def _start() -> None:
    if chosen := st.session_state[_START]:
        _set(PROTOTYPES[chosen])


def _set(chosen: Triple) -> None:
    values = (chosen.gate_in, chosen.gate_out, chosen.in_out)
    write_all(
        {key: None if value == first else f"{value:g}" for (key, _, first), value in zip(_SLIDERS, values, strict=True)}
    )


def explain_inconsistent(given: Triple) -> None:
    low, high = given.gate_in_range
    st.warning(
        f"No three vectors have these cosines: their Gram matrix has the determinant {fixed(given.determinant, 3)}, "
        f"below 0. With cos(w_gate, w_out) = {fixed(given.gate_out)} and cos(w_in, w_out) = {fixed(given.in_out)}, "
        f"cos(w_gate, w_in) lies between {fixed(low)} and {fixed(high)}."
    )
    nearest = given.nearest()
    st.button(f"Take {fixed(nearest.gate_in)}", on_click=_set, args=(nearest,))

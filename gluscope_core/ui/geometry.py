"""Parts of the geometry page: three cosines as sliders, kept in the address."""

from typing import Literal

import streamlit as st

from gluscope_core.cosines import threshold_of
from gluscope_core.formats import fixed
from gluscope_core.geometry import PROTOTYPES, Triple
from gluscope_core.manifest import Manifest

GATE_IN, GATE_OUT, IN_OUT, THRESHOLD, TURN = "gate_in", "gate_out", "in_out", "tau", "turn"
"""Keys of the address."""
_BOUND: Literal["query-params"] = "query-params"
_START = "start"
_FIRST = PROTOTYPES["28.9766 of OLMo-7B, conditional enrichment"]


def triple() -> Triple:
    """The sliders of the three cosines."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.selectbox(
            "Start from", list(PROTOTYPES), index=None, key=_START, on_change=_start, width=330,
            placeholder="a prototype, or a neuron of the paper",
        )  # fmt: skip
        values = [
            st.slider(label, -1.0, 1.0, first, 0.001, format="%.3f", key=key, bind=_BOUND, width=230)
            for key, label, first in (
                (GATE_IN, "cos(w_gate, w_in)", _FIRST.gate_in),
                (GATE_OUT, "cos(w_gate, w_out)", _FIRST.gate_out),
                (IN_OUT, "cos(w_in, w_out)", _FIRST.in_out),
            )
        ]
    return Triple(*values)


def threshold(manifest: Manifest) -> float:
    return st.slider("τ", 0.0, 0.95, threshold_of(manifest), 0.01, key=THRESHOLD, bind=_BOUND, width=300)


def turn() -> int:
    return st.slider("Turn", -180, 180, -20, 5, format="%d°", key=TURN, bind=_BOUND, width=300)


def _start() -> None:
    if chosen := st.session_state[_START]:
        _set(PROTOTYPES[chosen])


def _set(chosen: Triple) -> None:
    for key, value in ((GATE_IN, chosen.gate_in), (GATE_OUT, chosen.gate_out), (IN_OUT, chosen.in_out)):
        st.session_state[key] = float(value)


def explain_inconsistent(given: Triple) -> None:
    low, high = given.gate_in_range
    st.warning(
        f"No three vectors have these cosines: their Gram matrix has the determinant {fixed(given.determinant, 3)}, "
        f"below 0. With cos(w_gate, w_out) = {fixed(given.gate_out)} and cos(w_in, w_out) = {fixed(given.in_out)}, "
        f"cos(w_gate, w_in) lies between {fixed(low)} and {fixed(high)}."
    )
    nearest = given.nearest()
    st.button(f"Take {fixed(nearest.gate_in)}", on_click=_set, args=(nearest,))

"""How a gated neuron is made, and what its three vectors have to do with its input-output class."""

import streamlit as st

from gluscope_core.cosines import both_names
from gluscope_core.geometry import effect
from gluscope_core.geometry_svg import effects_html, map_svg, neuron_svg, vectors_svg
from gluscope_core.ui import geometry as parts
from gluscope_core.ui import page
from gluscope_core.ui.neuron import where_data_would_be
from gluscope_core.ui.view import show_html
from gluscope_core.vocabulary import CASES

manifest = page.page_dataset().manifest
activation = manifest.model.activation or "silu"  # the usual one, where a dataset does not say which
st.title("Geometry of a gated neuron")
with where_data_would_be():
    picture, words = st.columns([1.5, 1], gap="large", vertical_alignment="center")
    with picture:
        show_html(neuron_svg(activation), "diagram")
    words.markdown(
        "A gated neuron reads the residual stream **twice**: with w_gate, which says how far it opens, and with w_in, "
        "which says how much passes. It writes the product, **post**, in the direction of w_out. The signs of the two "
        "readings make four cases; gate− is not closed: the activation function dips below 0 there, so that the neuron "
        "writes weakly, and with the other sign. If w_in and w_out both change sign, what it does stays the same."
    )

    st.subheader("What three cosines make of it", anchor="classes", divider="gray")
    triple = parts.triple()
    if not triple.consistent:
        parts.explain_inconsistent(triple)
    vectors, plane, cases = st.columns([1, 1, 1.25], gap="medium")
    with plane:
        threshold = parts.threshold(manifest)
        show_html(map_svg(triple, threshold), "map")
        st.caption("Dashed: where neurons of this cos(w_gate, w_in) can lie; a circle if the two are at right angles.")
    with vectors:
        turn = parts.turn()
        if triple.consistent:
            show_html(vectors_svg(triple, turn), "vectors")
        st.caption("Disc: the plane of w_gate and w_in; dashed, the part of w_out that lies in it.")
    with cases:
        if triple.consistent:
            name = both_names(triple.io_class(threshold))
            st.subheader(f"{name[0].upper()}{name[1:]}", anchor=False)
            effects = {case: effect(triple, case, activation) for case in CASES}
            show_html(effects_html(effects, threshold), "effects")
            st.caption("Small: cosine of what is written with what was found. Strengthens, weakens: beyond ±τ.")

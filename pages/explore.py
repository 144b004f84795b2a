"""Any metric of all neurons against any other, with statistics that keep layers apart."""

from functools import partial

import streamlit as st

from gluscope_core import explore_charts
from gluscope_core import explore_words as words
from gluscope_core.bound import why_bound
from gluscope_core.columns import NeuronColumn
from gluscope_core.errors import GluscopeError
from gluscope_core.pairs import MOST_POINTS, columns_of, grid, pair, placed, selected
from gluscope_core.ui import card, page
from gluscope_core.ui import explore as parts
from gluscope_core.ui.columns import read_columns

MOST_ERROR_BARS = 3_000

dataset = page.page_dataset()
manifest = dataset.manifest
parts.heading(dataset)
choices = parts.choose(dataset)
x, y = choices.x, choices.y
try:
    frame = read_columns(dataset, columns_of(x, y, choices.colouring))
except GluscopeError as error:
    page.guard(error)
    st.stop()

everything = pair(frame, x, y, choices.colouring, choices.threshold)
chosen = everything.of_layers(choices.layers)
neurons = placed(chosen.neurons, by_rank=choices.by_rank)
key = (manifest.sha256, x.key, y.key)
by_layer = parts.correlated(everything.neurons, key)
all_chosen = len(choices.layers) == len(manifest.layers)
found = by_layer if all_chosen else parts.correlated(chosen.neurons, (*key, *choices.layers))

plot, side = st.columns([2.1, 1], gap="medium")
with plot:
    bars = choices.error_bars and len(neurons) <= MOST_ERROR_BARS
    if neurons.empty:
        st.info(f"No neuron of these layers has both {x.name} and {y.name}.")
        cells, picked = None, {}
    else:
        cells = grid(neurons) if len(neurons) > MOST_POINTS else None
        one = len(choices.layers) == 1
        look = explore_charts.Look(
            words.headline(x, y, found.pooled if one else found.within, "" if one else "within layers"),
            x.axis(manifest), y.axis(manifest), x.name, y.name, choices.colour_name, choices.by_rank,
        )  # fmt: skip
        marked = card.named_neuron(neurons)
        chart = (
            explore_charts.points(neurons, look, marked, error_bars=bars)
            if cells is None
            else explore_charts.density(cells, look, marked)
        )
        name = f"plot {x.key} {y.key} {choices.layers} {choices.by_rank}"
        event = st.altair_chart(
            chart, key=name, on_select=partial(parts.pick, name, neurons, cells),
            alt=f"{look.title}: {len(neurons):,} neurons",
        )  # fmt: skip
        picked = event.selection
    if choices.error_bars and not bars:
        st.caption(f"Error bars are drawn for at most {MOST_ERROR_BARS:,} points, on axes of values.")
with side:
    st.markdown(words.coefficients_table(found, with_p=choices.with_p), help=words.COEFFICIENTS_HELP)
    signs = read_columns(dataset, (NeuronColumn.COS_GATE_IN,))
    notes = [
        words.count_note(found),
        words.P_WARNING if choices.with_p else None,
        *words.problems(found),
        words.left_out_note(everything, len(frame)),
        words.sign_note(x, y, signs, manifest),
        *(words.error_note(metric, axis, neurons) for metric, axis in ((x, "x"), (y, "y"))),
    ]
    if bound := why_bound(x, y):
        st.markdown(f":orange-badge[:material/link: bound by construction] {bound}")
    card.show_card(dataset)
    st.caption("  \n".join(filter(None, notes)))
parts.show_table(selected(neurons, cells, picked), choices)
if len(by_layer.by_layer) > 1:
    parts.show_layers(everything.neurons, by_layer, choices)
if missing := words.unavailable_note(manifest):
    st.caption(missing)

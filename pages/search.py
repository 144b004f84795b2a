"""Neurons by token, class, role, layer and the range of any metric; the address is the query."""

from functools import partial

import streamlit as st

from gluscope_core.errors import GluscopeError
from gluscope_core.neuron_view import how_to_get_weights
from gluscope_core.search import apply
from gluscope_core.ui import search as parts
from gluscope_core.ui.columns import read_columns
from gluscope_core.ui.page import guard, page_dataset
from gluscope_core.ui.search_results import show_found

dataset = page_dataset()
manifest = dataset.manifest
parsed = parts.query_of_address(manifest)
query = parsed.query
try:
    lexicon = parts.lexicon_of(dataset)
except GluscopeError as error:
    guard(error)
    st.stop()

parts.controls(query, dataset, lexicon)
if lexicon is None:
    st.caption(f"Tokens cannot be searched here, which needs lists of the weights. {how_to_get_weights(manifest)}")
if parsed.problems:
    parts.explain(parsed)
    st.stop()
if query.is_empty:
    parts.show_ways_in(dataset, lexicon)
    st.stop()

match = lexicon.find(query.token) if lexicon and query.token else None
if match is not None and lexicon is not None:
    parts.show_match(match, lexicon)
token = match.token if match else None
try:
    found = apply(query, dataset, token, partial(read_columns, dataset))
except GluscopeError as error:
    guard(error)
    st.stop()
shown_token = lexicon.label(token) if lexicon and token is not None else query.token
if found.neurons.empty:
    parts.show_nothing(query, found, shown_token)
else:
    show_found(query, found, dataset, shown_token)

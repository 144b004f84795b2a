"""neuron."""

import streamlit as st

st.title("neuron")

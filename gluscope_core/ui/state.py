"""Widgets whose state is in the address: what the address says is shown, what is chosen is written to it."""

from collections.abc import Callable, Mapping

import streamlit as st

OPENED = "text"
"""Key of the address: the text that is shown whole."""


def choose(
    key: str, label: str, options: Mapping[str, str], current: str, default: str, *, disabled: bool = False
) -> None:
    """One of a few, by the code that stands in the address; `current` is what the page made of the address."""
    st.session_state[f"choose_{key}"] = str(current)  # enums would be taken for others after a reload
    st.segmented_control(
        label,
        list(options),
        format_func=lambda code: options.get(code, code),
        key=f"choose_{key}",
        required=True,
        disabled=disabled,
        label_visibility="collapsed",
        on_change=lambda: write(key, st.session_state[f"choose_{key}"], default),
    )


def switch(key: str, label: str, help_text: str) -> bool:
    """On where the address has the key."""
    st.session_state[f"switch_{key}"] = key in st.query_params
    return st.toggle(
        label,
        key=f"switch_{key}",
        help=help_text,
        on_change=lambda: write(key, "1" if st.session_state[f"switch_{key}"] else ""),
    )


def search(key: str, label: str) -> str:
    st.session_state[f"search_{key}"] = st.query_params.get(key, "")
    return st.text_input(
        label,
        key=f"search_{key}",
        type="search",
        placeholder=label,
        label_visibility="collapsed",
        on_change=lambda: write(key, st.session_state[f"search_{key}"].strip()),
    )


def write(key: str, value: str | None, default: str = "") -> None:
    """What is as usual is not written."""
    if value and value != default:
        st.query_params[key] = value
    elif key in st.query_params:
        del st.query_params[key]


def go_to(key: str) -> Callable[[str], None]:
    """Another neuron; the text that was open belonged to the one before."""

    def go(neuron: str) -> None:
        write(key, neuron)
        write(OPENED, None)

    return go

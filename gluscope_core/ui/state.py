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


def select(key: str, label: str, options: Mapping[str, str], current: str, default: str) -> None:
    """One of many, by the code that stands in the address."""
    st.session_state[f"select_{key}"] = str(current)
    st.selectbox(
        label,
        list(options),
        format_func=lambda code: options.get(code, code),
        key=f"select_{key}",
        on_change=lambda: write(key, st.session_state[f"select_{key}"], default),
    )


def written(key: str, label: str, placeholder: str, help_text: str) -> str:
    """What somebody wrote, as it stands in the address."""
    st.session_state[f"written_{key}"] = st.query_params.get(key, "")
    return st.text_input(
        label,
        key=f"written_{key}",
        placeholder=placeholder,
        help=help_text,
        on_change=lambda: write(key, st.session_state[f"written_{key}"].strip()),
    )


def slide(key: str, label: str, default: float, help_text: str) -> float:
    """A share from 0 to 1."""
    try:
        current = min(1.0, max(0.0, float(st.query_params.get(key, default))))
    except ValueError:
        current = default
    st.session_state[f"slide_{key}"] = current
    return st.slider(
        label,
        0.0,
        1.0,
        step=0.05,
        key=f"slide_{key}",
        help=help_text,
        width=320,
        on_change=lambda: write(key, f"{st.session_state[f'slide_{key}']:g}", f"{default:g}"),
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

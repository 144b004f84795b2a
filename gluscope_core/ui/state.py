"""Widgets whose state is in the address: what the address says is shown, what is chosen is written to it."""

import math
from collections.abc import Callable, Iterable, Mapping

import streamlit as st

from gluscope_core.markdown import code
from gluscope_core.ui.choice import dataset_in_links

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


def slide(
    key: str, label: str, default: float, help_text: str | None = None, *,
    low: float = 0.0, high: float = 1.0, step: float = 0.05, form: str | None = None, width: int = 320,
) -> float:  # fmt: skip
    """A number between two ends; what the address says beyond them is taken for the nearer end, and told."""
    named = _number_within(key, default, low, high)
    if st.session_state.get(f"slide_{key}") != named:  # set again, it would take back what is still being moved
        st.session_state[f"slide_{key}"] = named
    return st.slider(
        label,
        low,
        high,
        step=step,
        format=form,
        key=f"slide_{key}",
        help=help_text,
        width=width,
        on_change=lambda: write(key, f"{st.session_state[f'slide_{key}']:g}", f"{default:g}"),
    )


def _number_within(key: str, default: float, low: float, high: float) -> float:
    asked = st.query_params.get(key)
    if asked is None:
        return default
    try:
        named = float(asked)
    except ValueError:
        named = math.nan
    shown = min(high, max(low, named)) if math.isfinite(named) else default
    if shown != named:
        why = f"is not between {low:g} and {high:g}" if math.isfinite(named) else "is no number"
        st.warning(f"{code(f'{key}={asked[:60]}')} {why}: here is {shown:g} instead.")
    return shown


def several(key: str, label: str, options: Iterable[str], most: int, placeholder: str) -> list[str]:
    """Some of many, each a value of the key; none unless the address names some."""
    options, named = list(options), st.query_params.get_all(key)
    st.session_state[f"several_{key}"] = [option for option in options if option in named][:most]

    def chosen() -> None:
        write_all({key: st.session_state[f"several_{key}"] or None})

    return st.multiselect(
        label, options, key=f"several_{key}", max_selections=most, placeholder=placeholder, on_change=chosen
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
    write_all({key: value if value and value != default else None})


def write_all(values: Mapping[str, str | list[str] | None]) -> None:
    """At once, so that the browser's way back is one step; None takes a key away. The dataset goes with it."""
    before: dict[str, str | list[str]] = {key: _one_or_more(st.query_params.get_all(key)) for key in st.query_params}
    after = {key: value for key, value in (before | dict(values)).items() if value is not None}
    if after != before:
        st.query_params.from_dict(after | dataset_in_links())


def _one_or_more(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values


def go_to(key: str) -> Callable[[str], None]:
    """Another neuron; the text that was open belonged to the one before."""

    def go(neuron: str) -> None:
        write_all({key: neuron, OPENED: None})

    return go

"""HTML in pages: one component shows what the pure modules write, and tells which link or button was used."""

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Literal

import streamlit as st
from streamlit.components.v2 import component

READABLE_TAGS = "<style>[data-tag],[data-tag] *{color:light-dark(#ffffff,#14171a)}</style>"
"""Of multiselects: Streamlit writes white on the primary colour, which is light where all is dark."""
_PACKAGE = Path(__file__).parent.parent
_VIEW = component(
    "gluscope_view",
    html='<div class="view"></div>\n',
    css=(_PACKAGE / "view.css").read_text(),
    js=(_PACKAGE / "view.js").read_text(),
)


def show_html(
    html: str,
    key: str,
    *,
    width: Literal["stretch", "content"] = "stretch",
    on_neuron: Callable[[str], None] | None = None,
    on_open: Callable[[str], None] | None = None,
) -> None:
    """Everything that comes from texts or vocabularies is escaped in `html`."""

    def used(trigger: str, then: Callable[[str], None] | None) -> Callable[[], None]:
        return lambda: then(str(st.session_state[key][trigger])) if then else None

    _VIEW(
        key=key,
        data={"html": html},
        width=width,
        on_neuron_change=used("neuron", on_neuron),
        on_open_change=used("open", on_open),
    )


def leave_for(address: str) -> None:
    """To another page at once, as a link of the page does it: `st.switch_page` leaves an address behind that was never
    a page."""
    show_html(f'<a data-go="now" href="{escape(address)}"></a>', "leave")

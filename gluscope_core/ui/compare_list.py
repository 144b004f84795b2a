"""A list of neurons on the compare page: pasted, edited, in the address while short, and as a file."""

from collections.abc import Callable
from html import escape
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from gluscope_core.columns import NeuronColumn
from gluscope_core.dataset import Dataset
from gluscope_core.errors import GluscopeError
from gluscope_core.ids import NeuronId
from gluscope_core.markdown import escaped
from gluscope_core.neuron_list import (
    IN_ADDRESS,
    MOST,
    NOTE,
    TAGS,
    About,
    Entry,
    NeuronList,
    from_file,
    merged,
    parse_list,
    to_csv,
    to_json,
)
from gluscope_core.quadrant import quadrant_image
from gluscope_core.schema import LAYER, NEURON
from gluscope_core.ui.columns import read_columns
from gluscope_core.ui.page import address, existing_neuron
from gluscope_core.ui.state import write
from gluscope_core.ui.view import show_html
from gluscope_core.vocabulary import CASES, freq_column

IDS = "ids"
"""Key of the address."""
_NO_OTHER_FILE = "<style>.st-key-list button[aria-label^='Download as CSV']{display:none}</style>"
"""The table's own file would hold notes as formulas; those beside it do not, and can be opened again."""
_COLUMNS = (LAYER, NEURON, *map(freq_column, CASES), NeuronColumn.IO_CLASS, NeuronColumn.ROLE)


class _State:
    """The list of one dataset, kept while the session lasts: notes and tags are too long for an address."""

    def __init__(self, dataset: Dataset) -> None:
        self._name = f"list {dataset.manifest.sha256}"
        st.session_state.setdefault(self._name, {"entries": (), "begins": (), "round": 0, "written": None})
        self._kept = st.session_state[self._name]

    @property
    def entries(self) -> tuple[Entry, ...]:
        return self._kept["entries"]

    @property
    def begins(self) -> tuple[Entry, ...]:
        """What the editor was given; its edits are on top of it."""
        return self._kept["begins"]

    @property
    def editor(self) -> str:
        return f"{self._name} {self._kept['round']}"

    @property
    def written(self) -> str | None:
        """What the address held when it was last written here."""
        return self._kept["written"]

    def edited(self, entries: tuple[Entry, ...]) -> None:
        self._kept["entries"] = entries
        self._write_address()

    def replaced(self, entries: tuple[Entry, ...]) -> None:
        """By something else than the editor, which begins anew."""
        self._kept["round"] += 1
        self._kept["begins"] = entries
        self.edited(entries)

    def begin_again(self) -> None:
        """The editor has forgotten its edits: the page was left."""
        self._kept["begins"] = self.entries

    def _write_address(self) -> None:
        ids = ",".join(str(entry.neuron) for entry in self.entries)
        self._kept["written"] = ids if len(self.entries) <= IN_ADDRESS else ""
        if st.query_params.get(IDS, "") != self._kept["written"]:
            write(IDS, self._kept["written"])


def neuron_list(dataset: Dataset) -> None:
    state = _State(dataset)

    def existing(text: str) -> NeuronId:
        return existing_neuron(dataset, text)

    _take_from_address(state, existing)
    table, side = st.columns([3, 1], gap="large")
    with side:
        _paste(state, existing)
        _open_file(state, existing, _about(dataset))
    with table:
        if not state.entries:
            st.info("Paste neurons, or open a list that was exported. Notes and tags can be written into its table.")
            return
        with st.container(key="list"):
            _edit(state, dataset)
        st.html(_NO_OTHER_FILE)
        _show_links(state.entries)
        _save(state, dataset)


def _take_from_address(state: _State, existing: Callable[[str], NeuronId]) -> None:
    """A link, or the browser's way back; notes of neurons that were here before stay."""
    named = st.query_params.get(IDS)
    if named is None or named == state.written:
        return
    read = parse_list(named, existing)
    _tell(read)
    known = {entry.neuron: entry for entry in state.entries}
    state.replaced(tuple(known.get(entry.neuron, entry) for entry in read.entries))


def _paste(state: _State, existing: Callable[[str], NeuronId]) -> None:
    with st.form("paste", border=False, clear_on_submit=True):
        pasted = st.text_area(
            "Add neurons", placeholder="8.997 writes again #verb\nL9N1, 9/2", height=150,
            help="One per line or between commas; after each a note, and tags with #",
        )  # fmt: skip
        if st.form_submit_button("Add") and pasted:
            read = parse_list(pasted, existing)
            _tell(read)
            state.replaced(merged(state.entries, read.entries)[:MOST])


def _about(dataset: Dataset) -> About:
    manifest = dataset.manifest
    return About(manifest.model.id, manifest.model.revision, manifest.sha256)


def _open_file(state: _State, existing: Callable[[str], NeuronId], here: About) -> None:
    """Once per file: what is edited afterwards stays."""
    file = st.file_uploader(
        "Open a list", type=["csv", "json"], help="CSV or JSON as exported here: it is added", max_upload_size=2
    )
    if file is None or st.session_state.get("opened file") == file.file_id:
        return
    st.session_state["opened file"] = file.file_id
    try:
        read = from_file(file.name, file.getvalue(), existing)
    except GluscopeError as error:
        st.error(escaped(str(error)))
        return
    if differs := read.about.differs(here):
        st.warning(escaped(f"{differs}."))
    _tell(read)
    state.replaced(merged(state.entries, read.entries)[:MOST])


def _tell(read: NeuronList) -> None:
    if read.problems:
        more = f" And {len(read.problems) - 5} more." if len(read.problems) > 5 else ""
        st.warning("  \n".join(f"{escaped(problem)}." for problem in read.problems[:5]) + more)


def _edit(state: _State, dataset: Dataset) -> None:
    if state.editor not in st.session_state:
        state.begin_again()
    shown = _table(state.begins, dataset)
    kinds = st.column_config
    edited = st.data_editor(
        shown, key=state.editor, hide_index=True, num_rows="delete", row_height=38, height="auto",
        disabled=[name for name in shown if name not in (NOTE, TAGS)],
        column_config={
            "cases": kinds.ImageColumn(help="Area: share of the counted tokens; gate+ right, in+ up", width=52),
            **{case.label: kinds.NumberColumn(format="percent", width=84) for case in CASES},
            NOTE: kinds.TextColumn(max_chars=500, width="medium"),
            TAGS: kinds.TextColumn(help="Separated by spaces"),
        },
        alt="List of neurons",
    )  # fmt: skip
    rows = edited[["neuron", NOTE, TAGS]].itertuples(index=False, name=None)
    state.edited(tuple(Entry.of(NeuronId.parse(name), note, [tags]) for name, note, tags in rows))


def _show_links(entries: tuple[Entry, ...]) -> None:
    """To pages of neurons, which the table could open in other tabs only."""
    links = " ".join(
        f'<a href="neuron?{escape(urlencode(address(neuron=str(entry.neuron))))}" data-go>{entry.neuron}</a>'
        for entry in entries
    )
    show_html(
        f'<nav class="listed-neurons" aria-label="Pages of these neurons"><span>Open:</span> {links}</nav>',
        "pages_of_list",
    )


def _table(entries: tuple[Entry, ...], dataset: Dataset) -> pd.DataFrame:
    neurons = read_columns(dataset, _COLUMNS).set_index([LAYER, NEURON])
    rows = neurons.loc[[tuple(entry.neuron) for entry in entries]]
    frequencies = {case.label: rows[freq_column(case)].to_numpy() for case in CASES}
    shown = pd.DataFrame(
        {
            "neuron": [str(entry.neuron) for entry in entries],
            "cases": [quantity and quantity for quantity in map(quadrant_image, rows.to_dict("records"))],
            NOTE: [entry.note for entry in entries],
            TAGS: [" ".join(entry.tags) for entry in entries],
            "class": rows[NeuronColumn.IO_CLASS].to_numpy(),
            "role": rows[NeuronColumn.ROLE].to_numpy(),
            **frequencies,
        }
    )
    return shown.dropna(axis="columns", how="all") if entries else shown


def _save(state: _State, dataset: Dataset) -> None:
    stem = f"{dataset.manifest.model.id.replace('/', '_')}_neurons"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        count = len(state.entries)
        kept = "" if count <= IN_ADDRESS else f"; the address holds lists of at most {IN_ADDRESS}, so keep it as a file"
        st.caption(f"{count:,} neuron{'s' * (count != 1)}{kept}. Notes and tags are in the file, not in the address.")
        for kind, content in {
            "CSV": lambda: to_csv(state.entries), "JSON": lambda: to_json(state.entries, _about(dataset))
        }.items():  # fmt: skip
            st.download_button(
                kind, content, f"{stem}.{kind.lower()}", key=f"save_{kind}", on_click="ignore", type="tertiary",
                icon=":material/download:",
            )  # fmt: skip
        st.button("Clear", key="clear_list", type="tertiary", on_click=lambda: state.replaced(()))

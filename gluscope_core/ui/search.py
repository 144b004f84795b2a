"""Parts of the search page: its controls, which write the query into the address, and what was found."""

from collections.abc import Mapping
from html import escape
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gluscope_core import query as keys
from gluscope_core import search_words as words
from gluscope_core.dataset import Dataset
from gluscope_core.manifest import Manifest
from gluscope_core.markdown import code, escaped
from gluscope_core.metrics import Metric, available
from gluscope_core.query import Firing, Order, Query, Range, parse
from gluscope_core.schema import NEURON, TOKENS_TABLE, VOCAB_TABLE
from gluscope_core.search import Found
from gluscope_core.token_search import Lexicon, TokenMatch
from gluscope_core.ui.choice import DATASET, REVISION
from gluscope_core.ui.page import address
from gluscope_core.ui.state import write
from gluscope_core.ui.view import show_html
from gluscope_core.vocabulary import CASES, MATRICES, VECTORS, IOClass, Role

PAGE = "page"
"""Key of the address."""
_FOREIGN = {DATASET, REVISION, NEURON, PAGE}
"""Parameters of the address that are no part of a query."""
_ANY = ""
_TWO_ABREAST = "@media (max-width:640px){.st-key-query .stColumn{min-width:calc(50% - 1rem)}}"
"""On narrow screens, so that the results are not far down."""


@st.cache_resource(max_entries=2, show_spinner=False)
def _lexicon(_dataset: Dataset, version: str) -> Lexicon:  # noqa: ARG001
    return Lexicon(_dataset.vocab)


def lexicon_of(dataset: Dataset) -> Lexicon | None:
    """None where tokens cannot be searched."""
    if not (dataset.has(TOKENS_TABLE.name) and dataset.has(VOCAB_TABLE.name)):
        return None
    return _lexicon(dataset, dataset.manifest.sha256)


def query_of_address(manifest: Manifest) -> keys.Parsed:
    return parse({key: st.query_params[key] for key in st.query_params if key not in _FOREIGN}, manifest)


def explain(parsed: keys.Parsed) -> None:
    """What is wrong with the address, and the search without it."""
    for problem in parsed.problems:
        key, _, why = problem.partition(": ")
        st.error(f"{code(key)}: {escaped(why)}.")
    _links([("Search without it", parsed.query.params())], "without")


def controls(query: Query, dataset: Dataset, lexicon: Lexicon | None) -> None:
    """All of a query in a few lines; what hangs on a token or on weights is there where these are."""
    with st.container(key="query", gap="small"):
        _controls(query, dataset, lexicon)
    st.html(f"<style>{_TWO_ABREAST}</style>")


def _controls(query: Query, dataset: Dataset, lexicon: Lexicon | None) -> None:
    top = st.columns([2.2, 2.5, 2.1, 1.2, 2.4, 1.3], vertical_alignment="bottom", gap="small")
    with top[0]:
        _text(keys.TOKEN, "Token", query.token, "a word, or id:1163", disabled=lexicon is None)
    has_weights = dataset.manifest.weights is not None
    with top[1]:
        _several(keys.CLASS, "Class", [each.value for each in IOClass], query.classes, disabled=not has_weights)
    with top[2]:
        roles = [*(each.value for each in Role), keys.NO_ROLE]
        _several(keys.ROLE, "Role", roles, query.roles, disabled=not has_weights)
    with top[3]:
        _text(keys.LAYERS, "Layers", query.layers, "all, or 0-3, 14")
    metrics = {metric.key: metric for metric in available(dataset.manifest)}
    with top[4]:
        _sort(query, metrics)
    with top[5].popover(
        "Ranges", icon=":material/tune:", width="stretch", help="Least and largest value of any metric"
    ):
        _add_range(metrics)
    if query.token and lexicon is not None:
        _of_token(query)
    _ranges(query)


def _of_token(query: Query) -> None:
    pointing, fires = query.pointing, query.fires
    slots = st.columns([1.5, 1.2, 1.5, 2, 1.8], vertical_alignment="bottom", gap="small")
    vectors = {_ANY: "—", keys.ANY: "any vector", **{each.value: each.value for each in VECTORS}}
    vector = _ANY if pointing is None else pointing.vector or keys.ANY
    _one(slots[0], keys.VECTOR, "Vector that points", vectors, vector)
    matrices = {_ANY: "W_U or W_E", **{each.value: each.value for each in MATRICES}}
    _one(slots[1], keys.MATRIX, "by", matrices, (pointing and pointing.matrix) or _ANY)
    signs = {_ANY: "to it or away", "pos": "to it (+)", "neg": "away from it (−)"}
    sign = {1: "pos", -1: "neg"}.get(pointing.sign or 0, _ANY) if pointing else _ANY
    _one(slots[2], keys.SIGN, "direction", signs, sign)
    places = {_ANY: "—", **{each.value: f"{words.FIRING[each]} it" for each in Firing}}
    _one(slots[3], keys.FIRES, "Strongest examples", places, fires.where.value if fires else _ANY)
    cases = {_ANY: "any case", **{case.code: case.label for case in CASES}}
    _one(slots[4], keys.CASE, "of", cases, fires.case.code if fires and fires.case else _ANY)


def _sort(query: Query, metrics: Mapping[str, Metric]) -> None:
    """Each metric either way; a token's neurons also by how strong the tie is."""
    names = {_ANY: "strongest tie to the token" if query.token else "layer and number"}
    for metric in metrics.values():
        for descending in (True, False):
            names[Order(metric, descending).text] = f"{metric.name} {'↓' if descending else '↑'}"
    current = query.order.text if query.order and query.order.metric else _ANY
    _one(st.container(), keys.SORT, "Sort by", names, current)


def _add_range(metrics: Mapping[str, Metric]) -> None:
    with st.form("range", border=False):
        names = {key: metric.name for key, metric in metrics.items()}
        key = st.selectbox("Metric", list(names), format_func=names.__getitem__)
        low = st.number_input("at least", value=None, format="%g", placeholder="any")
        high = st.number_input("at most", value=None, format="%g", placeholder="any")
        if st.form_submit_button("Search") and key and (low, high) != (None, None):
            if low is not None and high is not None and low > high:
                low, high = high, low
            _write(key, Range(metrics[key], low, high).text)
            st.rerun()


def _ranges(query: Query) -> None:
    """Those that hold, each to be taken away by a click."""
    if not query.ranges:
        return
    with st.container(horizontal=True, gap="small"):
        for each in query.ranges:
            key = each.metric.key
            st.button(
                f"{words.between(each)} ✕", key=f"drop_{key}", on_click=_write, args=(key, ""), help="Leave it out"
            )


def _write(key: str, value: str) -> None:
    """A changed query begins at its first page; without a token nothing is asked of one."""
    write(key, value)
    write(PAGE, None)
    if key == keys.TOKEN and not value:
        for dependent in (keys.VECTOR, keys.MATRIX, keys.SIGN, keys.FIRES, keys.CASE):
            write(dependent, None)
        if st.query_params.get(keys.SORT, "").removeprefix("-") == keys.VALUE:
            write(keys.SORT, None)


def _text(key: str, label: str, current: str, placeholder: str, *, disabled: bool = False) -> None:
    st.session_state[f"query_{key}"] = current
    st.text_input(
        label, key=f"query_{key}", placeholder=placeholder, disabled=disabled,
        on_change=lambda: _write(key, st.session_state[f"query_{key}"]),
    )  # fmt: skip


def _one(slot: DeltaGenerator, key: str, label: str, options: dict[str, str], current: str) -> None:
    st.session_state[f"query_{key}"] = str(current)
    slot.selectbox(
        label, list(options), format_func=options.__getitem__, key=f"query_{key}",
        on_change=lambda: _write(key, st.session_state[f"query_{key}"]),
    )  # fmt: skip


def _several(key: str, label: str, options: list[str], current: tuple[str, ...], *, disabled: bool) -> None:
    st.session_state[f"query_{key}"] = [str(each) for each in current]
    st.multiselect(
        label, options, key=f"query_{key}", placeholder="any", disabled=disabled,
        format_func=lambda name: "no role" if name == keys.NO_ROLE else name,
        on_change=lambda: _write(key, ",".join(st.session_state[f"query_{key}"])),
    )  # fmt: skip


def show_match(match: TokenMatch, lexicon: Lexicon) -> None:
    """Which token a word was taken for, and others that may be meant."""
    if match.token is not None:
        means = "" if match.exact else f"No token is exactly {code(match.asked)}: "
        said = f"{means}Token **{escaped(lexicon.label(match.token))}** (id {match.token:,})."
        others = match.variants
        ask = "Others with the same letters:" if others else ""
    elif match.pieces:
        said = f"{code(match.asked)} is no token of this vocabulary, but several:"
        others, ask = match.pieces, "The model's own tokenizer may cut it otherwise."
    else:
        said, others, ask = f"Nothing in this vocabulary is {code(match.asked)}.", (), ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"{said} {ask}".strip(), width="content")
        for token in dict.fromkeys(others):
            st.button(
                escaped(lexicon.label(token)), key=f"token_{token}", help=f"id {token:,}",
                on_click=_write, args=(keys.TOKEN, lexicon.spelling(token)),
            )  # fmt: skip


def show_ways_in(dataset: Dataset, lexicon: Lexicon | None) -> None:
    st.markdown("Ask by any of the above, together; the address is the query. For example:")
    _links(words.ways_in(dataset.manifest, lexicon), "ways")


def _links(ways: list[tuple[str, dict[str, str]]], key: str) -> None:
    """Other searches, each a line."""
    lines = "".join(
        f'<li><a href="{escape(f"search?{urlencode(address(**params))}")}" data-go>{escape(text)}</a></li>'
        for text, params in ways
    )
    show_html(f'<ul class="ways">{lines}</ul>', key)


def show_nothing(query: Query, found: Found, token: str) -> None:
    st.info(escaped(words.why_nothing(query, found.alone, token)))
    loosened = words.to_loosen(query, found.without, token)
    _links([(text, query.without(key).params()) for key, text in loosened], "loosen")

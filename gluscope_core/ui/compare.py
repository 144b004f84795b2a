"""Two neurons side by side: their figures case by case on shared scales, and what holds between them."""

import pandas as pd
import streamlit as st

from gluscope_core.activations import activation
from gluscope_core.compare import correlations, known_cosines, limits, own_cosines
from gluscope_core.compare_charts import ranges, ranges_chart
from gluscope_core.compare_words import correlations_html, correlations_note, cosines_between_html
from gluscope_core.cosines import cosines_html, signs_of_cosines, title_html
from gluscope_core.dataset import Dataset
from gluscope_core.errors import GluscopeError
from gluscope_core.examples_view import Choice, Example, Examples, Kind, collapse, fired_on
from gluscope_core.highlight import Colouring, ExamplesHtml, counts_html, legend_html
from gluscope_core.ids import NeuronId
from gluscope_core.markdown import escaped
from gluscope_core.neuron_charts import density_chart, frequency_chart
from gluscope_core.neuron_view import NeuronView, conventions, how_to_get_weights
from gluscope_core.neuron_words import has_samples, no_samples
from gluscope_core.schema import LAYER, NEURON, NEURONS_TABLE, SAMPLES_TABLE, WEIGHTS_TABLE
from gluscope_core.sign_table import has_statistics, table_html
from gluscope_core.ui.examples import CASE, EVERY, KIND, QUANTITY, open_or_close, opened
from gluscope_core.ui.neuron import SIGNS, shown_convention, token_texts, where_data_would_be
from gluscope_core.ui.page import COMPARE_PAGE, address, copy_link, existing_neuron
from gluscope_core.ui.state import choose, switch, write
from gluscope_core.ui.view import show_html
from gluscope_core.vocabulary import CASES, QUANTITIES, SignConvention

ONE, OTHER = "a", "b"
"""Keys of the address."""
Pair = tuple[NeuronView, NeuronView]


def pair(dataset: Dataset) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for key, label in ((ONE, "One neuron"), (OTHER, "The other")):
            _named(key, label)
        st.button("Swap", icon=":material/swap_horiz:", on_click=_swap, type="tertiary")
        names = {each.value: f"{each.value} signs" for each in conventions(dataset)}
        choose(SIGNS, "Sign convention", names, shown_convention(dataset).value, next(iter(names)))
        copy_link(dataset)
    chosen = [_existing(dataset, key) for key in (ONE, OTHER)]
    if chosen[0] is None or chosen[1] is None:
        _offer(dataset, chosen[0] or chosen[1])
        return
    with where_data_would_be():
        convention = shown_convention(dataset)
        views = NeuronView.of(dataset, chosen[0], convention), NeuronView.of(dataset, chosen[1], convention)
        _headings(views)
        _between(views)
        _statistics(views)
        _case_by_case(views)


def _named(key: str, label: str) -> None:
    st.session_state[f"named_{key}"] = st.query_params.get(key, "")
    st.text_input(
        label, key=f"named_{key}", placeholder="31.9634", width=150,
        on_change=lambda: write(key, st.session_state[f"named_{key}"].strip()),
    )  # fmt: skip


def _swap() -> None:
    one, other = (st.query_params.get(key) for key in (ONE, OTHER))
    write(ONE, other)
    write(OTHER, one)


def _existing(dataset: Dataset, key: str) -> NeuronId | None:
    named = st.query_params.get(key, "")
    try:
        return existing_neuron(dataset, named) if named else None
    except GluscopeError as error:
        st.error(f"{escaped(str(error))}.")
        return None


def _offer(dataset: Dataset, named: NeuronId | None) -> None:
    """Neurons to compare: the neighbours of the one that is named, or any two that have samples."""
    offered: list[tuple[NeuronId, NeuronId]] = []
    if named is not None and dataset.has(WEIGHTS_TABLE.name):
        with where_data_would_be():
            related = dataset.weights(*named).related
            ids = dict.fromkeys(NeuronId(*map(int, row)) for row in related[[LAYER, NEURON]].to_numpy())
            offered = [(named, each) for each in ids if each.layer in dataset.manifest.layers][:8]
        st.markdown(f"Name another to compare {named} with, or take a neighbour of it:")
    else:
        with where_data_would_be():
            offered = [_first_two(dataset)]
        st.markdown("Name two neurons, or begin with these; a neuron's page has the link *compare* at its neighbours.")
    with st.container(horizontal=True, gap="small"):
        for one, other in offered:
            st.page_link(COMPARE_PAGE, label=f"{one} · {other}", query_params=address(a=str(one), b=str(other)))


def _first_two(dataset: Dataset) -> tuple[NeuronId, NeuronId]:
    table = SAMPLES_TABLE.name if dataset.has(SAMPLES_TABLE.name) else NEURONS_TABLE.name
    middle = dataset.manifest.layers[len(dataset.manifest.layers) // 2]
    rows = dataset.read_table(table, [LAYER, NEURON], middle).to_pandas()
    rows = rows[rows[LAYER] == middle].to_numpy()
    return NeuronId(*map(int, rows[0])), NeuronId(*map(int, rows[min(1, len(rows) - 1)]))


def _headings(views: Pair) -> None:
    if views[0].id == views[1].id:
        st.info("This is the same neuron twice.")
    for column, view in zip(st.columns(2, gap="medium"), views, strict=True):
        with column:
            manifest = view.dataset.manifest
            has_cosines = manifest.weights is not None
            cosines = cosines_html(view.row, manifest) if has_cosines else ""
            show_html(title_html(view.row, manifest, str(view.id)) + cosines, f"heading_{column_of(views, view)}")
    if views[0].convention is SignConvention.UNKNOWN and (said := signs_of_cosines(views[0].dataset.manifest)):
        st.caption(said)


def column_of(views: Pair, view: NeuronView) -> str:
    """Names the half of the page; the two may be of one neuron."""
    return ONE if view is views[0] else OTHER


def _between(views: Pair) -> None:
    """What holds between the two: of their weights, and of their activations."""
    one, other = views
    weights, activations = st.columns(2, gap="medium")
    with weights:
        st.subheader("Cosines between their vectors", anchor="cosines")
        if not one.dataset.has(WEIGHTS_TABLE.name):
            st.caption(how_to_get_weights(one.dataset.manifest))
        else:
            with where_data_would_be():
                _cosines(views)
    with activations:
        st.subheader("Correlation of their activations", anchor="correlation")
        if not one.dataset.has(SAMPLES_TABLE.name):
            st.caption("No tokens were sampled, so there is none.")
            return
        with where_data_would_be():
            samples = one.samples(), other.samples()
            shared = correlations(*samples, activation(one.dataset.manifest.model.activation))
            show_html(correlations_html(shared), "correlations")
            st.caption(correlations_note(shared, (len(samples[0]), len(samples[1]))))


def _cosines(views: Pair) -> None:
    one, other = views
    if one.id == other.id:
        known, bounds, kept = own_cosines(one.row), {}, ""
    else:
        pair = one.id, other.id, one.weights().related, other.weights().related
        length = one.dataset.manifest.weights.related if one.dataset.manifest.weights else 0
        known, bounds = known_cosines(*pair), limits(*pair, length)
        kept = (
            f"The dataset keeps the {length} strongest of each neuron: of neighbours by one vector, and of what an "
            "earlier neuron writes with what a later one reads. A pair that neither of the two keeps is no stronger "
            "than the weakest kept (≤). Others are of no kind that is kept."
        )
    show_html(f'<div class="scrolls">{cosines_between_html(one.id, other.id, known, bounds)}</div>', "cosines")
    st.caption(kept)


def _statistics(views: Pair) -> None:
    if not all(has_statistics(view.row) for view in views):
        st.info(
            "This dataset says nothing of activations: `python -m compute run --model M --texts T --out DIR` "
            "computes how often each case occurs, and examples."
        )
        return
    _planes(views)
    for column, view in zip(st.columns(2, gap="medium"), views, strict=True):
        with column:
            st.markdown(f"**{view.id}**")
            frame = '<div class="scrolls" tabindex="0" role="region" aria-label="Figures of {} by case">{}</div>'
            show_html(frame.format(view.id, table_html(view.row)), f"table_{column_of(views, view)}")


def _planes(views: Pair) -> None:
    """Densities on the same axes, and frequencies, whose squares have one scale anyway."""
    sampled = [_samples(view) for view in views]
    both = [each for each in sampled if isinstance(each, pd.DataFrame)]
    extent = pd.concat(both, ignore_index=True) if both else None
    slots = st.columns([4, 2.4, 4, 2.4], gap="medium")
    for place, (view, samples) in enumerate(zip(views, sampled, strict=True)):
        with slots[2 * place]:
            st.markdown(f"**{view.id}**")
            if isinstance(samples, pd.DataFrame):
                chart = density_chart(samples, view.row, extent)
                st.vega_lite_chart(chart, alt=f"x_gate against x_in of neuron {view.id} at sampled tokens")
            else:
                st.caption(samples)
        with slots[2 * place + 1]:
            st.markdown(f"**{view.id}**")
            st.vega_lite_chart(
                frequency_chart(view.row), alt=f"How often neuron {view.id} is in each of the four cases"
            )


def _samples(view: NeuronView) -> pd.DataFrame | str:
    """Or why there are none."""
    if not has_samples(view):
        return no_samples(view)
    try:
        return view.samples()
    except GluscopeError as error:
        return escaped(str(error))


def _choice() -> Choice:
    return Choice.parse(*(st.query_params.get(key) for key in (CASE, QUANTITY, KIND)))


_ONE_EXTREME = (
    "The original program kept of each case the extreme of larger magnitude, from which the line goes to the mean, and "
    "no standard deviations."
)


@st.fragment
def _case_by_case(views: Pair) -> None:
    """What runs again when another case, quantity or list is chosen."""
    if not all(has_statistics(view.row) for view in views):
        return
    st.subheader("Case by case", anchor="examples")
    choice = _switches()
    quantity = choice.quantity
    st.altair_chart(
        ranges_chart(ranges({str(view.id): view.row for view in views}, quantity), quantity),
        alt=f"Ranges of {quantity.label} by case, of neurons {views[0].id} and {views[1].id}",
    )
    if views[0].dataset.manifest.imported:
        st.caption(_ONE_EXTREME)
    lists = [_examples_of(view) for view in views]
    bound = max((each.bound(quantity) for each in lists if isinstance(each, Examples)), default=0.0)
    colouring = Colouring(quantity, bound, every_token=EVERY in st.query_params)
    for column, view, found in zip(st.columns(2, gap="medium"), views, lists, strict=True):
        with column, where_data_would_be():
            if isinstance(found, Examples):
                _show_examples(view, found.chosen(choice), colouring, choice, column_of(views, view))
            else:
                st.caption(f"**{view.id}** {found}")


def _switches() -> Choice:
    choice, default = _choice(), Choice()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        cases = {case.code: case.label for case in CASES}
        choose(CASE, "Case", cases, choice.case.code, default.case.code, disabled=not choice.kind.of_one_case)
        labels = {quantity.label: quantity.label for quantity in QUANTITIES}
        choose(QUANTITY, "Quantity", labels, choice.quantity.label, default.quantity.label)
        choose(KIND, "List", {kind.value: kind.label for kind in Kind}, choice.kind, default.kind)
        switch(EVERY, "colour all", "Colour tokens of every case, not only those of the example's")
    return choice


def _examples_of(view: NeuronView) -> Examples | str:
    """Or why there are none."""
    try:
        return view.examples()
    except GluscopeError as error:
        return escaped(str(error))


def _show_examples(view: NeuronView, chosen: list[Example], colouring: Colouring, choice: Choice, half: str) -> None:
    """Coloured by one scale for both."""
    if not chosen:
        st.caption(f"**{view.id}** has no examples of {choice.case.label}.")
        return
    texts, collapsed = token_texts(view.dataset), collapse(chosen)
    head = f"<h3>{view.id} {legend_html(colouring)}</h3>" + counts_html("fired on", fired_on(chosen), texts)
    writer = ExamplesHtml(texts, colouring, view.sources(collapsed))
    rows = writer.listing(collapsed, opened(view, collapsed), lists=not choice.kind.of_one_case)
    show_html(f'<div class="half">{head}{rows}</div>', f"examples_{half}", on_open=open_or_close)

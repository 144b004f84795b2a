"""What a neuron's page says where something is missing, and of figures that others recorded: the same words, as
Markdown, on the dashboard and on a static page."""

import re
from contextlib import suppress
from html import escape

from gluscope_core.errors import GluscopeError
from gluscope_core.examples_view import Kind
from gluscope_core.manifest import Manifest
from gluscope_core.neuron_view import NeuronView, how_to_get_weights
from gluscope_core.schema import SAMPLES_TABLE, TEXTS_TABLE
from gluscope_core.vocabulary import Case, ImportSource, SignConvention, freq_column
from gluscope_core.windows_words import how_to_compute

NO_STATISTICS = (
    "This dataset says nothing of activations: `python -m compute run --model M --texts T --out DIR` computes how "
    "often each case occurs, and examples."
)
_AS_RECORDED = {
    ImportSource.PAGES: "As the original's page has it: frequencies and means are rounded to two decimals there, "
    "extremes are those of its examples, of each case the one of larger magnitude.",
    **dict.fromkeys(
        (ImportSource.DATASET, ImportSource.SUMMARY),
        "As the original program recorded it: of each case the extreme of larger magnitude.",
    ),
}
_CODE = re.compile("`([^`]+)`")


def as_html(markdown: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(markdown))


def as_recorded(manifest: Manifest) -> str | None:
    """Of the table of figures, where another program computed them."""
    return _AS_RECORDED[manifest.imported.source] if manifest.imported else None


def has_samples(view: NeuronView) -> bool:
    """Or ones that cannot be read, which is to be said in their place."""
    if not view.dataset.has(SAMPLES_TABLE.name):
        return False
    with suppress(GluscopeError):
        return view.dataset.has_row(SAMPLES_TABLE.name, view.id)
    return True


def no_samples(view: NeuronView) -> str:
    if view.dataset.manifest.imported:
        why = "The original program sampled no tokens"
    elif view.dataset.has(SAMPLES_TABLE.name):
        why = "Sampled tokens are kept of some neurons only, this one not among them"
    else:
        why = "No tokens were sampled (`--samples 0`)"
    return f"{why}, so there is no density to show."


def no_cosines(manifest: Manifest) -> str:
    return f"Cosines, class and role: {how_to_get_weights(manifest)}"


def signs_of_weights(manifest: Manifest) -> str | None:
    """Where they may not be those of the activations."""
    if manifest.sign_convention is not SignConvention.UNKNOWN or manifest.weights is None:
        return None
    return f"In {manifest.weights.sign_convention} signs; those of the activations are not known."


def no_windows(view: NeuronView) -> str:
    with_texts = view.dataset.has(TEXTS_TABLE.name)
    here = "Here are the values and whole texts." if with_texts else "Here are the values and the texts' numbers."
    commands = ", then ".join(f"`{each}`" for each in how_to_compute(view))
    return f"The activations around these examples are not in the dataset; this computes them: {commands}. {here}"


def no_examples(view: NeuronView, case: Case | None, kind: Kind) -> str:
    """Of a list that is empty; `case` where it is of one."""
    if kind in (Kind.MID, Kind.RANDOM) and view.dataset.manifest.imported:
        return "None: the original program kept the strongest examples only, no random ones."
    if case is not None and view.row[freq_column(case)] == 0:
        return f"{case.label} never occurs for this neuron, so there are no examples of it."
    if kind in (Kind.POSITIVE, Kind.NEGATIVE):
        return f"No examples: none that is kept has a {'positive' if kind is Kind.POSITIVE else 'negative'} post."
    if kind is not Kind.TOP:
        return "None: the dataset keeps no random examples of it."
    return "No examples: no token has a value other than 0."

"""What the search page says: conditions as phrases, ways into a dataset, and what to loosen."""

from collections.abc import Mapping, Sequence

from gluscope_core.cosines import signs_of_cosines
from gluscope_core.formats import number
from gluscope_core.manifest import Manifest
from gluscope_core.metrics import find, missing_stages
from gluscope_core.query import (
    CLASS,
    FIRES,
    LAYERS,
    NO_ROLE,
    ROLE,
    TAU,
    TOKEN,
    VECTOR,
    Fires,
    Firing,
    Order,
    Pointing,
    Query,
    Range,
)
from gluscope_core.token_search import Lexicon
from gluscope_core.vocabulary import SignConvention

TOWARDS = {1: "points to", -1: "points away from", None: "points to or away from"}
FIRING = {Firing.ON: "on", Firing.BEFORE: "right before", Firing.ANY: "on or right before"}
ONE_ROLE = (
    "A neuron that passes for several roles has the first of: partition, prediction or suppression, entropy, attention."
)
_WORDS = (" again", " not", " because", " she", " import", "ing", " the")
"""Looked for in a vocabulary, for examples of what can be asked."""


def phrases(query: Query, token: str) -> dict[str, str]:
    """Each condition in words, by the key under which a search reports it; `token` as it is shown."""
    both = query.pointing is not None and query.fires is not None
    said = {}
    if query.token:
        points, fires = pointing(query.pointing, token), firing(query.fires, token)
        said = {VECTOR: points, FIRES: fires} if both else {TOKEN: points or fires or f"in a list of “{token}”"}
    if query.classes:
        said[CLASS] = f"class {' or '.join(query.classes)}"
    if query.threshold is not None:
        said[TAU] = f"classes at τ = {query.threshold:g}"
    if query.roles:
        said[ROLE] = " or ".join("no role" if role == NO_ROLE else f"role {role}" for role in query.roles)
    if query.layers:
        said[LAYERS] = f"layers {query.layers}"
    return said | {each.metric.key: between(each) for each in query.ranges}


def pointing(wanted: Pointing | None, token: str) -> str:
    if wanted is None:
        return ""
    by = f" by {wanted.matrix}" if wanted.matrix else ""
    return f"{wanted.vector or 'a vector'} {TOWARDS[wanted.sign]} “{token}”{by}"


def firing(wanted: Fires | None, token: str) -> str:
    if wanted is None:
        return ""
    of = f" of {wanted.case.label}" if wanted.case else ""
    return f"strongest examples{of} {FIRING[wanted.where]} “{token}”"


def between(wanted: Range) -> str:
    name, low, high = wanted.metric.name, wanted.low, wanted.high
    if low is None:
        return f"{name} ≤ {number(high)}"
    return f"{name} ≥ {number(low)}" if high is None else f"{number(low)} ≤ {name} ≤ {number(high)}"


def sorted_by(order: Order | None, *, with_token: bool) -> str:
    if order is None and not with_token:
        return "by layer and number"
    if order is None or order.metric is None:
        return f"{'least' if order and not order.descending else 'strongest'} tie to the token first"
    return f"by {order.metric.name}, {'largest' if order.descending else 'smallest'} first"


def notes(query: Query, manifest: Manifest) -> str:
    """What one has to know to read what was found."""
    weights, own = manifest.weights, manifest.sign_convention
    said = [f"Signs of w_in and w_out: {own}, a convention."]
    if own is SignConvention.UNKNOWN:
        said = [f"Which signs of w_in and w_out cases and figures are in is not known. {signs_of_cosines(manifest)}"]
    if query.roles:
        said.append(ONE_ROLE)
    if query.token and weights:
        said.append(
            f"Each of a token's lists holds at most its {weights.top_neurons} strongest neurons: not all there are."
        )
    return " ".join(said)


def to_loosen(query: Query, without: Mapping[str, int], token: str) -> list[tuple[str, str]]:
    """Conditions to leave out, as (key, words), the one that then finds most first; none that would find nothing."""
    said = phrases(query, token)
    helpful = sorted(((count, key) for key, count in without.items() if count), reverse=True)
    return [(key, f"Leave out “{said[key]}”: {count:,} neurons") for count, key in helpful]


def why_nothing(query: Query, alone: Mapping[str, int], token: str) -> str:
    said = phrases(query, token)
    never = [said[key] for key, count in alone.items() if not count]
    if never:
        return f"No neuron of this dataset meets: {'; '.join(never)}."
    return f"No neuron meets all of it at once: {'; '.join(said.values())}."


def ways_in(manifest: Manifest, lexicon: Lexicon | None) -> list[tuple[str, dict[str, str]]]:
    """Examples of queries that this dataset can answer, as (words, parameters)."""
    words = [word for word in _WORDS if lexicon and lexicon.find(word).exact and lexicon.find(word).token is not None]
    found = [way for word, ways in zip(words, _OF_TOKENS, strict=False) for way in _of_token(word, ways)]
    return found + [(text, params) for text, params in _OF_NEURONS if _is_answerable(params, manifest)]


_OF_TOKENS: Sequence[Sequence[tuple[str, dict[str, str]]]] = (
    (
        ("Neurons that write “{}”", {"vector": "w_out", "sign": "pos"}),
        ("Neurons whose gate reads “{}”", {"vector": "w_gate", "sign": "pos"}),
    ),
    (("Neurons that fire on “{}”, in any case", {"fires": "on"}),),
    (("Neurons that fire right before “{}”", {"fires": "before"}),),
)
_OF_NEURONS: Sequence[tuple[str, dict[str, str]]] = (
    ("Depletion: what writes most against what it reads", {"class": "depletion", "sort": "cos_in_out"}),
    ("Enrichment in the first layers", {"class": "enrichment,conditional enrichment", "layers": "0-2"}),
    ("Partition neurons, by the variance of their effect", {"role": "partition", "sort": "-unembed_variance"}),
    ("Prediction and suppression", {"role": "prediction,suppression", "sort": "-unembed_kurtosis"}),
    ("Gates that are nearly always open", {"freq_gate_pos": "0.95..", "sort": "-freq_gate_pos"}),
    ("Mostly gate+ in−", {"freq_pn": "0.5..", "sort": "-freq_pn"}),
    ("On average against what they read", {"effective_io": "..0", "sort": "effective_io"}),
)


def _of_token(word: str, ways: Sequence[tuple[str, dict[str, str]]]) -> list[tuple[str, dict[str, str]]]:
    return [(text.format(word.replace(" ", "·")), {TOKEN: word, **params}) for text, params in ways]


def _is_answerable(params: Mapping[str, str], manifest: Manifest) -> bool:
    if manifest.weights is None and {CLASS, ROLE} & set(params):
        return False
    metrics = [find(text.removeprefix("-")) for item in params.items() for text in item]
    return not any(missing_stages(metric.source, manifest) for metric in metrics if metric) and (
        LAYERS not in params or {0, 1, 2} <= set(manifest.layers)
    )

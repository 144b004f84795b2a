"""What the explore page says: the table of coefficients, and the sentences beside it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gluscope_core.baselines import random_cosine_bound
from gluscope_core.columns import NeuronColumn
from gluscope_core.correlation import Coefficients, Correlations, Estimate, Range
from gluscope_core.ids import NeuronId
from gluscope_core.linked_table import Button, Cell, Link, page_address
from gluscope_core.manifest import Manifest
from gluscope_core.markdown import escaped
from gluscope_core.metrics import METRICS, SIGN_MARK, Metric, find, missing_stages
from gluscope_core.neuron_view import how_to_get_weights
from gluscope_core.pairs import Pair
from gluscope_core.schema import COSINES, LAYER, NEURON
from gluscope_core.vocabulary import CASES, Case, SignConvention, freq_column

COEFFICIENTS_HELP = (
    "**pooled** takes all chosen neurons together; **within** takes the layer's mean away first (for ρ: ranks inside "
    "the layer); **between** is over the means of layers. Pooled may differ from what holds in any layer. "
    "**shuffled** holds 95 % of 1,000 shuffles of neurons inside their layers: where it is off 0, layers alone "
    "make a pooled correlation. Intervals are 95 %: of resampled layers where there are ten, else by Fisher's z, "
    "which takes neurons as independent."
)
P_WARNING = "p assumes independent neurons. Those of one layer share their inputs and are not: read the intervals."
_EMPTY = "–"
_WAYS = ("pooled", "within\N{NO-BREAK SPACE}layers", "between\N{NO-BREAK SPACE}layers")


def coefficients_table(found: Correlations, *, with_p: bool) -> str:
    """As Markdown: r and ρ of each way of taking neurons together, with what shuffling gives below."""
    lines = ["| | r | ρ |", "|---|---|---|"]
    for way, both in _ways(found).items():
        estimates = (both.pearson, both.spearman)
        lines.append(
            _line(
                way, [f"**{signed(each.value)}**\N{NO-BREAK SPACE}{_small(span(each.interval))}" for each in estimates]
            )
        )
        if both.pearson.null:
            lines.append(_line(_small("shuffled"), [_small(span(each.null)) for each in estimates]))
        if with_p:
            lines.append(_line(_small("p"), [_small(_p(each)) for each in estimates]))
    return "\n".join(lines)


def _ways(found: Correlations) -> dict[str, Coefficients]:
    if len(found.by_layer) == 1:
        return {f"layer {next(iter(found.by_layer))}": found.pooled}
    return dict(zip(_WAYS, (found.pooled, found.within, found.between), strict=True))


def count_note(found: Correlations) -> str:
    return f"n = {found.pooled.pearson.n:,} neurons in {found.between.pearson.n:,} layer" + "s" * (
        found.between.pearson.n != 1
    )


def _line(name: str, cells: list[str]) -> str:
    return f"| {name} | " + " | ".join(cells) + " |"


def _joined(value: str, interval: str) -> str:
    return f"{value}\N{NO-BREAK SPACE}{_small(interval)}" if interval else value


def _small(text: str) -> str:
    return f":small[:gray[{text}]]" if text else ""


def problems(found: Correlations) -> list[str]:
    """Why a coefficient is missing, each reason once."""
    ways = _ways(found)
    return [f"{way.capitalize()}: {each.pearson.problem}." for way, each in ways.items() if each.pearson.problem]


def signed(value: float | None) -> str:
    return _EMPTY if value is None else f"{value:+.3f}".replace("-", "−")


def span(ends: Range | None) -> str:
    return "" if ends is None else f"{_short(ends[0])}…{_short(ends[1])}"


def _short(value: float) -> str:
    return (f"{value:.3f}" if abs(value) < 0.1 else f"{value:.2f}").replace("-", "−")


def _p(estimate: Estimate) -> str:
    if estimate.p is None:
        return _EMPTY
    return "< 10⁻³⁰⁰" if estimate.p < 1e-300 else f"{estimate.p:.2g}"


def headline(x: Metric, y: Metric, found: Coefficients, where: str) -> str:
    """Title of the chart: what it shows."""
    value = found.pearson.value
    ending = "" if value is None else f", r = {value:.2f} {where}".replace("-", "−")
    return f"{y.name} against {x.name}{ending}"


def _signs(manifest: Manifest) -> str:
    """Those that were joined may be in other signs than activations of which nobody knows."""
    signs, weights = manifest.sign_convention, manifest.weights
    unknown = signs is SignConvention.UNKNOWN
    return f"{signs}; of cosines {weights.sign_convention}" if weights and unknown else str(signs)


def sign_note(x: Metric, y: Metric, frame: pd.DataFrame, manifest: Manifest) -> str | None:
    """How much of a chosen metric hangs on signs that are nearly arbitrary."""
    turning = list(dict.fromkeys(metric.name for metric in (x, y) if metric.turns))
    if not turning:
        return None
    known = frame[NeuronColumn.COS_GATE_IN].dropna() if NeuronColumn.COS_GATE_IN in frame else pd.Series(dtype=float)
    arbitrary = ""
    if len(known) and manifest.model.d_model is not None:
        bound = random_cosine_bound(manifest.model.d_model)
        share = float(np.mean(np.abs(known) < bound))
        arbitrary = f" For {share:.0%} of neurons |cos(w_gate, w_in)| is below {bound:.3f}, as for random directions."
    return (
        f"{' and '.join(turning)} {'turns' if len(turning) == 1 else 'turn'} with the sign of (w_in, w_out), "
        f"a convention (here: {_signs(manifest)}).{arbitrary} Metrics without{SIGN_MARK} do not depend on it."
    )


def left_out_note(pair: Pair, total: int) -> str | None:
    if not pair.left_out:
        return None
    return f"{total - len(pair.neurons):,} of {total:,} neurons are left out: {'; '.join(pair.left_out)}."


def error_note(metric: Metric, axis: str, neurons: pd.DataFrame) -> str | None:
    """How much of a frequency's spread is chance in the choice of texts."""
    if f"{axis}_error" not in neurons or len(neurons) < 2:
        return None
    errors = neurons[f"{axis}_error"].to_numpy()
    errors = errors[np.isfinite(errors)]
    spread = float(np.var(neurons[axis].to_numpy()))
    if len(errors) == 0:
        return f"{metric.name}: standard errors are not known: there is only one text, or nobody recorded them."
    at_most = "at most " if len(metric.cases) > 1 else ""
    share = f", {at_most}{min(float((errors**2).mean()) / spread, 1):.1%} of the variance" if spread > 0 else ""
    bounded = " (errors of its cases added, since their covariance is not recorded)" if at_most else ""
    return (
        f"Standard error of {metric.name}, texts as clusters: median {at_most}{np.median(errors):.2g}{share}{bounded}."
    )


def unavailable_note(manifest: Manifest) -> str:
    """Which metrics the dataset lacks, and what computes them."""
    stages = sorted({stage for metric in METRICS for stage in missing_stages(metric.source, manifest)})
    commands = {
        "run": ("of activations", "it holds weights only: `python -m compute run` computes them with texts"),
        "weights": ("of weights", how_to_get_weights(manifest).removesuffix(".")),
    }
    notes = [f"Metrics {what} are not in this dataset; {how}." for what, how in map(commands.__getitem__, stages)]
    if manifest.imported:
        notes.append("The original program kept no standard deviations, gains, or extremes of smaller magnitude.")
    return " ".join(notes)


def default_pair(manifest: Manifest) -> tuple[str, str]:
    """The paper's finding where the dataset can show it."""
    if manifest.weights is None:
        return "pp_post_max" if manifest.imported else "mean_gain", "freq_gate_pos"
    if manifest.activations is None:
        return NeuronColumn.COS_IN_OUT.value, NeuronColumn.COS_GATE_OUT.value
    return NeuronColumn.COS_IN_OUT.value, "freq_gate_pos"


def first_view(manifest: Manifest) -> tuple[str, str]:
    """What it is called, and what it shows."""
    x, y = (metric.name for metric in map(find, default_pair(manifest)) if metric)
    is_finding = manifest.weights is not None and manifest.activations is not None
    return "The paper's finding" if is_finding else "First view", f"{y} against {x}"


CARD_COLUMNS = (
    LAYER,
    NEURON,
    *COSINES,
    NeuronColumn.IO_CLASS,
    NeuronColumn.ROLE,
    *(freq_column(case) for case in CASES),
)


def card(row: Mapping[str, Any]) -> str:
    """A neuron in few words, as Markdown: cosines, class and role, and the four cases in their places."""
    cosines = [
        f"cos({name.value[4:].replace('_', ',')})\N{NO-BREAK SPACE}{signed(row[name])}"
        for name in COSINES
        if pd.notna(row[name])
    ]
    kinds = [f"**{escaped(row[name])}**" for name in (NeuronColumn.IO_CLASS, NeuronColumn.ROLE) if pd.notna(row[name])]
    lines = [" · ".join(kinds), _small("  ".join(cosines))]
    if any(pd.notna(row[freq_column(case)]) for case in CASES):
        lines.append("| | gate− | gate+ |\n|---|---|---|\n" + "\n".join(_half(row, sign) for sign in (1, -1)))
    return "\n\n".join(filter(None, lines))


def _half(row: Mapping[str, Any], in_sign: int) -> str:
    shares = [row[freq_column(Case((gate_sign, in_sign)))] for gate_sign in (-1, 1)]
    cells = [_EMPTY if pd.isna(each) else f"{each:.1%}" if each else "never" for each in shares]
    return f"| in{'+' if in_sign > 0 else '−'} | {cells[0]} | {cells[1]} |"


def table(neurons: pd.DataFrame, x: Metric, y: Metric, colour_name: str | None) -> pd.DataFrame:
    """Neurons as rows to read and download; two columns where both axes show the same."""
    columns = [LAYER, NEURON, "x", "y", *(name for name in ("x_error", "y_error", "colour") if name in neurons)]
    again = " (vertical)" if x is y else ""
    names = {"x": x.name, "y": y.name + again, "x_error": f"{x.name} se", "y_error": f"{y.name} se{again}"}
    if colour_name is not None:
        names["colour"] = colour_name + (" (colour)" if colour_name in names.values() or colour_name == LAYER else "")
    shown = neurons.loc[:, columns]
    shown.columns = pd.Index([names.get(name, name) for name in columns])
    return shown


def linked(table: pd.DataFrame, address: dict[str, str]) -> list[tuple[str, Sequence[Cell]]]:
    """Its columns, with links to the neurons' pages that keep an address, and buttons for their cards."""
    ids = [str(NeuronId(*each)) for each in table.iloc[:, :2].itertuples(index=False, name=None)]
    links = [Link(each, page_address("neuron", {**address, "neuron": each})) for each in ids]
    figures = [(str(table.columns[at]), table.iloc[:, at].tolist()) for at in range(2, table.shape[1])]
    return [("neuron", links), *figures, ("", [Button("card", each) for each in ids])]

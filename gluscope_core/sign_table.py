"""The table of the paper's figure 1: one column per case, with what follows from its figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from gluscope_core.columns import NeuronColumn
from gluscope_core.formats import NOTHING, count, exact, number, percent
from gluscope_core.formats import error as standard_error
from gluscope_core.hover_words import explain_case
from gluscope_core.palette import CASE_COLOURS
from gluscope_core.vocabulary import (
    CASES,
    QUANTITIES,
    Case,
    Quantity,
    Stat,
    count_column,
    freq_column,
    freq_se_column,
    post_in_column,
    stat_column,
)

_STATS = (Stat.MAX, Stat.MIN, Stat.MEAN)
"""As the paper orders them."""


@dataclass(frozen=True)
class Cell:
    """A figure as it is shown, and in full."""

    text: str
    full: str = ""


@dataclass(frozen=True)
class Line:
    """A line of the table, or a figure of the whole neuron."""

    group: str
    name: str
    cells: tuple[Cell, ...]
    explanation: str = ""


@dataclass(frozen=True)
class CaseSums:
    """What adds up over the tokens of a case, per counted token; None where standard deviations were not recorded."""

    absolute_post: float
    energy: float | None
    gain: float | None
    """Mean of post · x_in over mean of x_in²."""

    @classmethod
    def of(cls, row: Mapping[str, Any], case: Case) -> "CaseSums":
        share = row[freq_column(case)]
        if not share:
            return cls(0.0, 0.0, None)
        post, post_std, x_in, x_in_std = (
            row[stat_column(case, quantity, stat)]
            for quantity in (Quantity.POST, Quantity.IN)
            for stat in (Stat.MEAN, Stat.STD)
        )
        # Within a case post has one sign, so its magnitudes add up to that of the sum.
        absolute = abs(post or 0.0) * share
        if post_std is None or x_in_std is None:
            return cls(absolute, None, None)
        read = x_in**2 + x_in_std**2
        gain = row[post_in_column(case)] / read if read else None
        return cls(absolute, (post**2 + post_std**2) * share, gain)


def has_statistics(row: Mapping[str, Any]) -> bool:
    return any(row[freq_column(case)] is not None for case in CASES)


def table_lines(row: Mapping[str, Any]) -> list[Line]:
    """All lines under the heading of the four cases."""
    sums = {case: CaseSums.of(row, case) for case in CASES}
    lines = [Line("frequency", "", tuple(_frequency(row, case) for case in CASES), "share of the counted tokens")]
    lines += [
        Line(quantity.label, stat.value, tuple(_figure(row, case, quantity, stat) for case in CASES))
        for quantity in QUANTITIES
        for stat in _STATS
    ]
    absolute = [sums[case].absolute_post for case in CASES]
    lines.append(_shares("of Σ|post|", absolute, "the case's share of all output"))
    energy = [each for case in CASES if (each := sums[case].energy) is not None]
    if len(energy) < len(CASES):
        return lines
    gains = [sums[case].gain for case in CASES]
    return [
        *lines,
        _shares("of Σpost²", energy, "the case's share of the output's energy"),
        Line(
            "mean gain",
            "",
            tuple(
                Cell(number(gain), exact(gain)) if row[freq_column(case)] else Cell("")
                for case, gain in zip(CASES, gains, strict=True)
            ),
            "mean of post · x_in over mean of x_in²: by how much the neuron multiplies what it reads",
        ),
    ]


def _frequency(row: Mapping[str, Any], case: Case) -> Cell:
    share, error, counted = row[freq_column(case)], row[freq_se_column(case)], row[count_column(case)]
    if share is None:
        return Cell(NOTHING, "too rare to be seen in what was recorded")
    if not share:
        return Cell("never", "0 of the counted tokens")
    if counted is None:
        return Cell(percent(share), exact(share))
    tokens = f"{count(counted)} tokens"
    if error is None:
        return Cell(percent(share), f"{exact(share)}; {tokens}")
    full = f"{exact(share)} ± {exact(error)} (standard error, texts as clusters); {tokens}"
    return Cell(f"{percent(share)} ±\u00a0{standard_error(error)}", full)


def _figure(row: Mapping[str, Any], case: Case, quantity: Quantity, stat: Stat) -> Cell:
    value = row[stat_column(case, quantity, stat)]
    if value is None:
        return Cell("", "" if not row[freq_column(case)] else "not recorded")
    spread = row[stat_column(case, quantity, Stat.STD)]
    full = (
        f"{exact(value)}; standard deviation {exact(spread)}"
        if stat is Stat.MEAN and spread is not None
        else exact(value)
    )
    return Cell(number(value), full)


def _shares(name: str, parts: list[float], explanation: str) -> Line:
    whole = sum(parts)
    cells = tuple(Cell(percent(part / whole), exact(part / whole)) if whole else Cell("") for part in parts)
    return Line("share", name, cells, explanation)


def coarse_figures(row: Mapping[str, Any]) -> list[Line]:
    """Sums over cases, and figures of all counted tokens; the first two do not depend on the sign convention."""
    sums = {
        "x_gate > 0": lambda case: case.gate_sign > 0,
        "x_in > 0": lambda case: case.in_sign > 0,
        "post > 0": lambda case: case.gate_sign == case.in_sign,
    }
    lines = [
        Line("", name, (_sum(row, [case for case in CASES if holds(case)]),), "share of the counted tokens")
        for name, holds in sums.items()
    ]
    gain, effective = row[NeuronColumn.MEAN_GAIN], row[NeuronColumn.EFFECTIVE_IO]
    if gain is not None:
        lines.append(Line("", "mean gain", (Cell(number(gain), exact(gain)),), "E[post · x_in] / E[x_in²]"))
    if effective is not None:
        explanation = "mean gain · cos(w_in, w_out): above 0 it writes along what it reads, below 0 against it"
        lines.append(Line("", "effective IO", (Cell(number(effective), exact(effective)),), explanation))
    for column, name in ((NeuronColumn.ZERO_COUNT, "exact zeros"), (NeuronColumn.NONFINITE_COUNT, "not finite")):
        if row[column]:
            lines.append(Line("", name, (Cell(count(row[column])),), "counted tokens that are in no case"))
    return lines


def _sum(row: Mapping[str, Any], cases: list[Case]) -> Cell:
    """Two cases of a neuron are not independent, and their covariance is not recorded."""
    share = sum(row[freq_column(case)] or 0.0 for case in cases)
    errors = [row[freq_se_column(case)] for case in cases]
    if any(error is None for error in errors):
        return Cell(percent(share), exact(share))
    most = sum(errors)
    full = f"{exact(share)} ± at most {exact(most)} (standard error: not above the sum of those of its cases)"
    return Cell(f"{percent(share)} ±\u00a0at most\u00a0{standard_error(most)}", full)


def table_html(row: Mapping[str, Any]) -> str:
    """Both, as HTML; figures in full where one hovers."""
    heads = "".join(
        f'<th scope="col" style="--case:{CASE_COLOURS[case]}" title="{escape(explain_case(case))}">'
        f"{escape(case.label)}</th>"
        for case in CASES
    )
    lines = table_lines(row)
    body = "".join(_line_html(line, lines[at - 1].group if at else None) for at, line in enumerate(lines))
    coarse = "".join(
        f'<span title="{escape(f"{line.explanation}: {line.cells[0].full}")}">'
        f"{escape(line.name)} <b>{escape(line.cells[0].text)}</b></span>"
        for line in coarse_figures(row)
    )
    return (
        f'<table class="cases"><thead><tr><td></td><td></td>{heads}</tr></thead><tbody>{body}</tbody></table>'
        f'<p class="coarse">{coarse}</p>'
    )


def _line_html(line: Line, group_before: str | None) -> str:
    begins = line.group != group_before
    cells = "".join(f'<td title="{escape(cell.full)}">{escape(cell.text)}</td>' for cell in line.cells)
    group = f'<th scope="row" title="{escape(line.explanation)}">{escape(line.group) if begins else ""}</th>'
    return f'<tr{" class=begins" if begins else ""}>{group}<td class="name">{escape(line.name)}</td>{cells}</tr>'

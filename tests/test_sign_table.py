"""The table of a neuron like 31.9634 of OLMo-7B-0424 is the paper's figure 1."""

import re

import pytest

from gluscope_core.schema import NEURONS
from gluscope_core.sign_table import CaseSums, coarse_figures, has_statistics, table_html, table_lines
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

FREQUENCIES = dict(zip(CASES, (0.1467, 0.6770, 0.0029, 0.1734), strict=True))
EXTREMES = dict(zip(CASES, (3.48, -5.12, -0.49, 1.58), strict=True))
TOKENS = 1_000_000


def paper_row() -> dict:
    """Figures of the paper where it gives them, plausible ones elsewhere."""
    row = dict.fromkeys(NEURONS.names)
    row |= {
        "layer": 31,
        "neuron": 9634,
        "zero_count": 0,
        "nonfinite_count": 0,
        "mean_gain": -0.1,
        "effective_io": 0.085,
    }
    for case in CASES:
        share = FREQUENCIES[case]
        row |= {
            freq_column(case): share,
            freq_se_column(case): share / 300,
            count_column(case): round(share * TOKENS),
            post_in_column(case): 0.02 * case.gate_sign,
        }
        for quantity in QUANTITIES:
            sign = sign_of(case, quantity)
            far = abs(EXTREMES[case]) if quantity is Quantity.POST else 4.0
            low, high = sorted((sign * far, sign * 1e-5))
            row |= {
                stat_column(case, quantity, Stat.MEAN): sign * 0.2,
                stat_column(case, quantity, Stat.STD): 0.1,
                stat_column(case, quantity, Stat.MIN): low,
                stat_column(case, quantity, Stat.MAX): high,
            }
    return row


def sign_of(case: Case, quantity: Quantity) -> int:
    if quantity is Quantity.IN:
        return case.in_sign
    return case.gate_sign * case.in_sign if quantity is Quantity.POST else case.gate_sign


def cells(row: dict, group: str, name: str = "") -> list[str]:
    [line] = [line for line in table_lines(row) if (line.group, line.name) == (group, name)]
    return [cell.text for cell in line.cells]


def test_the_papers_figure_1():
    row = paper_row()
    assert [cell.split(" ±")[0] for cell in cells(row, "frequency")] == [
        f"{share}\u202f%" for share in ("14.67", "67.70", "0.29", "17.34")
    ]
    extremes = zip(cells(row, "post", "max"), cells(row, "post", "min"), CASES, strict=True)
    shown = [high if sign_of(case, Quantity.POST) > 0 else low for high, low, case in extremes]
    assert shown == ["3.48", "−5.12", "−0.490", "1.58"]
    heads = re.findall(r'scope="col"[^>]*>([^<]*)<', table_html(row))
    assert heads == ["gate+ in+", "gate+ in−", "gate− in+", "gate− in−"]
    assert [line.name for line in table_lines(row)[1:4]] == ["max", "min", "mean"]


def test_shares_and_coarse_sums():
    row = paper_row()
    sums = [CaseSums.of(row, case) for case in CASES]
    assert sums[1].absolute_post == pytest.approx(0.2 * 0.677)
    assert sums[1].energy == pytest.approx((0.04 + 0.01) * 0.677)
    assert sums[1].gain == pytest.approx(0.02 / 0.05)
    assert cells(row, "share", "of Σ|post|")[1] == "67.70\u202f%"
    coarse = {line.name: line.cells[0].text for line in coarse_figures(row)}
    assert coarse["x_gate > 0"].startswith("82.37\u202f%")
    assert coarse["x_in > 0"].startswith("14.96\u202f%")


def test_the_error_of_a_sum_is_bounded_by_the_sum_of_errors():
    row = paper_row() | {
        freq_se_column(case): error for case, error in zip(CASES, (0.003, 0.004, 0.01, 0.02), strict=True)
    }
    cell = coarse_figures(row)[0].cells[0]
    assert cell.text == "82.37\u202f% ±\u00a0at most\u00a00.7"
    assert "± at most 0.007 (" in cell.full
    without = row | {freq_se_column(CASES[1]): None}
    assert coarse_figures(without)[0].cells[0].text == "82.37\u202f%"


def test_cases_are_explained_where_one_hovers():
    assert 'title="tokens at which x_gate &gt; 0 and x_in &lt; 0">gate+ in−</th>' in table_html(paper_row())


def test_a_case_that_never_occurs():
    row = paper_row()
    never = Case.GATE_NEG_IN_POS
    for quantity in QUANTITIES:
        row |= {stat_column(never, quantity, stat): None for stat in Stat}
    row |= {freq_column(never): 0.0, freq_se_column(never): 0.0, count_column(never): 0, post_in_column(never): None}
    assert cells(row, "frequency")[2] == "never"
    assert cells(row, "post", "max")[2] == ""
    assert cells(row, "mean gain")[2] == ""


def test_a_neuron_of_weights_alone_has_no_table():
    assert not has_statistics(dict.fromkeys(NEURONS.names))
    assert has_statistics(paper_row())


def test_everything_is_in_full_where_one_hovers():
    assert 'title="0.1467 ± 0.000489 (standard error, texts as clusters); 146,700 tokens"' in table_html(paper_row())

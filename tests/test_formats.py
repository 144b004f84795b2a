"""Numbers as people read them."""

import math

import pytest

from gluscope_core.formats import count, error, exact, fixed, number, percent


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3.4812, "3.48"),
        (-5.12, "−5.12"),
        (0.049123, "0.0491"),
        (12345.6, "12,300"),
        (9.999, "10.0"),
        (1.2e-7, "1.20e−7"),
        (0, "0"),
        (-0.0, "0"),
        (None, "–"),
        (math.nan, "–"),
        (-math.inf, "−∞"),
    ],
)
def test_three_significant_digits(value, shown):
    assert number(value) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.1467, "14.67"), (0.677, "67.70"), (0.0029, "0.29"), (0.000234, "0.023"), (0.0000012, "0.00012"), (0.0, "0.00")],
)
def test_percentages_as_in_the_paper(share, shown):
    assert percent(share) == f"{shown}\u202f%"


def test_the_rest():
    assert fixed(0.7164) == "+0.72"
    assert fixed(-0.7164) == "−0.72"
    assert count(20417) == "20,417"
    assert error(0.000456) == "0.046"
    assert error(0.012) == "1.2"
    assert exact(0.1 + 0.2) == "0.30000000000000004"

"""Colours keep one meaning each, and are told apart by people who see no red or no green, on light and dark."""

from itertools import combinations

import numpy as np
import pytest

from gluscope_core.palette import CASE_COLOURS, NEGATIVE, POSITIVE, ROLE_COLOURS, TYPICAL_CLASS_COLOURS
from gluscope_core.vocabulary import Role

PAGES = {"light": "#ffffff", "dark": "#14171a"}
APART = 0.06
"""In OKLab, where 0.02 is about what can just be told apart side by side."""
LEAST_CONTRAST = 3
"""Of graphics, by WCAG."""
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
SIGHT = {
    "all": np.eye(3),
    "no red": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "no green": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
"""Machado, Oliveira and Fernandes 2009, for linear RGB."""


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def seen(colour: str, sight: str) -> np.ndarray:
    light = np.clip(SIGHT[sight] @ linear(colour), 0, 1)
    return TO_LAB @ np.cbrt(TO_CONES @ light)


def distance(one: str, other: str, sight: str) -> float:
    return float(np.linalg.norm(seen(one, sight) - seen(other, sight)))


def contrast(one: str, other: str) -> float:
    light = sorted(float(np.array([0.2126, 0.7152, 0.0722]) @ linear(each)) + 0.05 for each in (one, other))
    return light[1] / light[0]


def test_distances_and_contrasts_are_right():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert distance("#000000", "#ffffff", "all") == pytest.approx(1, abs=1e-3)
    assert distance("#c00000", "#5a5a00", "no red") < distance("#c00000", "#5a5a00", "all") / 3


def test_every_role_has_a_colour():
    assert set(ROLE_COLOURS) == set(Role)


@pytest.mark.parametrize("role", Role)
def test_no_role_has_a_colour_with_another_meaning(role):
    others = (*CASE_COLOURS.values(), *TYPICAL_CLASS_COLOURS.values(), POSITIVE, NEGATIVE)
    assert min(distance(ROLE_COLOURS[role], other, "all") for other in others) >= APART


@pytest.mark.parametrize("sight", SIGHT)
def test_roles_are_told_apart(sight):
    for one, other in combinations(Role, 2):
        assert distance(ROLE_COLOURS[one], ROLE_COLOURS[other], sight) >= APART, (one, other)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("role", Role)
def test_roles_show_on_light_and_dark(role, page):
    assert contrast(ROLE_COLOURS[role], PAGES[page]) >= LEAST_CONTRAST

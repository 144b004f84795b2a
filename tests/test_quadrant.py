"""Tiny pictures of four frequencies."""

import re
from base64 import b64decode

import pytest

from gluscope_core.palette import CASE_COLOURS
from gluscope_core.quadrant import quadrant_image, quadrant_svg
from gluscope_core.vocabulary import CASES, freq_column

ROW = {freq_column(case): share for case, share in zip(CASES, (0.25, 0.64, 0.0, 0.11), strict=True)}


def squares(svg: str) -> dict[str, tuple[float, ...]]:
    found = re.findall(r'<rect x="(\S+)" y="(\S+)" width="(\S+)" height="(\S+)" fill="(\S+)"', svg)
    return {colour: tuple(map(float, numbers)) for *numbers, colour in found}


def test_areas_are_shares_and_places_are_signs():
    drawn = squares(quadrant_svg(ROW))
    assert len(drawn) == 3  # what never occurs has no square
    for case in CASES:
        share = ROW[freq_column(case)]
        if not share:
            continue
        x, y, width, height = drawn[CASE_COLOURS[case]]
        assert width * height == pytest.approx(share * 15**2, abs=0.2)
        assert (x >= 0) == (case.gate_sign > 0)
        assert (y < 0) == (case.in_sign > 0)  # y goes down in a picture


def test_it_says_in_words_what_it_shows():
    assert "gate+ in− 64.00" in quadrant_svg(ROW)
    assert "gate− in+ never" in quadrant_svg(ROW)


def test_as_an_image():
    kind, _, content = quadrant_image(ROW).partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert b64decode(content).decode() == quadrant_svg(ROW)


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_without_frequencies_there_is_none(nothing):
    row = dict.fromkeys(ROW, nothing)
    assert quadrant_svg(row) == ""
    assert quadrant_image(row) is None

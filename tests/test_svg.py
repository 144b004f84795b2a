"""Charts as SVG show what the Vega-Lite they are made from says."""

import re
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from gluscope_core.neuron_charts import density_chart, frequency_chart
from gluscope_core.palette import CASE_COLOURS
from gluscope_core.svg import chart_file, chart_svg
from gluscope_core.vocabulary import CASES, freq_column

SHARES = (0.5, 0.3, 0.0, 0.2)
ROW = {freq_column(case): share for case, share in zip(CASES, SHARES, strict=True)}


def drawn(chart, width: int = 300) -> ET.Element:
    figure = ET.fromstring(chart_svg(chart, width, 'a "label" & <more>'))
    return figure.find("svg")


def samples(count: int = 300) -> pd.DataFrame:
    random = np.random.default_rng(3)
    frame = pd.DataFrame({"text": 0, "position": range(count), "gate": random.normal(size=count)})
    return frame.assign(**{"in": random.normal(size=count) * 0.01})


def test_areas_are_shares_and_lie_in_their_quadrants():
    svg = drawn(frequency_chart(ROW))
    rects = {rect.get("fill"): rect for rect in svg.iter("rect")}
    middle_x, middle_y = 150, 175
    size = {name: float(rects[CASE_COLOURS[CASES[0]]].get(name)) for name in ("width", "height")}
    whole = size["width"] * size["height"] / SHARES[0]
    for case, share in zip(CASES, SHARES, strict=True):
        rect = rects[CASE_COLOURS[case]]
        x, y, width, height = (float(rect.get(name)) for name in ("x", "y", "width", "height"))
        assert width * height / whole == pytest.approx(share, abs=0.005)
        if share:
            assert np.sign(x + width / 2 - middle_x) == case.gate_sign
            assert np.sign(y + height / 2 - middle_y) == -case.in_sign
    assert "".join(svg.itertext()).count("never") == 2  # beside its name, and where one hovers
    assert svg.get("aria-label") == 'a "label" & <more>'


def test_every_sample_that_is_alone_is_a_point_at_its_place():
    frame = samples(40)
    frame.loc[7, "gate"] = np.inf
    frame.loc[8, "in"] = 0.0
    svg = drawn(density_chart(frame, ROW), 440)
    groups = [each for each in svg.iter("g") if each.get("class") == "points"]
    paths = "".join(path.get("d") for group in groups for path in group)
    found = np.array(re.findall(r"M([-0-9.]+) ([-0-9.]+)h0", paths), float)
    finite = frame[np.isfinite(frame["gate"])]
    assert len(found) == len(finite)
    for axis, values in enumerate((finite["gate"], -finite["in"])):  # places grow downwards
        places, wanted = np.sort(found[:, axis]), np.sort(values.to_numpy())
        slope, offset = np.polyfit(wanted, places, 1)
        assert slope > 0
        np.testing.assert_allclose(places, slope * wanted + offset, atol=0.06)
    colours = {group.get("stroke"): sum(path.get("d").count("h0") for path in group) for group in groups}
    signs = np.sign(finite[["gate", "in"]].to_numpy())
    for case in CASES:
        assert colours[CASE_COLOURS[case]] == (signs == [case.gate_sign, case.in_sign]).all(axis=1).sum()


def test_axes_have_round_figures_where_they_belong():
    svg = drawn(density_chart(samples(), ROW), 440)
    ticks = [text for text in svg.iter("text") if re.fullmatch(r"−?[0-9.]+", text.text or "")]
    across = {float(t.text.replace("−", "-")): float(t.get("x")) for t in ticks if t.get("text-anchor") == "middle"}
    assert 4 <= len(across) <= 9
    steps = np.diff(sorted(across))
    np.testing.assert_allclose(steps, steps[0])
    assert steps[0] in (0.5, 1, 2)
    zero = next(path for path in svg.iter("path") if "V" in path.get("d") and not path.get("d").endswith("v4"))
    assert float(re.match(r"M([0-9.]+)", zero.get("d"))[1]) == pytest.approx(across[0], abs=0.06)
    assert {"x_gate", "x_in"} <= {text.text for text in svg.iter("text")}


def test_where_many_samples_lie_close_they_are_cells_of_their_shade():
    chart = density_chart(samples(2000), ROW)
    cells = [row for layer in chart["layer"] for row in layer["data"]["values"] if "shade" in row]
    svg = drawn(chart, 440)
    shades = [rect.get("opacity") for rect in svg.iter("rect") if rect.get("fill") in CASE_COLOURS.values()]
    assert shades == [f"{cell['shade']:.2g}" for cell in cells]
    assert len(set(shades)) > 3


def test_a_file_of_its_own():
    svg = ET.fromstring(chart_file(density_chart(samples(), ROW), 440, "what is shown"))
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    assert float(svg.get("width")) > 440
    said = "".join(svg.itertext())
    assert "Joint density of x_gate and x_in" in said
    assert "300 tokens drawn at random" in said
    assert "never" in said
    assert len(list(svg.iter("{http://www.w3.org/2000/svg}path"))) > 20


def test_nothing_sampled():
    assert drawn(density_chart(samples(0), ROW)).tag == "svg"

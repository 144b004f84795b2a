"""A neuron's charts: every sampled token is there, in its quadrant, and text is readable on both themes."""

import json
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from gluscope_core.neuron_charts import density_chart, frequency_chart
from gluscope_core.palette import CASE_COLOURS, NEUTRAL
from gluscope_core.vega import LABEL_COLOUR, LABEL_ON_DARK, LABEL_ON_LIGHT
from gluscope_core.vocabulary import CASES, freq_column
from tests.app_pages import visit
from tests.contrast import READABLE, THEMES, contrast, rgb

ROW = {freq_column(case): share for case, share in zip(CASES, (0.5, 0.29, 0.0, 0.21), strict=True)}


def samples(gate, x_in) -> pd.DataFrame:
    return pd.DataFrame({"text": 0, "position": range(len(gate)), "gate": gate, "in": x_in})


def normal(count: int = 1000) -> pd.DataFrame:
    random = np.random.default_rng(1)
    return samples(random.normal(size=count), random.normal(size=count))


def values(chart, mark: str) -> list[dict]:
    return [row for layer in chart["layer"] if layer["mark"]["type"] == mark for row in layer["data"]["values"]]


def cells_of(chart) -> list[dict]:
    return [row for row in values(chart, "rect") if "shade" in row]


def domain(chart, axis: str) -> list[float]:
    [points] = [layer for layer in chart["layer"] if layer["mark"]["type"] == "circle"]
    return points["encoding"][axis]["scale"]["domain"]


def test_every_token_is_a_point_or_in_a_cell_of_its_case():
    frame = normal()
    chart = density_chart(frame, ROW)
    cells, points = cells_of(chart), values(chart, "circle")
    assert len(cells) > 20
    assert sum(cell["tokens"] for cell in cells) + len(points) == len(frame)
    for cell in cells:
        inside = (
            frame["gate"].between(cell["from_x"], cell["to_x"]) & frame["in"].between(cell["from_y"], cell["to_y"])
        ).sum()
        assert inside == cell["tokens"] > 3
        [case] = [case for case in CASES if case.label == cell["case"]]
        assert case.gate_sign * (cell["from_x"] + cell["to_x"]) > 0
        assert case.gate_sign * cell["from_x"] >= 0 <= case.gate_sign * cell["to_x"]
    darkest = max(cells, key=lambda cell: cell["shade"])
    assert darkest["tokens"] == max(cell["tokens"] for cell in cells)


def test_quadrants_are_named_in_their_corners_with_their_frequencies():
    chart = density_chart(normal(), ROW)
    corners = {corner["case"]: corner for corner in values(chart, "text")}
    shares = {name: corner["share"] for name, corner in corners.items()}
    assert shares == {
        "gate+ in+": "50.00\u202f%",
        "gate+ in−": "29.00\u202f%",
        "gate− in+": "never",
        "gate− in−": "21.00\u202f%",
    }
    for case in CASES:
        corner = corners[case.label]
        assert (np.sign(corner["corner_x"]), np.sign(corner["corner_y"])) == case.value
        assert not any(abs(point["at_in"]) > abs(corner["corner_y"]) for point in values(chart, "circle"))


def test_a_few_far_tokens_do_not_decide_the_axes():
    frame = normal()
    frame.loc[0, "gate"] = 900.0
    frame.loc[1, "in"] = -500.0
    chart = density_chart(frame, ROW)
    assert max(map(abs, (*domain(chart, "x"), *domain(chart, "y")))) < 10
    assert chart["title"]["subtitle"][1] == "2 of them beyond an axis, drawn at its end"
    far = next(point for point in values(chart, "circle") if point["gate"] == 900)
    assert far["at_gate"] < domain(chart, "x")[1]
    assert sum(bar["tokens"] for bar in values(chart, "rect") if "base" in bar) == 2 * len(frame)


def test_axes_hold_everything_that_is_not_far():
    chart = density_chart(normal(), ROW)
    assert all(point["at_gate"] == point["gate"] for point in values(chart, "circle"))
    assert len(chart["title"]["subtitle"]) == 1
    same = density_chart(normal(50), ROW, extent=normal())
    assert domain(same, "x") == domain(chart, "x")


def test_exact_zeros_are_points_of_a_colour_of_their_own():
    chart = density_chart(samples([0.0] * 20 + [1.0], [1.0] * 20 + [1.0]), ROW)
    zeros = [point for point in values(chart, "circle") if point["case"] == "exact zero"]
    assert len(zeros) == 20
    scale = next(layer for layer in chart["layer"] if layer["mark"]["type"] == "circle")["encoding"]["color"]["scale"]
    colour = dict(zip(scale["domain"], scale["range"], strict=True))
    assert colour["exact zero"] == NEUTRAL not in CASE_COLOURS.values()


def test_nothing_sampled():
    assert values(density_chart(normal(0), ROW), "circle") == []


def texts_of(chart) -> Iterator[object]:
    yield chart["title"]["subtitleColor"]
    yield from (layer["mark"]["color"] for layer in chart["layer"] if layer["mark"]["type"] == "text")


@pytest.mark.parametrize("chart", [density_chart(normal(), ROW), frequency_chart(ROW)])
def test_text_has_the_colour_that_depends_on_the_background(chart):
    assert list(texts_of(chart)) == [LABEL_COLOUR] * 5  # under the title, and of four labels
    assert all(colour in LABEL_COLOUR["expr"] for colour in (LABEL_ON_LIGHT, LABEL_ON_DARK))


def test_cases_are_named_in_a_readable_colour_beside_their_own():
    specs = [json.loads(chart.proto.spec) for chart in visit("pages/overview.py").get("vega_lite_chart")]
    spec = next(spec for spec in specs if "layer" in spec)
    [text] = [layer for layer in spec["layer"] if layer["mark"]["type"] == "text"]
    assert text["mark"]["color"] == LABEL_COLOUR
    assert "color" not in text["encoding"]
    [key] = [layer for layer in spec["layer"] if layer["mark"]["type"] == "square"]
    assert key["encoding"]["y"] == text["encoding"]["y"]
    assert key["encoding"]["color"]["scale"]["range"] == list(CASE_COLOURS.values())


@pytest.mark.parametrize(("colour", "theme"), [(LABEL_ON_LIGHT, "light"), (LABEL_ON_DARK, "dark")])
@pytest.mark.parametrize("ground", ["backgroundColor", "secondaryBackgroundColor"])
def test_text_in_charts_is_readable(colour, theme, ground):
    assert contrast(rgb(colour), rgb(THEMES[theme][ground])) >= READABLE

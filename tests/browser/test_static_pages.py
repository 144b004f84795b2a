"""Pages as files in a real browser: without scripts, without requests, and with values where one hovers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from compute.cli import main
from tests.browser.conftest import BUNDLED

DATASET = BUNDLED / "smollm2-135m-instruct"
NEURONS = ("8.997", "8.141")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("site")
    assert main(["site", str(DATASET), "--neurons", *NEURONS[:1], "--out", str(out)]) == 0
    return out


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def opened(browser, site, request) -> Iterator[tuple[object, list[str]]]:
    """A neuron's page at 390 pixels, and everything that went wrong or out."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=request.param)
    page, noted = context.new_page(), []
    page.on("console", lambda message: noted.append(message.text))
    page.on("pageerror", lambda error: noted.append(str(error)))
    page.on("request", lambda asked: noted.append(asked.url) if not asked.url.startswith("file:") else None)
    page.goto((site / f"{NEURONS[0]}.html").as_uri())
    yield page, noted
    context.close()


def test_one_list_at_a_time(opened):
    page, noted = opened
    shown = page.locator(".panel:visible")
    assert shown.count() == 1
    first = shown.inner_text()
    page.get_by_label("gate− in+").check()
    page.get_by_role("radio", name="in", exact=True).check()
    assert shown.count() == 1
    assert shown.inner_text() != first
    assert shown.get_attribute("class") == "panel c-np l-in"
    assert page.locator("svg").count() == 2
    assert noted == []


def test_it_fits_a_phone(opened):
    page, _ = opened
    box = page.locator("main").bounding_box()
    assert box["width"] <= 390
    assert page.locator(".frequency svg").bounding_box()["width"] > 250  # else its words are too small to read


def test_values_where_one_hovers(browser, site):
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.goto((site / f"{NEURONS[0]}.html").as_uri())
    token = page.locator(".panel:visible b.t").first
    token.hover()
    tip = page.locator(".tip")
    assert tip.is_visible()
    value = page.locator(".panel:visible .row .value").nth(0).inner_text()
    assert tip.inner_text().split()[-2:] == ["post", value]
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index.html", f"{NEURONS[0]}.html"])
def test_accessible(browser, site, scheme, name):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = browser.new_page(viewport={"width": 1440, "height": 1000}, color_scheme=scheme)
    page.goto((site / name).as_uri())
    found = [each for each in axe.run(page).response["violations"] if each["impact"] in ("serious", "critical")]
    assert not found, [(each["id"], each["nodes"][0]["html"]) for each in found]
    page.close()

"""From a chart of all neurons to one of them, as a person does it: on the chart itself."""

import re

import pytest

from tests.browser.conftest import BUNDLED, start_server

PLOT = "[data-testid=stVegaLiteChart] canvas"


def settle(page) -> None:
    page.locator("[data-test-script-state='notRunning']").wait_for()
    page.wait_for_timeout(500)  # until the chart is drawn


def mark_where(page, told: str) -> tuple[float, float]:
    """The place of a mark whose tooltip matches, looked for from the sparse right end of the chart."""
    box = page.locator(PLOT).first.bounding_box()
    for across in range(95, 5, -2):
        for down in range(25, 85, 2):
            x, y = box["x"] + box["width"] * across / 100, box["y"] + box["height"] * down / 100
            page.mouse.move(x, y)
            page.wait_for_timeout(10)
            tip = page.locator("#vg-tooltip-element.visible")
            if tip.count() and re.search(told, tip.inner_text()):
                page.wait_for_timeout(200)  # it may be of the place before
                if tip.count() and re.search(told, tip.inner_text()):
                    return x, y
    raise AssertionError(f"no mark tells {told}")


def open_explore(page, server: str, query: str = "") -> None:
    page.goto(f"{server}/explore{query}")
    page.locator(PLOT).first.wait_for()
    settle(page)


def test_a_point_is_its_neuron(server, page):
    open_explore(page, server, "?layers=8")
    x, y = mark_where(page, r"neuron\s*8\.\d+")
    neuron = re.search(r"8\.\d+", page.locator("#vg-tooltip-element").inner_text())[0]
    page.mouse.click(x, y)
    page.wait_for_url(re.compile(rf"neuron={neuron}(&|$)"))
    page.get_by_role("link", name=f"Open {neuron}").click()
    page.wait_for_url(re.compile(rf"/neuron\?.*neuron={neuron}(&|$)"))
    page.locator("h1", has_text=neuron).wait_for()


def test_a_cell_of_one_neuron_shows_it_at_once(server, page):
    open_explore(page, server)
    page.mouse.click(*mark_where(page, r"neurons\s*1\n"))
    page.wait_for_url(re.compile(r"neuron=\d+\.\d+"))
    page.get_by_role("link", name=re.compile(r"Open \d+\.\d+")).wait_for()


def test_a_cell_of_several_lists_them_with_links(server, page):
    open_explore(page, server)
    x, y = mark_where(page, r"neurons\s*[2-9]\n")
    count = int(re.search(r"neurons\s*(\d)", page.locator("#vg-tooltip-element").inner_text())[1])
    page.mouse.click(x, y)
    page.locator(".listed a").first.wait_for()
    assert page.locator(".listed a").count() == count
    neuron = page.locator(".listed a").first.inner_text()
    page.locator(".listed button").first.click()
    page.get_by_role("link", name=f"Open {neuron}").wait_for()
    page.locator(".listed a").first.click()
    page.wait_for_url(re.compile(rf"/neuron\?.*neuron={neuron}(&|$)"))


@pytest.mark.parametrize("query", ["", "?layers=8"], ids=["cells", "points"])
def test_a_brush_lists_what_is_in_it(server, page, query):
    open_explore(page, server, query)
    box = page.locator(PLOT).first.bounding_box()
    across, down = (lambda share: box["x"] + box["width"] * share), (lambda share: box["y"] + box["height"] * share)
    page.mouse.move(across(0.55), down(0.35))
    page.mouse.down()
    page.mouse.move(across(0.65), down(0.5), steps=5)
    page.mouse.up()
    page.locator(".listed a").first.wait_for()
    said = page.get_by_text("selected").first.inner_text()
    found = int(re.match(r"([\d,]+) neurons? selected", said)[1].replace(",", ""))
    assert page.locator(".listed a").count() == min(found, 200)
    with page.expect_download() as started:
        page.get_by_role("button", name="CSV").click()
    assert len(started.value.path().read_text().splitlines()) == found + 1


def test_the_papers_finding_is_one_click_and_one_step_back(server, page):
    away = "?x=norm_in&y=norm_out&layers=3&colour=role&axes=percentiles"
    open_explore(page, server, away)
    page.get_by_role("button", name="The paper's finding").click()
    page.wait_for_url(f"{server}/explore?data=smollm2-135m-instruct")
    settle(page)
    page.go_back()
    page.wait_for_url(f"{server}/explore{away}")
    page.get_by_text("n = 1,536 neurons in 1 layer").wait_for()
    assert page.get_by_role("textbox", name="Layers").input_value() == "3"


def test_under_a_path_links_stay_below_it_and_in_the_tab(browser):
    process, address = start_server(BUNDLED, below="/tools/glu")
    page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
    page.set_default_timeout(60_000)
    try:
        page.goto(f"{address}/")
        page.locator(".listed a").first.click()
        page.wait_for_url(re.compile(re.escape(address) + r"/neuron\?data=smollm2-135m-instruct&neuron=\d+\.\d+&case="))
        page.get_by_text("Frequency of the four cases").first.wait_for()
        page.goto(f"{address}/datasets")
        page.locator(".listed a").first.click()
        page.wait_for_url(f"{address}/?data=smollm2-135m-instruct")
        page.get_by_label("Look a neuron up").wait_for()
        assert len(page.context.pages) == 1
    finally:
        page.context.close()
        process.terminate()

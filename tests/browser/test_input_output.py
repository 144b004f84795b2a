"""The pages input-output, geometry and findings, in a real browser, on the bundled dataset."""

import re

import pytest

from tests.browser.test_dashboard import SERIOUS, _is_streamlits

PAGES = {"input_output?cell=depletion.suppression": ".crosstab button", "findings": "canvas", "geometry": "svg.drawing"}


def test_from_a_cell_to_its_neurons_to_a_neurons_page(server, page):
    page.goto(f"{server}/input_output")
    cell = page.get_by_role("button", name=re.compile("neurons: depletion, suppression"))
    cell.scroll_into_view_if_needed()
    cell.click()
    page.wait_for_url("**cell=depletion.suppression**")
    listed = page.locator(".listed a[data-go]")
    listed.first.wait_for()
    assert listed.count() == int(cell.inner_text().split()[0])
    neuron = listed.first.inner_text()
    listed.first.click()
    page.wait_for_url(f"**/neuron?*neuron={neuron}**")
    page.get_by_text(neuron, exact=True).first.wait_for()
    page.get_by_text("Frequency of the four cases").first.wait_for()


def test_the_threshold_recomputes_and_is_in_the_address(server, page):
    page.goto(f"{server}/input_output")
    said = page.get_by_text("Input manipulators (all but")
    said.wait_for()
    before = said.inner_text()
    page.get_by_role("slider").first.focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    page.wait_for_url("**tau=0.45**")
    page.get_by_text("τ = 0.43 or 0.47").first.wait_for()
    assert said.inner_text() != before
    page.reload()
    page.get_by_text("τ = 0.43 or 0.47").first.wait_for()


def test_geometry_by_its_address(server, page):
    page.goto(f"{server}/geometry?gate_in=-0.8&gate_out=0.8&in_out=0.9")
    page.get_by_text("No three vectors have these cosines").wait_for()
    page.get_by_role("button", name=re.compile("^Take")).click()
    page.get_by_role("heading", name="Atypical enrichment / atypical strengthening").wait_for()
    assert "gate_in=-0.8" not in page.url
    assert page.locator("svg.drawing").count() == 3


def test_a_finding_leads_to_a_neuron(server, page):
    page.goto(f"{server}/findings")
    page.get_by_text("One of them:").first.click()
    page.get_by_text("Frequency of the four cases").first.wait_for()
    assert re.search(r"/neuron\?.*neuron=\d+\.\d+", page.url)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_barriers(server, browser, path, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme).new_page()
    page.goto(f"{server}/{path}")
    page.locator(PAGES[path]).first.wait_for(timeout=60_000)
    page.wait_for_timeout(2_000)
    found = axe.Axe().run(page).response["violations"]
    page.context.close()
    ours = [each for each in found if each["impact"] in SERIOUS and not _is_streamlits(each)]
    assert [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in ours] == []


@pytest.mark.parametrize("path", PAGES)
def test_narrow(server, browser, path):
    page = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark").new_page()
    page.goto(f"{server}/{path}")
    page.locator(PAGES[path]).first.wait_for(timeout=60_000)
    page.wait_for_timeout(1_000)
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    page.context.close()
    assert overflow <= 1

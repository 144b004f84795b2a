"""What a person does, in a real browser, on the bundled dataset."""

import json
import re
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest

from gluscope_core import open_dataset
from tests.browser.conftest import BUNDLED, start_server

SERIOUS = ("serious", "critical")
BUNDLED_NAME = next(BUNDLED.iterdir()).name


@pytest.fixture(scope="module")
def neuron() -> str:
    """One that the bundled dataset has examples of, with neighbours on both sides."""
    dataset = open_dataset(next(BUNDLED.iterdir()))
    kept = dataset.read_table("windows", ["layer", "neuron"]).to_pylist()
    return next(f"{row['layer']}.{row['neuron']}" for row in kept if row["layer"] == 8 and 0 < row["neuron"] < 1500)


def test_the_first_visitor_may_follow_a_link_to_a_page(server, page, neuron):
    """Before anybody has been at the entry point."""
    page.goto(f"{server}/neuron?neuron={neuron}")
    page.get_by_text("Frequency of the four cases").first.wait_for()
    assert page.get_by_role("link", name="Explore").first.is_visible()


def test_whoever_comes_by_a_link_asks_nobody_else(page):
    process, address = start_server(BUNDLED)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    try:
        page.goto(f"{address}/methods")
        page.locator(".card").wait_for()
        page.wait_for_timeout(1_000)
    finally:
        process.terminate()
    ours = (address, address.replace("http", "ws"), "data:", "blob:")
    assert [url for url in asked if not url.startswith(ours)] == []


def test_from_looking_up_to_a_link_that_somebody_else_opens(server, page, neuron, browser):
    page.goto(server)
    page.get_by_label("Look a neuron up").fill(neuron)
    page.keyboard.press("Enter")
    first = page.locator("[data-v][tabindex='0']").first
    first.wait_for()
    assert f"neuron={neuron}" in page.url
    assert page.locator("[data-v][tabindex='0']").count() >= 8  # examples are read without a click
    first.hover()
    tip = page.locator(".tip:visible")
    tip.wait_for()
    assert re.search(r"gate.*in.*act.*post", tip.inner_text(), re.DOTALL)
    page.get_by_role("radio", name="act", exact=True).click()
    page.wait_for_url("**quantity=act**")
    page.get_by_text("Tokens that the vectors point to").click()
    page.keyboard.press("ArrowRight")
    following = f"{neuron.split('.')[0]}.{int(neuron.split('.')[1]) + 1}"
    page.wait_for_url(f"**neuron={following}**")
    assert "quantity=act" in page.url
    page.get_by_text(following, exact=True).first.wait_for()
    page.get_by_role("button", name="copy link").click()
    page.get_by_text("copied").wait_for()
    link = page.evaluate("navigator.clipboard.readText()")
    named = parse_qs(urlsplit(link).query)
    assert named["quantity"] == ["act"]
    assert named["data"] == [BUNDLED_NAME]
    assert named["revision"]
    elsewhere = browser.new_context().new_page()
    elsewhere.goto(link)
    elsewhere.get_by_text(following, exact=True).first.wait_for(timeout=60_000)
    elsewhere.keyboard.press("ArrowLeft")  # to the one that has examples
    elsewhere.locator("[data-quantity=act] [data-v]").first.wait_for(timeout=60_000)
    assert elsewhere.get_by_role("radio", name="act", exact=True).is_checked()
    elsewhere.context.close()


def test_a_neuron_without_examples_has_its_page(server, page):
    page.goto(f"{server}/neuron?neuron=11.100")
    page.get_by_text("Frequency of the four cases").first.wait_for()
    told = page.get_by_text("None here: the dataset keeps examples of").first
    told.wait_for()
    assert "--texts datasets/" in told.inner_text()
    assert page.locator("[data-v]").count() == 0
    assert page.get_by_test_id("stAlert").count() == 0
    nearest = told.locator("a").first
    wanted = nearest.inner_text()
    nearest.click()
    page.wait_for_url(f"**neuron={wanted}**")
    page.locator("[data-v]").first.wait_for()


@pytest.mark.parametrize(("named", "said"), [("99.1", "does not exist"), ("rubbish", "rubbish"), ("", "No neuron")])
def test_wrong_links_say_what_is_wrong_and_offer_a_way_on(server, page, named, said):
    page.goto(f"{server}/neuron?neuron={named}")
    page.get_by_text(said).first.wait_for()
    page.get_by_role("link", name="Look a neuron up").click()
    page.get_by_label("Look a neuron up").wait_for()
    assert "/neuron" not in page.url


def test_the_dataset_shown_by_default_is_in_the_copied_link(server, page, neuron):
    page.goto(f"{server}/neuron?neuron={neuron}")
    page.get_by_role("button", name="copy link").click()
    page.get_by_text("copied").wait_for()
    assert "data=" not in page.url
    assert f"data={BUNDLED_NAME}" in page.evaluate("navigator.clipboard.readText()")


def test_the_arrow_keys_straight_after_a_switch(server, page, neuron):
    page.goto(f"{server}/neuron?neuron={neuron}")
    page.locator("[data-v]").first.wait_for()
    page.get_by_role("radio", name="in", exact=True).click()
    page.wait_for_url("**quantity=in**")
    page.keyboard.press("ArrowRight")
    layer, number = map(int, neuron.split("."))
    page.wait_for_url(f"**neuron={layer}.{number + 1}**")
    assert "quantity=in" in page.url


@pytest.mark.parametrize(
    ("label", "name", "holds"),
    [
        ("All of it, JSON", "all.json", '"dataset_sha256"'),
        ("Figures, CSV", "figures.csv", "gate+_in+_freq"),
        ("Examples, CSV", "examples.csv", "next_token"),
        ("Frequencies, SVG", "frequencies.svg", "Frequency of the four cases"),
        ("Density, SVG", "density.svg", "Joint density of x_gate and x_in"),
    ],
)
def test_downloads(server, page, neuron, label, name, holds):
    page.goto(f"{server}/neuron?neuron={neuron}")
    page.get_by_text("Download").first.click()
    with page.expect_download() as started:
        page.get_by_role("button", name=label).click()
    assert started.value.suggested_filename.endswith(f"_{neuron}_{name}")
    content = started.value.path().read_text(encoding="utf-8-sig")
    assert holds in content
    if name.endswith("json"):
        assert len(json.loads(content)["examples"]) > 100
    if name.endswith("svg"):
        assert ET.fromstring(content).tag.endswith("svg")


PAGES = ("", "explore", "methods", "datasets")


def test_tabs_are_named_by_page_and_neuron(server, page):
    names = {"": "Overview", "explore": "Explore", "neuron?neuron=8.997": "8.997 · SmolLM2-135M-Instruct.Q4_1"}
    for path, name in names.items():
        page.goto(f"{server}/{path}")
        page.wait_for_function("name => document.title === name", arg=f"{name} · GLUScope")


@pytest.mark.parametrize("path", [*PAGES, "explore?layers=8&neuron=8.997&colour=role", "neuron?neuron=8.997"])
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_no_serious_barriers(server, browser, path, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
    page.goto(f"{server}/{path}")
    page.locator("canvas, .examples, .card, .listed").first.wait_for(timeout=60_000)
    page.wait_for_timeout(2_000)
    found = axe.Axe().run(page).response["violations"]
    page.context.close()
    ours = [each for each in found if each["impact"] in SERIOUS and not _is_streamlits(each)]
    assert [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in ours] == []


def _is_streamlits(violation: dict) -> bool:
    """Formulas, which scroll where they are too wide, and which no setting of ours lets keys reach."""
    return all(node["html"].startswith('<span class="katex-display">') for node in violation["nodes"])


@pytest.mark.parametrize("path", [*PAGES, "neuron?neuron=8.997"])
def test_narrow(server, browser, path):
    page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    page.goto(f"{server}/{path}")
    page.locator("canvas, [data-v][tabindex='0'], .katex, .listed").first.wait_for(timeout=60_000)
    page.wait_for_timeout(2_000)
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    page.context.close()
    assert overflow <= 1

"""Searching and comparing, in a real browser, on the bundled dataset."""

import json
import re

import pytest

from gluscope_core import open_dataset
from gluscope_core.query import parse
from gluscope_core.search import apply
from tests.browser.conftest import BUNDLED, start_server

SERIOUS = ("serious", "critical")
VIEWS = [
    "search", "search?token=%20again", "search?class=depletion&tau=0.6", "compare?a=1.1033&b=9.255",
    "compare?view=list&ids=8.997,9.1",
]  # fmt: skip
DRAWN = ".ways a, .results a, .half [data-v], [data-testid=stDataFrame] canvas, .marks"


def test_from_a_word_to_a_neuron_and_back(server, page):
    page.goto(server)
    page.get_by_label("Look a neuron up").fill("again")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Search it as a token").click()
    page.locator(".results a").first.wait_for()
    page.get_by_role("button", name="·again", exact=True).click()
    page.wait_for_url("**token=*again**")
    dataset = open_dataset(next(BUNDLED.iterdir()))
    found = apply(parse({"token": " again"}, dataset.manifest).query, dataset, 1163).neurons
    neuron = f"{found['layer'][0]}.{found['neuron'][0]}"
    page.locator(f".results tr:first-child a:text-is('{neuron}')").wait_for()
    query = page.url
    page.locator(".results a").first.click()
    page.wait_for_url(f"**/neuron?*neuron={neuron}**")
    page.locator("h1", has_text=neuron).wait_for()
    page.go_back()
    page.locator(".results a").first.wait_for()
    assert page.url == query
    assert page.get_by_label("Token", exact=True).input_value() == " again"
    assert page.locator(".results a").first.inner_text() == neuron


def test_a_query_is_put_together_by_hand(server, page):
    page.goto(f"{server}/search")
    page.get_by_text("Depletion: what writes most").click()
    page.wait_for_url("**class=depletion**")
    page.locator(".results a").first.wait_for()
    page.get_by_label("Layers").fill("5-9")
    page.keyboard.press("Enter")
    page.wait_for_url("**layers=5-9**")
    page.wait_for_function(
        "[...document.querySelectorAll('p')].some((each) => /neurons.*layers 5-9/.test(each.innerText))"
    )
    with page.expect_download() as started:
        page.get_by_role("button", name="JSON").click()
    found = json.loads(started.value.path().read_text())
    assert found["query"] == {"class": "depletion", "layers": "5-9", "sort": "cos_in_out"}
    assert all(row["io_class"] == "depletion" and 5 <= row["layer"] <= 9 for row in found["neurons"])


def test_nothing_found_is_loosened_by_a_click(server, page):
    page.goto(f"{server}/search?class=depletion&layers=1&cos_in_out=0.9..")
    page.get_by_text(re.compile("Leave out “cos")).click()
    page.locator(".results a").first.wait_for()
    assert "cos_in_out" not in page.url


def test_from_a_neighbour_to_both(server, page):
    page.goto(f"{server}/neuron?neuron=1.1033")
    page.get_by_role("link", name="compare with 9.255").first.click()
    page.wait_for_url("**/compare?*")
    assert "a=1.1033" in page.url
    assert "b=9.255" in page.url
    page.get_by_text("w_out of 1.1033").wait_for()
    page.locator(".half [data-v]").first.wait_for()
    page.get_by_role("radio", name="gate− in−").click()
    page.wait_for_url("**case=nn**")


def test_a_list_is_pasted_exported_and_opened_again(server, page, tmp_path):
    page.goto(f"{server}/compare?view=list")
    page.get_by_role("textbox", name="Add neurons").fill("8.997 writes again #verb\nL9N10, 9/1 =1+1 #x")
    page.get_by_role("button", name="Add", exact=True).click()
    page.wait_for_url("**ids=8.997*")
    files = {}
    for kind in ("CSV", "JSON"):
        with page.expect_download() as started:
            page.get_by_role("button", name=kind, exact=True).click()
        files[kind] = tmp_path / started.value.suggested_filename
        started.value.save_as(files[kind])
    assert files["CSV"].read_text().splitlines()[1:] == ["8,997,writes again,verb", "9,10,,", "9,1,'=1+1,x"]
    notes = [each["note"] for each in json.loads(files["JSON"].read_text())["neurons"]]
    assert notes == ["writes again", "", "=1+1"]
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text(json.dumps(json.loads(files["JSON"].read_text()) | {"model": "another/model"}))
    page.locator("input[type=file]").set_input_files(elsewhere)
    page.get_by_text("This list is of neurons of another/model").wait_for()
    for kind in ("CSV", "JSON") * 4:  # as often as took the browser to lose what the server took it to have
        page.get_by_role("button", name="Clear").click()
        page.get_by_text("Paste neurons").wait_for()
        page.locator("input[type=file]").set_input_files(files[kind])
        page.get_by_text("3 neurons.").wait_for()
        with page.expect_download() as started:
            page.get_by_role("button", name=kind, exact=True).click()
        assert started.value.path().read_bytes() == files[kind].read_bytes()


def test_a_list_leads_to_its_neurons_in_the_same_tab(server, page):
    page.goto(f"{server}/compare?view=list&ids=8.997,9.1")
    page.get_by_role("navigation", name="Pages of these neurons").get_by_role("link", name="9.1", exact=True).click()
    page.wait_for_url(re.compile(r"/neuron\?.*neuron=9\.1(&|$)"))
    page.locator("h1", has_text="9.1").wait_for()
    assert len(page.context.pages) == 1
    page.go_back()
    page.get_by_text("2 neurons.").wait_for()


def test_a_note_is_written_into_the_table(server, page):
    page.goto(f"{server}/compare?view=list&ids=8.997,9.1")
    table = page.locator("[data-testid=stDataFrame] canvas, .marks").first
    table.wait_for()
    page.wait_for_timeout(1_500)
    box = table.bounding_box()
    page.mouse.move(box["x"] + 210, box["y"] + 54)
    page.locator("[data-testid=stElementToolbar] button[aria-label^=Search]").wait_for()
    exports = page.locator("[data-testid=stElementToolbar] button[aria-label^='Download as CSV']")
    assert exports.count() == 1
    assert not exports.is_visible()  # notes may be formulas
    page.mouse.dblclick(box["x"] + 210, box["y"] + 54)
    page.locator("textarea.gdg-input").wait_for()
    page.keyboard.type("mine", delay=50)
    page.keyboard.press("Enter")
    page.wait_for_timeout(1_500)
    with page.expect_download() as started:
        page.get_by_role("button", name="CSV", exact=True).click()
    assert "8,997,mine," in started.value.path().read_text()
    page.get_by_role("link", name="Search").first.click()
    page.locator(".ways a").first.wait_for()
    page.go_back()
    page.get_by_text("2 neurons.").wait_for()
    with page.expect_download() as started:
        page.get_by_role("button", name="CSV", exact=True).click()
    assert "8,997,mine," in started.value.path().read_text()


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A server on the bundled dataset under two names."""
    shelf = tmp_path_factory.mktemp("shelf")
    for name in ("one", "two"):
        (shelf / name).symlink_to(next(BUNDLED.iterdir()))
    process, address = start_server(shelf)
    yield address
    process.terminate()


LAYERS = "compare?view=layers&show=class+depletion"


@pytest.mark.parametrize("path", [*VIEWS, LAYERS])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_barriers(server, two, browser, path, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme).new_page()
    page.goto(f"{two if path == LAYERS else server}/{path}")
    page.locator(DRAWN).first.wait_for(timeout=60_000)
    page.wait_for_timeout(2_000)
    found = axe.Axe().run(page).response["violations"]
    page.context.close()
    ours = [each for each in found if each["impact"] in SERIOUS and not _is_streamlits(each)]
    assert [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in ours] == []


def _is_streamlits(violation: dict) -> bool:
    """In the frame around our pages, or in its widgets, which no setting of ours changes."""
    return all("stApp" in node["html"] or "data-testid" in node["html"] for node in violation["nodes"])


@pytest.mark.parametrize("path", [*VIEWS, LAYERS])
def test_narrow(server, two, browser, path):
    page = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark").new_page()
    page.goto(f"{two if path == LAYERS else server}/{path}")
    page.locator(DRAWN).first.wait_for(timeout=60_000)
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    page.context.close()
    assert overflow <= 1

"""The browser's way back: every choice on pages about many neurons is one step, and none of them is lost."""

import re

from tests.browser.conftest import BUNDLED, start_server


def test_from_the_overview_to_a_neuron_and_back(server, page):
    page.goto(server)
    page.get_by_label("Look a neuron up").fill("L8N997")
    page.keyboard.press("Enter")
    page.wait_for_url("**/neuron?neuron=8.997&data=*")
    page.locator("h1", has_text="8.997").wait_for()
    page.go_back()
    page.get_by_label("Look a neuron up").wait_for()
    assert page.url == f"{server}/"
    assert page.get_by_label("Look a neuron up").input_value() == ""
    page.get_by_role("button", name="Random neuron").click()
    page.wait_for_url(re.compile(r"/neuron\?neuron=\d+\.\d+&data=[\w-]+$"))
    page.get_by_text("Frequency of the four cases").first.wait_for()
    page.go_back()
    page.get_by_label("Look a neuron up").wait_for()


def test_the_input_output_page_keeps_its_choices(server, page):
    page.goto(f"{server}/input_output?layers=3&depth=relative&tau=0.4")
    page.get_by_text("τ = 0.38 or 0.42").wait_for()
    page.get_by_role("slider").first.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**tau=0.39**")
    page.get_by_role("button", name=re.compile("neurons: depletion, suppression")).click()
    page.locator(".listed a").first.click()
    page.wait_for_url("**/neuron?*neuron=**")
    page.get_by_text("Frequency of the four cases").first.wait_for()
    page.go_back()
    page.locator(".listed a").first.wait_for()
    page.get_by_text("τ = 0.37 or 0.41").wait_for()
    assert page.get_by_role("textbox", name="Layers").input_value() == "3"
    page.go_back()
    page.locator(".listed").wait_for(state="detached")
    page.go_back()
    page.get_by_text("τ = 0.38 or 0.42").wait_for()
    assert page.url == f"{server}/input_output?layers=3&depth=relative&tau=0.4"


def test_a_prototype_is_one_step(server, page):
    page.goto(f"{server}/geometry")
    page.get_by_role("heading", name="Conditional enrichment / conditional strengthening").wait_for()
    page.get_by_label("Start from").click()
    page.get_by_role("option", name="depletion", exact=True).click()
    page.wait_for_url("**gate_in=1&gate_out=-1&in_out=-1**")
    page.get_by_role("heading", name="Depletion / weakening", exact=True).wait_for()
    page.go_back()
    page.get_by_role("heading", name="Conditional enrichment / conditional strengthening").wait_for()
    assert page.url == f"{server}/geometry"
    assert page.get_by_label("Start from").input_value().startswith("28.9766")


def test_from_the_datasets_to_one_that_is_typed_and_back(browser):
    process, address = start_server(BUNDLED, GLUSCOPE_OPEN_ANY="1")
    page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
    page.set_default_timeout(60_000)
    try:
        page.goto(f"{address}/methods")
        page.get_by_role("link", name="Datasets").first.click()
        page.wait_for_url(f"{address}/datasets")
        page.get_by_label("Another").fill(str(next(BUNDLED.iterdir())))
        page.get_by_role("button", name="Open").click()
        page.wait_for_url(f"{address}/?data=*")
        page.get_by_label("Look a neuron up").wait_for()
        page.go_back()
        page.get_by_label("Another").wait_for()
        assert page.url == f"{address}/datasets"
        page.go_back()
        page.get_by_role("heading", name="Methods").first.wait_for()
    finally:
        page.context.close()
        process.terminate()

"""A dataset all of whose words are attacks, in a real browser: nothing runs, and nothing is asked for."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import start_server
from tests.hostile import poison

VISITS = (
    "", "neuron?neuron=1.3&text={text}", "methods", "search?token=%3Cscript%3E&vector=any", "explore",
    "neuron?neuron=1.3", "input_output", "search", "search?class=orthogonal+output", "compare?a=1.3&b=1.4",
    "compare?view=list&ids=1.3,1.4", "compare?view=layers", "findings", "geometry", "datasets",
    "neuron?neuron=%3Cimg+src%3Dhttp://attacker.invalid/n%3E", "?data=![x](http://attacker.invalid/d)",
    "search?![x](http://attacker.invalid/k)=<img+src%3Dhttp://attacker.invalid/v>",
)  # fmt: skip
FOREIGN = """() => {
    const found = [];
    const look = (root) => root.querySelectorAll("*").forEach((each) => {
        for (const {name, value} of each.attributes) {
            const runs = name.startsWith("on") || /^\\s*javascript:/i.test(value);
            const plain = name === "href" && each.tagName === "A" && decodeURI(value) === each.textContent;
            const asks = ["src", "href", "srcset", "action", "data", "poster", "xlink:href"].includes(name);
            if (runs || (asks && !plain && /^[^#?]*attacker/.test(value))) found.push(each.outerHTML.slice(0, 200));
        }
        if (["SCRIPT", "STYLE", "IFRAME", "OBJECT", "EMBED"].includes(each.tagName)
            && each.textContent.includes("attacker")) found.push(each.outerHTML.slice(0, 200));
        if (each.shadowRoot) look(each.shadowRoot);
    });
    look(document);
    return found;
}"""
"""What there is of elements that run or ask. Streamlit makes a link of an address, to itself."""


@pytest.fixture(scope="module")
def poisoned_server(with_weights, tmp_path_factory) -> Iterator[str]:
    """Two datasets: as computed here, and as imported, which has remarks."""
    shelf: Path = tmp_path_factory.mktemp("shelf")
    for name in ("ours", "theirs"):
        shutil.copytree(with_weights, shelf / name)
        poison(shelf / name, imported=name == "theirs")
    process, address = start_server(shelf)
    yield address
    process.terminate()


@pytest.mark.parametrize(("data", "few"), [("ours", 5), ("theirs", 1)])
def test_nothing_runs_and_nothing_is_asked_for(poisoned_server, browser, data, few, how_many, record_property):
    visits = VISITS[: how_many(few, len(VISITS))]
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(60_000)
    asked, dialogs, shown = [], [], ""
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    for visit in visits:
        where = visit.format(text="5.3")
        page.goto(f"{poisoned_server}/{where}{'' if 'data=' in where else '&' if '?' in where else '?'}" + (
            "" if "data=" in where else f"data={data}"))  # fmt: skip
        page.get_by_test_id("stMain").wait_for()
        page.wait_for_timeout(300)
        page.locator("[data-test-script-state='notRunning']").wait_for()
        assert page.evaluate(FOREIGN) == []
        shown += page.locator("body").inner_text()
    page.context.close()
    foreign = [
        url
        for url in asked
        if not url.startswith((poisoned_server, poisoned_server.replace("http", "ws"), "data:", "blob:"))
    ]
    assert dialogs == []
    assert foreign == []
    assert "attacker.invalid" in shown  # as words
    record_property("poisoned pages in a browser", len(visits))

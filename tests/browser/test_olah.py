"""The dashboard in a browser on what olah serves: chosen by id and commit, which later commits do not change."""

from collections.abc import Iterator

import pytest

from gluscope_core import open_dataset
from tests.browser.conftest import start_server
from tests.olah_here import ID

NEURON = "1.7"


@pytest.fixture(scope="module")
def app(olah, mirrored, tmp_path_factory) -> Iterator[str]:
    variables = {"HF_ENDPOINT": olah, "HF_HOME": str(tmp_path_factory.mktemp("hf")), "HF_HUB_OFFLINE": "0"}
    process, address = start_server(f"{ID}@{mirrored.first}", **variables)
    try:
        yield address
    finally:
        process.terminate()
        process.wait()


def test_a_pinned_app_shows_its_commit_whatever_follows(app, page, browser, mirrored, with_weights):
    page.goto(f"{app}/neuron?data={ID}&neuron={NEURON}")
    before = examples_on(page)
    assert f"{open_dataset(with_weights).examples(1, 7)['value'].iloc[0]:.2f}" in before
    page.wait_for_url(f"**revision={mirrored.first}**")
    later = mirrored.change("windows/layer_001.parquet", b"something else")
    elsewhere = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
    elsewhere.goto(f"{app}/neuron?data={ID}&neuron={NEURON}")
    assert examples_on(elsewhere) == before
    elsewhere.goto(f"{app}/neuron?data={ID}&revision={later}&neuron={NEURON}")
    elsewhere.get_by_text("neurons_000.parquet").first.wait_for()
    elsewhere.context.close()


def examples_on(page) -> str:
    page.locator("[data-v]").first.wait_for(timeout=60_000)
    return page.locator(".examples").first.inner_text()

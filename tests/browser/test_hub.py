"""The dashboard on a dataset of the Hub, in a browser: found in the list, opened, a neuron read, its link followed."""

import os
import re
import shutil
from collections.abc import Iterator

import pytest

from gluscope_core.discover import FOLDERS_VARIABLE
from tests.browser.conftest import BUNDLED, ROOT, start_server
from tests.hub_standin import TOKEN, Hub, environment

ID = "someone/smollm2"


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with Hub().running() as running:
        yield running


@pytest.fixture(scope="module")
def first(hub) -> str:
    return hub.add(ID, next(BUNDLED.iterdir()))


@pytest.fixture(scope="module")
def app(hub, first, with_weights, tmp_path_factory) -> Iterator[str]:
    assert first
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(with_weights, home / "shelf" / "mine")
    process, address = start_server(
        home / "shelf", **environment(hub, home / "hf"), **{FOLDERS_VARIABLE: f"{home / 'shelf'}{os.pathsep}{ID}"}
    )
    yield address
    process.terminate()


def test_from_the_list_to_a_neuron_and_its_link(app, page, browser, hub, first):
    page.goto(f"{app}/?data={ID}")
    page.get_by_text("Fetching").wait_for(state="hidden")
    page.get_by_role("heading", name="SmolLM2-135M-Instruct.Q4_1").wait_for()
    page.wait_for_url(f"**revision={first}**")
    page.get_by_text(f"at commit {first[:10]}").wait_for()
    later = hub.change(ID, "neurons/neurons_000.parquet", b"something else")
    page.goto(f"{app}/neuron?data={ID}&revision={first}&neuron=0.4")
    page.get_by_role("button", name="copy link").click()
    page.get_by_text("copied").wait_for()
    link = page.evaluate("navigator.clipboard.readText()")
    assert first in link
    assert later not in link
    elsewhere = browser.new_context().new_page()
    elsewhere.goto(link)
    elsewhere.get_by_text("Frequency of the four cases").first.wait_for(timeout=60_000)
    elsewhere.context.close()


def test_a_token_among_the_secrets_reads_what_is_private(hub, page, tmp_path):
    """As on Community Cloud, where there are no environment variables; by the example, with what is one's own."""
    hub.add("someone/private", next(BUNDLED.iterdir()), private=True)
    example = (ROOT / "docs" / "secrets.example.toml").read_text()
    mine = re.sub("user/name@[0-9a-f]+", "someone/private", example).replace("hf_…", TOKEN)
    (tmp_path / "secrets.toml").write_text(mine)
    own = {**environment(hub, tmp_path / "hf"), "STREAMLIT_SECRETS_FILES": str(tmp_path / "secrets.toml")}
    process, address = start_server(None, **own)
    try:
        page.goto(f"{address}/?data=someone/private")
        page.get_by_role("heading", name="SmolLM2-135M-Instruct.Q4_1").wait_for()
        page.get_by_text("someone/private at commit").wait_for()
    finally:
        process.terminate()


def test_an_unknown_revision_has_a_way_on(app, page):
    page.goto(f"{app}/?data={ID}&revision=v9")
    page.get_by_text("has no revision v9").wait_for()
    page.get_by_role("button", name="Open mine").click()
    page.get_by_role("heading", name="tiny-llama").wait_for()

"""Choosing datasets in the app, of this machine and of the Hub: every way there, and every way it fails."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from gluscope_core.discover import ANY_VARIABLE, FOLDERS_VARIABLE, Offer, offers, wanted
from gluscope_core.errors import DatasetNotFound
from gluscope_core.manifest import JOURNAL_NAME, MANIFEST_NAME, read_manifest
from tests.app_pages import html_of
from tests.conftest import as_read
from tests.hub_standin import Fault

ENTRY = Path(__file__).parent.parent / "streamlit_app.py"
ID = "someone/tiny"
WINDOWS = "windows/layer_001.parquet"
NEURON_PAGE = "pages/neuron.py"


@pytest.fixture(autouse=True)
def _nothing_kept():
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def here(with_weights, tmp_path, monkeypatch) -> Path:
    shutil.copytree(with_weights, tmp_path / "shelf" / "mine")
    monkeypatch.setenv(FOLDERS_VARIABLE, f"{tmp_path / 'shelf'}:{ID}")
    return tmp_path / "shelf" / "mine"


@pytest.fixture
def published(hub, with_weights, here) -> str:
    assert here.exists()
    return hub.add(ID, with_weights)


def visit(page: str | None = None, **address: str) -> AppTest:
    """A new visitor who follows a link."""
    app = AppTest.from_file(ENTRY, default_timeout=60)
    for key, value in address.items():
        app.query_params[key] = value
    app.run()
    return app.switch_page(page).run() if page else app


def in_address(app: AppTest, key: str) -> str | None:
    value = app.query_params.get(key)
    return value[0] if isinstance(value, list) else value


def buttons(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def test_one_of_the_hub_is_opened_and_pinned(published):
    app = visit(data=ID)
    assert not app.exception
    assert not app.error
    assert as_read(app.title[0].value) == "tiny-llama"
    assert in_address(app, "revision") == published
    assert published[:10] in app.caption[0].value


def test_a_second_commit_changes_nothing_for_who_has_it_open(hub, published):
    app = visit(data=ID)
    hub.change(ID, "neurons/neurons_000.parquet", b"damaged")
    app.run()
    assert in_address(app, "revision") == published
    other = visit(NEURON_PAGE, data=ID, revision=published, neuron="1.3")
    assert not [*other.exception, *other.error, *other.warning]
    st.cache_data.clear()  # an hour later
    later = visit(data=ID)
    assert "neurons_000" in as_read(" ".join(each.value for each in [*later.error, *later.warning]))


def test_the_neuron_page_from_the_hub(published):
    app = visit(NEURON_PAGE, data=ID, neuron="1.3")
    assert not [*app.exception, *app.error, *app.warning]
    assert in_address(app, "revision") == published


def test_a_visitor_stays_with_a_dataset(published):
    app = visit(data=ID)
    del app.query_params["data"], app.query_params["revision"]  # as the navigation does
    app.switch_page("pages/methods.py").run()
    assert in_address(app, "data") == ID
    assert in_address(app, "revision") == published


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    ("address", "message"),
    [
        ({"data": ID, "revision": "v9"}, "no revision v9"),
        ({"data": "someone/else"}, "Those at hand: mine, someone/tiny"),
        ({"data": "../../etc"}, "There is no dataset ../../etc"),
        ({"data": "mine", "revision": "main"}, "no revisions"),
    ],
)
def test_what_cannot_be_opened_has_ways_on(address, message):
    app = visit(**address)
    assert not app.exception
    assert message in as_read(app.error[0].value)
    assert buttons(app)[0] == "Try again"
    way_on = next(button for button in app.button if button.label.startswith("Open"))
    way_on.click().run()
    assert not [*app.exception, *app.error]
    assert as_read(app.title[0].value) == "tiny-llama"


@pytest.mark.usefixtures("published")
def test_any_only_where_it_is_allowed(hub, with_weights, monkeypatch):
    hub.add("someone/else", with_weights)
    assert "no dataset" in as_read(visit(data="someone/else").error[0].value)
    assert not visit("pages/datasets.py").text_input
    monkeypatch.setenv(ANY_VARIABLE, "1")
    assert not visit(data="someone/else").error
    assert not visit(data=str(with_weights)).error
    app = visit("pages/datasets.py")
    app.text_input[0].set_value("someone/else")
    app.button[0].click().run()
    assert f'href=".?{urlencode({"data": "someone/else"})}"' in html_of(app, "leave")


def test_a_dataset_that_is_being_updated_is_said_to_be(here):
    (here.parent / "other").mkdir()
    shutil.copytree(here, here.parent / "other", dirs_exist_ok=True)
    (here / JOURNAL_NAME).touch()
    app = visit(data="mine")
    assert "is being updated" in as_read(app.error[0].value)
    assert "Open other" in buttons(app)
    (here / JOURNAL_NAME).unlink()
    app.button[0].click().run()
    assert not app.error


def test_the_hub_does_not_answer(hub, published):
    hub.faults.append(Fault("HEAD", "/resolve/", 503, times=99))
    app = visit(data=ID, revision=published)
    assert "503" in as_read(app.error[0].value)
    hub.faults.clear()
    app.button[0].click().run()
    assert not app.error


def test_one_of_the_hub_that_does_not_open_is_passed_over_for_a_while(hub, published, here, monkeypatch):
    assert published
    monkeypatch.setenv(FOLDERS_VARIABLE, f"{ID}:{here}")
    hub.faults.append(Fault("HEAD", "/resolve/", 503, times=99))
    assert not visit().exception
    asked = len(hub.asked)
    app = visit()
    assert not app.exception
    assert not app.error
    assert len(hub.asked) == asked > 0
    monkeypatch.setenv(FOLDERS_VARIABLE, ID)
    app = visit()
    assert "503" in as_read(app.warning[0].value)
    hub.faults.clear()
    app.button[0].click().run()
    assert not app.warning
    assert in_address(app, "data") == ID


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault("GET", "/signed/", 429, {"Retry-After": "300"}, times=99), "wait for 300 seconds"),
        (Fault("GET", "/signed/", cut=True, times=99), "cuts the connection"),
    ],
    ids=["429", "cut"],
)
def test_what_fails_on_the_way_stands_where_data_would(hub, fault, message):
    app = visit(data=ID)
    app.query_params["neuron"] = "1.3"
    visit(NEURON_PAGE, data=ID, neuron="0.0")  # so that all that comes whole is here
    hub.faults.append(fault)
    app.switch_page(NEURON_PAGE).run()
    assert not app.exception
    said = as_read(" ".join(each.value for each in app.warning))
    assert message in said
    assert "Reload" in said
    hub.faults.clear()
    app.run()
    assert not app.warning


@pytest.mark.parametrize("content", [None, b"PAR1 and little else"], ids=["missing", "truncated"])
def test_a_file_that_is_missing_or_truncated_stands_where_data_would(hub, published, content):
    damaged = hub.change(ID, WINDOWS, content)
    app = visit(NEURON_PAGE, data=ID, revision=damaged, neuron="1.3")
    assert not app.exception
    assert "layer_001.parquet" in as_read(" ".join(each.value for each in app.warning))
    assert not visit(NEURON_PAGE, data=ID, revision=published, neuron="1.3").warning


@pytest.mark.usefixtures("published")
def test_all_are_listed_with_what_they_are_pinned_to(published):
    html = html_of(visit("pages/datasets.py"), "datasets")
    here, there = re.findall(r'<tr><th scope="row"><a href="([^"]*)" data-go>([^<]*)</a></th><td[^>]*>([^<]*)', html)
    assert here == (".?data=mine", "mine", "this machine")
    assert there == (f".?{urlencode({'data': ID})}&amp;revision={published}", ID, published[:10])


def test_offers(here, monkeypatch):
    monkeypatch.setenv(FOLDERS_VARIABLE, f"{here.parent}:someone/tiny@v2: :/nowhere")
    assert offers(Path()) == [Offer("mine", here), Offer(ID, None, "v2")]
    assert wanted(ID, offers(Path())).revision == "v2"
    with pytest.raises(DatasetNotFound):
        wanted("someone/else", offers(Path()))


def _permalink() -> None:
    """A script of its own for AppTest, which takes the source."""
    import streamlit as st  # noqa: PLC0415

    from gluscope_core.ui.choice import chosen_dataset, permalink_state  # noqa: PLC0415

    st.json(permalink_state(chosen_dataset()))


def permalink(**address: str) -> dict[str, str]:
    app = AppTest.from_function(_permalink, default_timeout=60)
    for key, value in address.items():
        app.query_params[key] = value
    return json.loads(app.run().json[0].value)


def test_links_stay_true_when_another_folder_comes_first(here):
    app = visit()
    next(each for each in app.button if each.label == "Random neuron").click().run()
    assert "data=mine" in html_of(app, "leave")
    app = visit(NEURON_PAGE, neuron="1.3")
    assert in_address(app, "data") is None
    app.button(key="go_Right").click().run()
    assert (in_address(app, "neuron"), in_address(app, "data")) == ("1.4", "mine")
    shutil.copytree(here, here.parent / "earlier")
    assert in_address(visit(), "data") is None
    app.run()
    assert permalink()["data"] == "earlier"
    assert permalink(data="mine")["data"] == "mine"
    assert not [*app.exception, *app.error]


def test_what_opens_anyhow_takes_no_step_of_the_history(here):
    app = visit(NEURON_PAGE, data="mine", neuron="1.3")
    del app.query_params["data"], app.query_params["neuron"]  # as the navigation does
    app.switch_page("pages/methods.py").run()
    assert in_address(app, "data") is None
    shutil.copytree(here, here.parent / "other")
    app = visit("pages/methods.py", data="other")
    del app.query_params["data"]
    assert in_address(app.run(), "data") == "other"


def test_a_copied_link_tells_when_the_dataset_is_another_version(here):
    link = permalink(data="mine")
    manifest = read_manifest(here)
    assert link == {"data": "mine", "revision": manifest.sha256[:12]}
    assert "another version" not in said_small(visit(**link))
    later = replace(manifest, stages=(*manifest.stages, "again"), sha256="").sealed()
    (here / MANIFEST_NAME).write_bytes(later.to_json())
    app = visit(**link)
    assert not [*app.exception, *app.error]
    assert f"manifest {link['revision']} then, {later.sha256[:12]} now" in said_small(app)


def said_small(app: AppTest) -> str:
    return as_read(" ".join(each.value for each in app.caption)).replace("`", "")


@pytest.mark.usefixtures("published")
def test_a_copied_link_to_one_of_the_hub_has_its_commit(published):
    assert permalink(data=ID) == {"data": ID, "revision": published}

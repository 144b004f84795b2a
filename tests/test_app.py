"""The dashboard through its entry point."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from gluscope_core.discover import FOLDERS_VARIABLE, Offer, offers
from tests.app_pages import html_of

ENTRY = Path(__file__).parent.parent / "streamlit_app.py"


@pytest.fixture
def shelf(finished, tmp_path, monkeypatch) -> Path:
    shutil.copytree(finished, tmp_path / "shelf" / "tiny")
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path / "shelf"))
    return tmp_path / "shelf"


@pytest.mark.usefixtures("shelf")
def test_lists_the_datasets_it_finds():
    app = AppTest.from_file(ENTRY).run().switch_page("pages/datasets.py").run()
    assert not app.exception
    html = html_of(app, "datasets")
    assert '<a href=".?data=tiny" data-go>tiny</a>' in html
    for cell in ('<td class="word">tiny-llama</td>', "<td>72</td>", '<td class="word">aligned</td>'):
        assert cell in html


def test_a_dataset_that_cannot_be_opened_is_explained(shelf):
    (shelf / "broken").mkdir()
    app = AppTest.from_file(ENTRY).run().switch_page("pages/datasets.py").run()
    assert not app.exception
    assert html_of(app, "datasets").count("data-go") == 1
    assert "holds no dataset" in app.warning[0].value


def test_without_datasets_it_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path))
    app = AppTest.from_file(ENTRY).run().switch_page("pages/datasets.py").run()
    assert not app.exception
    assert "python -m compute run" in app.info[0].value


def test_a_folder_may_be_a_dataset_itself(shelf, monkeypatch):
    monkeypatch.setenv(FOLDERS_VARIABLE, str(shelf / "tiny"))
    assert offers(Path()) == [Offer("tiny", shelf / "tiny")]

"""The methods page says what holds for the dataset at hand."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from compute.config import WeightsConfig
from compute.weights import weights
from gluscope_core import methods_text
from gluscope_core.dataset import open_dataset
from gluscope_core.dataset_card import CARD_NAME, NOTICES_NAME
from gluscope_core.discover import FOLDERS_VARIABLE
from tests.app_pages import html_of, prose, visit
from tests.conftest import as_read

ENTRY = Path(__file__).parent.parent / "streamlit_app.py"


@pytest.fixture(scope="module", params=["complete", "activations", "weights"])
def folder(request, finished, model_folder, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp(request.param) / "tiny"
    if request.param != "weights":
        shutil.copytree(finished, folder)
    if request.param == "complete":
        weights(WeightsConfig(dataset=folder, model=str(model_folder)))
    if request.param == "weights":
        weights(WeightsConfig(out=folder, model=str(model_folder)))
    return folder


def test_every_state_has_its_page(folder, monkeypatch):
    monkeypatch.setenv(FOLDERS_VARIABLE, str(folder))
    app = AppTest.from_file(ENTRY).run().switch_page("pages/methods.py").run()
    assert not app.exception
    manifest = open_dataset(folder).manifest
    shown = "\n".join(each.value for each in (*app.markdown, *app.caption, *app.code))
    assert manifest.sha256 in shown
    assert "2602.23826" in shown
    if manifest.run:
        assert f"N = {manifest.run.counted_tokens:,} counted tokens" in shown
    else:
        assert "weights only" in shown
    if manifest.weights:
        assert f"the top {manifest.weights.roles.partition_share:.3%}" in shown
    else:
        assert "python -m compute weights" in shown


def test_the_card_stands_there_with_its_notices(folder, tmp_path, monkeypatch):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / CARD_NAME).write_text("# Ours\n\n| a | b |\n|---|---|\n| <i>x | y |\n")
    (copy / NOTICES_NAME).write_text("Licences, word for word.")
    monkeypatch.setenv(FOLDERS_VARIABLE, str(copy))
    app = visit("pages/methods.py")
    assert as_read(app.title[0].value) == "Methods · tiny-llama"
    assert '<td class="word">&lt;i&gt;x</td>' in html_of(app, "card")
    assert "licences word for word" in app.get("download_button")[0].proto.label
    assert "`copy`" in prose(app)


def test_no_card_is_no_harm(folder, tmp_path, monkeypatch):
    copy = tmp_path / "bare"
    shutil.copytree(folder, copy)
    (copy / CARD_NAME).unlink()
    monkeypatch.setenv(FOLDERS_VARIABLE, str(copy))
    app = visit("pages/methods.py")
    assert "No card lies beside this dataset" in prose(app)
    assert html_of(app, "card") == ""


def test_formulas_have_no_leftover_braces(folder):
    for section in methods_text.sections(open_dataset(folder).manifest):
        assert "{{" not in section.text, section.title
        assert section.text.count("$$") % 2 == 0

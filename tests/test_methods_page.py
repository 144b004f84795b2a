"""The methods page says what holds for the dataset at hand."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from compute.config import WeightsConfig
from compute.weights import weights
from gluscope_core import methods_text
from gluscope_core.dataset import open_dataset
from gluscope_core.discover import FOLDERS_VARIABLE

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


def test_formulas_have_no_leftover_braces(folder):
    for section in methods_text.sections(open_dataset(folder).manifest):
        assert "{{" not in section.text, section.title
        assert section.text.count("$$") % 2 == 0

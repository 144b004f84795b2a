"""A neuron's page through the dashboard's entry point, in every state that a dataset can be in."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from compute.config import WeightsConfig
from compute.run import run
from compute.weights import weights
from gluscope_core.dataset import open_dataset
from gluscope_core.discover import FOLDERS_VARIABLE
from gluscope_core.manifest import JOURNAL_NAME
from gluscope_core.vocabulary import CASES, freq_column

ENTRY = Path(__file__).parent.parent / "streamlit_app.py"
PAGE = "pages/neuron.py"


@pytest.fixture(scope="module")
def whole(config, model_folder, tmp_path_factory) -> Path:
    """A dataset with everything in it."""
    out = tmp_path_factory.mktemp("whole") / "tiny"
    run(replace(config, out=out))
    weights(WeightsConfig(dataset=out, model=str(model_folder), top_tokens=5, related=3))
    return out


@pytest.fixture
def shelf(whole, tmp_path, monkeypatch) -> Path:
    shutil.copytree(whole, tmp_path / "tiny")
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path / "tiny"))
    return tmp_path / "tiny"


def opened(**parameters: str) -> AppTest:
    app = AppTest.from_file(ENTRY, default_timeout=30)
    for name, value in {"neuron": "1.3", **parameters}.items():
        app.query_params[name] = value
    app = app.switch_page(PAGE).run()
    assert not app.exception, app.exception[0]
    return app


def html_of(app: AppTest, key: str) -> str:
    """What one of the page's components shows."""
    [found] = [each.proto for each in app.get("bidi_component") if each.proto.id.endswith(f"-{key}")]
    return json.loads(found.mixed.json if found.WhichOneof("data") == "mixed" else found.json)["html"]


def said(app: AppTest) -> str:
    return "\n".join(each.value for each in [*app.warning, *app.error, *app.info, *app.caption])


@pytest.mark.usefixtures("shelf")
def test_everything_is_shown_without_a_click():
    app = opened()
    assert "<h1>1.3</h1>" in html_of(app, "heading")
    assert html_of(app, "table").count("<tr") == 17
    assert 'class="row"' in html_of(app, "examples")
    assert "w_gate and w_in share" in html_of(app, "tokens")
    assert html_of(app, "related").count("data-neuron") == 24
    assert len(app.get("arrow_vega_lite_chart") or app.get("vega_lite_chart")) == 2

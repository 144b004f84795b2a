"""The pages input-output, geometry and findings through the entry point, in every state of a dataset."""

import json
import re
import shutil
from pathlib import Path
from urllib.parse import parse_qsl

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from compute.config import WeightsConfig
from compute.weights import weights
from gluscope_core.dataset import open_dataset
from gluscope_core.discover import FOLDERS_VARIABLE
from gluscope_core.errors import HubUnreachable
from gluscope_core.io_statistics import COLUMNS
from gluscope_core.schema import COSINES
from tests.app_pages import charts, html_of, prose, visit
from tests.conftest import as_read
from tests.test_io_views import BUNDLED, shown

IO, GEOMETRY, FINDINGS = "pages/input_output.py", "pages/geometry.py", "pages/findings.py"


@pytest.fixture(scope="module")
def weights_only(model_folder, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("weights") / "bare"
    weights(WeightsConfig(out=folder, model=str(model_folder)))
    return folder


@pytest.fixture
def opened(monkeypatch):
    """A page on some datasets, of which the first is shown, with an address."""

    def open_page(page: str, *folders: Path, **address: str | list[str]) -> AppTest:
        monkeypatch.setenv(FOLDERS_VARIABLE, ":".join(map(str, folders)))
        return visit(page, **address)

    return open_page


def html(app: AppTest) -> str:
    return "\n".join(json.loads(each.proto.json)["html"] for each in app.get("bidi_component"))


def headings(app: AppTest) -> list[str]:
    return [each.value for each in (*app.title, *app.subheader)]


def test_all_of_the_paper_is_there(opened, with_weights):
    app = opened(IO, with_weights)
    assert not app.exception
    assert not app.warning
    assert charts(app)[:5] == [
        "IO classes by layer",
        "Median cos(w_in, w_out) by layer",
        "|cos(gate, in)| by layer",
        "|cos(gate, out)| by layer",
        "|cos(in, out)| by layer",
    ]
    assert sum(name.startswith("Cosines of the 24 neurons") for name in charts(app)) == 3
    assert any(name.startswith("Mean gain") for name in charts(app))


def test_tau_recomputes_it_all(opened, with_weights):
    frame = open_dataset(with_weights).neurons()
    app = opened(IO, with_weights, tau="0.2")
    assert app.slider(key="slide_tau").value == 0.2
    wide = prose(app)
    app.slider(key="slide_tau").set_value(0.6).run()
    assert not app.exception
    assert prose(app) != wide
    near = (frame[["cos_gate_in", "cos_gate_out", "cos_in_out"]].abs() - 0.6).abs().le(0.02).any(axis=1).sum()
    assert f"**{near}** neurons" in prose(app)


@pytest.mark.parametrize("depth", ["layer", "relative"])
@pytest.mark.parametrize("cosines", ["magnitudes", "signed"])
def test_axes_and_signs(opened, with_weights, depth, cosines):
    app = opened(IO, with_weights, depth=depth, cosines=cosines)
    assert not app.exception
    assert not app.warning
    specs = [json.loads(each.proto.spec) for each in app.get("vega_lite_chart")]
    assert ("relative depth" in json.dumps(specs[0])) == (depth == "relative")
    assert ("cos(gate, in) by layer" in charts(app)) == (cosines == "signed")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ({"depth": "deep"}, "`depth=deep` is nothing"),
        ({"cosines": "<b>"}, "is nothing that can be shown"),
        ({"layers": "7"}, "no layers 7"),
        ({"layers": "all"}, "names no layers"),
        ({"cell": "depletion"}, "names no class and role"),
        ({"cell": "<i>.any"}, "names no class and role"),
        ({"neuron": "9.9"}, "is no neuron of this dataset"),
        ({"tau": "high"}, ""),
    ],
)
def test_a_bad_value_says_what_is_wrong_and_falls_back(opened, with_weights, address, said):
    app = opened(IO, with_weights, **address)
    assert not app.exception
    assert said in prose(app)
    assert "IO classes by layer" in charts(app)


def test_a_cell_shows_its_neurons(opened, with_weights):
    frame = open_dataset(with_weights).neurons()
    kind = frame["io_class"].value_counts().index[0]
    app = opened(IO, with_weights, cell=f"{kind}.any")
    assert not app.exception
    wanted = frame[frame["io_class"] == kind]
    assert f"**{len(wanted)} neurons: {kind}, any role**" in prose(app)
    for row in wanted.itertuples():
        assert f'neuron={row.layer}.{row.neuron}" data-go>' in html(app)


def test_a_neuron_in_the_address_has_its_card(opened, with_weights):
    app = opened(IO, with_weights, neuron="1.5")
    row = open_dataset(with_weights).neurons().query("layer == 1 and neuron == 5").iloc[0]
    assert row["io_class"] in prose(app)


def test_many_neurons_become_cells(opened, with_weights, monkeypatch):
    monkeypatch.setattr("gluscope_core.io_plane.MOST_POINTS", 20)
    app = opened(IO, with_weights)
    assert not app.exception
    planes = [each.proto.spec for each in app.get("vega_lite_chart") if each.proto.alt.startswith("Cosines of")]
    assert all('"x_from"' in spec for spec in planes)


def spec_of(app: AppTest, alt: str) -> dict:
    [found] = [each.proto.spec for each in app.get("vega_lite_chart") if each.proto.alt.startswith(alt)]
    return json.loads(found)


def test_other_datasets_stand_beside(opened, with_weights, weights_only):
    app = opened(IO, with_weights, weights_only)
    assert app.multiselect(key="several_with").value == []
    assert "(bare)" not in json.dumps(spec_of(app, "Median"))
    app.multiselect(key="several_with").set_value(["bare"]).run()
    assert not app.exception
    assert app.query_params["with"] == "bare"
    points = shown(spec_of(app, "Median"), "median")
    for name, folder in (("dataset", with_weights), ("bare", weights_only)):
        frame = open_dataset(folder).neurons(["layer", "cos_in_out"])
        wanted = frame.groupby("layer")["cos_in_out"].median().to_dict()
        line = points[points["name"] == f"tiny-llama ({name})"].set_index("layer")["median"]
        assert line.to_dict() == pytest.approx(wanted)
    app = opened(IO, with_weights, weights_only, **{"with": ["nothing"]})
    assert not app.exception
    assert "no other dataset `nothing`" in prose(app)


def test_others_are_opened_only_when_they_are_chosen(opened, with_weights, weights_only, monkeypatch):
    looked_up = []

    def open_there(name: str, commit: str | None, *_: object) -> None:
        looked_up.append((name, commit))
        raise HubUnreachable(f"{name} is far away: try again later")

    monkeypatch.setattr("gluscope_core.ui.choice._commit", lambda _, revision: revision)
    monkeypatch.setattr("gluscope_core.ui.choice._opened_there", open_there)
    for page in (IO, "pages/compare.py"):
        app = opened(page, with_weights, Path("someone/far"), weights_only, view="layers")
        assert not app.exception
        assert not looked_up
        assert not app.warning
    app = opened(IO, with_weights, Path("someone/far"), **{"with": ["someone/far@abc"]})
    assert looked_up == [("someone/far", "abc")]
    assert "someone/far is far away" in prose(app)


def test_others_of_the_hub_are_pinned_to_their_commit(opened, hub, with_weights, tmp_path):
    st.cache_data.clear()
    first = hub.add("someone/tiny", with_weights)
    (tmp_path / "mine").symlink_to(with_weights)
    app = opened(IO, tmp_path / "mine", Path("someone/tiny"), **{"with": ["someone/tiny"]})
    assert not app.warning
    assert in_address(app, "with") == [f"someone/tiny@{first}"]
    app.run()
    assert app.multiselect(key="several_with").value == [f"someone/tiny@{first}"]
    hub.change("someone/tiny", "neurons/neurons_000.parquet", b"damaged")
    st.cache_data.clear()  # an hour later
    again = opened(IO, tmp_path / "mine", Path("someone/tiny"), **{"with": [f"someone/tiny@{first}"]})
    assert not again.warning
    assert "tiny-llama (someone/tiny)" in set(shown(spec_of(again, "Median"), "median")["name"])
    st.cache_data.clear()


def in_address(app: AppTest, key: str) -> list[str]:
    value = app.query_params.get(key, [])
    return value if isinstance(value, list) else [value]


def test_others_without_cosines_say_so(opened, with_weights, finished, tmp_path):
    (tmp_path / "plain").symlink_to(finished)
    app = opened(IO, with_weights, tmp_path / "plain", **{"with": ["plain"]})
    assert not app.exception
    assert "There are no cosines of `plain`" in prose(app)


def plain_class(row: pd.Series, tau: float) -> str:
    """As the paper's table has it."""
    gate_in, gate_out, in_out = (int(row[name] > tau) - int(row[name] < -tau) for name in COSINES)
    if in_out == 0:
        name = "proportional change" if gate_out else "orthogonal output"
    else:
        name = "enrichment" if in_out > 0 else "depletion"
        name = name if gate_out else f"conditional {name}"
    return f"atypical {name}" if gate_in != in_out * gate_out and name != "orthogonal output" else name


def test_every_figure_at_another_threshold(opened):
    """Composition, contingency and both gains at τ = 0.6, as the page shows them, against pandas."""
    frame = open_dataset(BUNDLED).neurons([*COLUMNS])
    frame["kind"] = [plain_class(row, 0.6) for _, row in frame[list(COSINES)].astype(float).iterrows()]
    app = opened(IO, BUNDLED, tau="0.6")
    bars = shown(spec_of(app, "IO classes"), "bottom").set_index(["layer", "class"])
    assert bars["neurons"].to_dict() == frame.groupby("layer")["kind"].value_counts().to_dict()
    sizes = bars["top"] - bars["bottom"]
    assert sizes.to_dict() == pytest.approx(frame.groupby("layer")["kind"].value_counts(normalize=True).to_dict())
    counts = frame.groupby(["kind", frame["role"].fillna("no role")]).size()
    buttons = re.findall(r'data-open="([^".]+)\.([^".]+)"[^>]*>([\d,]+)', html_of(app, "crosstab"))
    shown_counts = {
        (kind, role): int(text.replace(",", "")) for kind, role, text in buttons if "any" not in (kind, role)
    }
    assert shown_counts == counts.to_dict()
    for alt, name in (("Mean gain", "mean_gain"), ("Effective IO", "effective_io")):
        cells = shown(spec_of(app, alt), "mean").set_index(["layer", "class"])["mean"]
        assert cells.to_dict() == pytest.approx(frame.groupby(["layer", "kind"])[name].mean().to_dict())
    assert f"**{(frame['kind'] != 'orthogonal output').mean():.1%}**" in prose(app)


def test_the_card_has_the_class_at_the_threshold_of_the_page(opened):
    frame = open_dataset(BUNDLED).neurons([*COLUMNS, "io_class"])
    changed = next(
        row
        for _, row in frame[frame["io_class"] == "conditional enrichment"].iterrows()
        if plain_class(row, 0.7) != row["io_class"]
    )
    neuron = f"{changed['layer']}.{changed['neuron']}"
    assert f"**{changed['io_class']}**" in prose(opened(IO, BUNDLED, neuron=neuron))
    assert f"**{plain_class(changed, 0.7)}**" in prose(opened(IO, BUNDLED, neuron=neuron, tau="0.7"))


def test_a_cell_leads_to_the_same_search(opened):
    app = opened(IO, BUNDLED, cell="depletion.no role", tau="0.6")
    [link] = [each.proto for each in app.get("page_link") if each.proto.label == "The same in Search"]
    asked = dict(parse_qsl(link.query_string))
    assert asked.pop("data") == "smollm2-135m-instruct"
    assert asked == {"class": "depletion", "role": "none", "tau": "0.6"}
    said = re.search(r"\*\*([\d,]+ neurons): depletion, no role\*\*", prose(app))
    assert said
    assert f"**{said[1]}**" in prose(opened("pages/search.py", BUNDLED, **asked))


def test_weights_only(opened, weights_only):
    app = opened(IO, weights_only)
    assert not app.exception
    assert "weights only" in prose(app)
    assert not any(name.startswith("Mean gain") for name in charts(app))
    app = opened(FINDINGS, weights_only)
    assert not app.exception
    assert "it has weights only" in prose(app)
    assert "lengths" in "".join(charts(app)).lower() or "long vectors" in "".join(charts(app))


def test_without_weights_it_says_how_to_get_them(opened, finished):
    app = opened(IO, finished)
    assert not app.exception
    assert "python -m compute weights" in prose(app)
    assert not charts(app)
    app = opened(FINDINGS, finished)
    assert not app.exception
    assert prose(app).count("its weights have not been analysed") >= 5


def test_a_damaged_file_stands_where_data_would(opened, with_weights, tmp_path):
    for page in (IO, FINDINGS):
        st.cache_resource.clear()
        copy = tmp_path / page.replace("/", "-")
        shutil.copytree(with_weights, copy)
        path = next((copy / "neurons").glob("*.parquet"))
        path.write_bytes(path.read_bytes()[:-100])
        app = opened(page, copy)
        assert not app.exception
        assert path.name in prose(app)
    st.cache_resource.clear()


def test_geometry_says_the_class(opened, with_weights):
    app = opened(GEOMETRY, with_weights, gate_in="0", gate_out="0", in_out="-0.9")
    assert not app.exception
    assert "Conditional depletion / conditional weakening" in headings(app)
    assert html(app).count("<svg") == 3
    app.selectbox(key="start").set_value("enrichment").run()
    assert app.slider(key="slide_gate_out").value == 1
    assert "Enrichment / strengthening" in headings(app)


def test_geometry_of_cosines_that_no_vectors_have(opened, with_weights):
    app = opened(GEOMETRY, with_weights, gate_in="-0.8", gate_out="0.8", in_out="0.9")
    assert not app.exception
    assert "No three vectors have these cosines" in app.warning[0].value
    assert html(app).count("<svg") == 2
    app.button[0].click().run()
    assert not app.warning
    assert app.slider(key="slide_gate_in").value > 0.4


def test_geometry_of_wrong_values(opened, finished):
    app = opened(GEOMETRY, finished, gate_in="5", tau="x", turn="north")
    assert not app.exception
    assert "Geometry" in app.title[0].value


def test_findings_are_computed_from_the_dataset(opened, with_weights):
    app = opened(FINDINGS, with_weights)
    assert not app.exception
    frame = open_dataset(with_weights).neurons()
    medians = frame.groupby("layer")["cos_in_out"].median()
    assert f"largest in layer {medians.idxmax()}" in prose(app)
    assert "tiny" in as_read(app.title[0].value)

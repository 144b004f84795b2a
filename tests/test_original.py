"""Datasets that the original program wrote: figures as they are there, and every page on them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from streamlit.testing.v1 import AppTest

from compute.config import WeightsConfig
from compute.weights import weights
from gluscope_core import open_dataset
from gluscope_core.discover import FOLDERS_VARIABLE
from gluscope_core.errors import (
    BadSettings,
    ColumnMissing,
    DatasetDamaged,
    JoinRefused,
    NoSuchNeuron,
    TableMissing,
)
from gluscope_core.neuron_view import conventions
from gluscope_core.original.columns import RECORDED
from gluscope_core.original.names import convention_of, model_of
from gluscope_core.schema import COSINES, NEURONS, NORMS
from gluscope_core.vocabulary import TOP_LISTS, Field, Role, SignConvention
from tests.app_pages import ENTRY, html_of, prose
from tests.architectures import random_model
from tests.conftest import as_read, odd_texts, write_texts
from tests.original_files import write_original
from tests.test_neuron_page import opened, said

ORACLE = Path(__file__).parent.parent.parent / "shared" / "oracle"
PAGES = (
    "overview", "neuron", "explore", "input_output", "search", "compare", "findings", "methods", "geometry", "datasets",
)  # fmt: skip
K = 4
"""As the tiny dataset's lists have."""


@pytest.fixture(scope="module")
def original(finished, tmp_path_factory) -> Path:
    return write_original(finished, tmp_path_factory.mktemp("theirs") / "tiny_refactored", K, files=2)


@pytest.fixture(scope="module")
def alone(model_folder, tmp_path_factory) -> dict[str, Path]:
    """What the weights say, computed apart, in either convention."""
    shelf = tmp_path_factory.mktemp("alone")
    for signs in ("aligned", "raw"):
        weights(WeightsConfig(model=str(model_folder), out=shelf / signs, sign_convention=signs, top_neurons=4))
    return {signs: shelf / signs for signs in ("aligned", "raw")}


@pytest.fixture
def seed(request, tmp_path) -> Path:
    """What the original computed for SmolLM2-135M."""
    source = ORACLE / f"{request.param}.parquet"
    if not source.exists():
        pytest.skip(f"SKIPPED for want of {source.name}: the original's own dataset")
    folder = tmp_path / request.param
    folder.mkdir()
    shutil.copyfile(source, folder / "train.parquet")
    return folder


def test_figures_are_those_of_the_run(finished, original):
    ours, theirs = open_dataset(finished).neurons(), open_dataset(original).neurons()
    assert list(theirs.columns) == NEURONS.names
    for name in NEURONS.names:
        if name in RECORDED:
            tolerance = (
                {"rtol": 1e-6, "atol": 1e-9} if "mean" in name or "freq" in name or "swish" in name else {"rtol": 0}
            )
            np.testing.assert_allclose(
                theirs[name].to_numpy(float), ours[name].to_numpy(float), err_msg=name, **tolerance
            )
        else:
            assert theirs[name].isna().all(), name


def test_lists_are_those_of_the_run(finished, original):
    for neuron in ((0, 0), (1, 23), (2, 7)):
        ours, theirs = (open_dataset(folder).examples(*neuron) for folder in (finished, original))
        ours = ours[ours["quantity"].notna()].reset_index(drop=True)
        columns = ["case", "quantity", "rank", "value", "text"]
        pd.testing.assert_frame_equal(theirs[columns], ours[columns])
        assert theirs["position"].isna().all()


def test_one_neuron_and_all_say_the_same(original):
    dataset = open_dataset(original)
    whole = dataset.read_table("neurons").to_pylist()
    for row in (0, 25, 71):
        assert dataset.neuron(whole[row]["layer"], whole[row]["neuron"]) == whole[row]
    layer = dataset.read_table("neurons", ["neuron"], layer=1)
    assert layer.column("neuron").to_pylist() == list(range(24))


def test_rows_in_any_order(finished, original, tmp_path):
    order = np.random.default_rng(3).permutation(72)
    mixed = write_original(finished, tmp_path / "mixed_refactored", K, files=3, order=order)
    pd.testing.assert_frame_equal(open_dataset(mixed).neurons(), open_dataset(original).neurons())
    pd.testing.assert_frame_equal(open_dataset(mixed).examples(1, 5), open_dataset(original).examples(1, 5))
    a, b = (open_dataset(each).read_table("neurons", layer=2).to_pandas() for each in (mixed, original))
    pd.testing.assert_frame_equal(a, b)


def test_only_what_is_asked_for_is_read(original, monkeypatch):
    read = []
    real = pq.ParquetFile.read_row_group
    monkeypatch.setattr(
        pq.ParquetFile, "read_row_group", lambda self, i, columns: read.append(columns) or real(self, i, columns)
    )
    dataset = open_dataset(original)
    read.clear()
    dataset.neurons(["layer", "gate-_in+_freq", "gate-_in+_hook_post_min", "cos_in_out"])
    wanted = {"layer", "neuron", "gate-_in+_freq", "gate-_in+_hook_post_max_values"}
    assert {name for columns in read for name in columns} == wanted
    with pytest.raises(ColumnMissing, match="nonsense"):
        dataset.neurons(["nonsense"])


def test_what_is_known(original):
    manifest = open_dataset(original).manifest
    assert manifest.sign_convention is SignConvention.ALIGNED
    assert (manifest.model.id, manifest.model.layers, manifest.model.d_mlp) == ("tiny_refactored", 3, 24)
    assert (manifest.run, manifest.counted_tokens, manifest.texts) == (None, None, None)
    assert manifest.imported.top_k == K
    assert manifest.model.activation == "silu"
    assert "Neither card nor name say which model" in " ".join(manifest.remarks)


@pytest.mark.parametrize(
    ("label", "card", "model", "convention"),
    [
        ("OLMo-7B-0424-hf_neuron-activations", "", "allenai/OLMo-7B-0424-hf", "aligned"),
        ("owner/gemma-2-2b_neuron-activations", "weights were refactored", "google/gemma-2-2b", "aligned"),
        ("Llama-3.2-3B_neuron-activations", "the model is not refactored", "meta-llama/Llama-3.2-3B", "unknown"),
        ("x", "of allenai/OLMo-7B-0424-hf, `--refactor_glu`", "allenai/OLMo-7B-0424-hf", "aligned"),
        ("thing_neuron-activations", "without `refactor_glu`", "thing", "unknown"),
        ("seed_unrefactored", "", "seed_unrefactored", "unknown"),
    ],
)
def test_card_and_name(label, card, model, convention):
    assert model_of(card, label)[0] == model
    assert convention_of(label, card) == convention


@pytest.mark.parametrize("signs", ["aligned", "raw"])
def test_weights_computed_apart_are_joined(with_weights, original, alone, signs):
    """As if they had been added to the run; in either signs, for the flip is handled."""
    whole, joined = open_dataset(with_weights), open_dataset(original, weights=alone[signs])
    columns = [*COSINES, *NORMS, "io_class", "role", *(role.column for role in Role), "flipped", "unembed_skew"]
    pd.testing.assert_frame_equal(joined.neurons(columns), whole.neurons(columns), rtol=1e-5)
    scores = ["mean_post_skew"]
    np.testing.assert_allclose(joined.neurons(scores), whole.neurons(scores), rtol=1e-4, atol=1e-7)
    assert joined.neurons(["effective_io"]).isna().all(axis=None)
    assert joined.neuron(1, 3)["cos_gate_in"] == pytest.approx(whole.neuron(1, 3)["cos_gate_in"])
    for neuron in range(24):
        mine, theirs = joined.weights(1, neuron), whole.weights(1, neuron)
        key = ["vector", "matrix", "sign"]
        pd.testing.assert_frame_equal(
            mine.tokens.groupby(key)["cosine"].sum().to_frame(),
            theirs.tokens.groupby(key)["cosine"].sum().to_frame(),
            check_dtype=False,
            atol=1e-2,
        )
        np.testing.assert_allclose(mine.related["cosine"], theirs.related["cosine"], atol=2e-3)
    token = joined.token_neurons(5).dropna(subset="vector")
    wanted = whole.token_neurons(5).dropna(subset="vector")
    key = ["vector", "matrix", "layer", "neuron"]
    both = token.merge(wanted, on=key, suffixes=("", "_wanted"))
    assert len(both) == len(wanted) if signs == "aligned" else len(both) > len(wanted) / 2
    assert (both["sign"] == both["sign_wanted"]).all()
    np.testing.assert_allclose(both["value"].astype(float), both["value_wanted"].astype(float), atol=2e-3)
    strength = (token["value"] * token["sign"]).groupby([token[name] for name in ("vector", "matrix", "sign")])
    assert all((values.diff().dropna() <= 0).all() for _, values in strength)
    assert joined.manifest.weights.sign_convention is SignConvention.ALIGNED
    assert conventions(joined) == (SignConvention.ALIGNED, SignConvention.RAW)
    for mine, theirs in zip(
        joined.manifest.weights.mismatched, open_dataset(alone[signs]).manifest.weights.mismatched, strict=True
    ):
        low, high = theirs.gate_out
        wanted = (low, high) if signs == "aligned" else (-max(-low, high), max(-low, high))
        assert mine.gate_out == wanted


def test_signs_that_are_not_known_join_what_does_not_depend_on_them(finished, alone, tmp_path):
    joined = open_dataset(write_original(finished, tmp_path / "tiny", K), weights=alone["aligned"])
    kept = [*COSINES, "io_class"]
    pd.testing.assert_frame_equal(joined.neurons(kept), open_dataset(alone["aligned"]).neurons(kept))
    assert joined.neuron(1, 3)["cos_gate_out"] is not None
    assert joined.neurons(["unembed_skew", "flipped", "mean_post_skew"]).isna().all(axis=None)
    assert "cosines with w_gate are in aligned signs" in " ".join(joined.manifest.remarks)
    assert conventions(joined) == (SignConvention.UNKNOWN,)


def test_weights_are_found_beside_and_within(original, alone, tmp_path):
    place = tmp_path / "shelf" / "tiny-llama_refactored"
    shutil.copytree(original, place)
    assert open_dataset(place).manifest.weights is None
    shutil.copytree(alone["aligned"], place / "weights")
    assert open_dataset(place).manifest.weights is not None
    shutil.rmtree(place / "weights")
    named = tmp_path / "shelf" / "tiny-llama_neuron-activations"
    place.rename(named)
    shutil.copytree(alone["raw"], tmp_path / "shelf" / "any-name")
    assert open_dataset(named).manifest.weights is not None


def test_weights_of_another_shape_are_refused_in_words(finished, original, tmp_path):
    random_model("gemma2").save_pretrained(tmp_path / "other")
    weights(WeightsConfig(model=str(tmp_path / "other"), out=tmp_path / "weights", parts=()))
    with pytest.raises(JoinRefused, match="does not belong"):
        open_dataset(original, weights=tmp_path / "weights")
    place = tmp_path / "place"
    shutil.copytree(original, place)
    shutil.copytree(tmp_path / "weights", place / "weights")
    assert "are not joined" in " ".join(open_dataset(place).manifest.remarks)
    with pytest.raises(JoinRefused, match="needs nothing joined"):
        open_dataset(finished, weights=tmp_path / "weights")
    with pytest.raises(BadSettings, match="apart"):
        weights(WeightsConfig(dataset=original, model=str(tmp_path / "other")))


def test_what_it_does_not_have(original):
    dataset = open_dataset(original)
    for read in (lambda: dataset.samples(0, 0), lambda: dataset.vocab, lambda: dataset.text(0)):
        with pytest.raises(TableMissing, match="original program"):
            read()
    with pytest.raises(NoSuchNeuron):
        dataset.neuron(0, 24)
    assert not dataset.has("windows")


@pytest.mark.parametrize("damage", ["hole", "lengths"])
def test_damage_is_named(finished, tmp_path, damage):
    folder = write_original(finished, tmp_path / "damaged", K)
    [path] = (folder / "data").iterdir()
    table = pq.read_table(path)
    if damage == "hole":
        pq.write_table(table.slice(1), path)
    else:
        name = TOP_LISTS[3].column(Field.INDICES)
        cut = [row[:1] for row in table.column(name).to_pylist()]
        pq.write_table(table.set_column(table.schema.get_field_index(name), name, [cut]), path)
    with pytest.raises(DatasetDamaged):
        open_dataset(folder).examples(0, 3)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("left", [0, 3, 1000, -200])
def test_a_truncated_file_is_named_with_what_to_do(finished, tmp_path, monkeypatch, which, left):
    folder = write_original(finished, tmp_path / "shelf" / "damaged", K, files=2)
    path = sorted((folder / "data").iterdir())[which]
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(DatasetDamaged, match=rf"{path} cannot be read .*: fetch or compute it again"):
        open_dataset(folder)
    monkeypatch.setenv(FOLDERS_VARIABLE, str(folder))
    app = AppTest.from_file(ENTRY, default_timeout=60).run()
    assert not app.exception
    assert path.name in as_read(app.warning[0].value)


def test_a_page_that_is_damaged_is_named_with_its_file(finished, tmp_path):
    folder = write_original(finished, tmp_path / "damaged", K)
    [path] = (folder / "data").iterdir()
    column = pq.read_metadata(path).row_group(2).column(pq.read_schema(path).get_field_index("gate+_in+_freq"))
    content = bytearray(path.read_bytes())
    start = column.data_page_offset
    content[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(content)
    with pytest.raises(DatasetDamaged, match=path.name):
        open_dataset(folder).neurons()


def page(name: str, **parameters: str) -> AppTest:
    app = AppTest.from_file(ENTRY, default_timeout=60)
    for key, value in parameters.items():
        app.query_params[key] = value
    app = app.switch_page(f"pages/{name}.py").run()
    assert not app.exception, app.exception[0]
    assert not app.error, app.error[0].value
    return app


def every_page(neuron: str) -> dict[str, AppTest]:
    return {name: page(name, **({"neuron": neuron} if name == "neuron" else {})) for name in PAGES}


def test_every_page_on_a_bare_one(original, monkeypatch):
    monkeypatch.setenv(FOLDERS_VARIABLE, str(original))
    apps = every_page("1.3")
    assert "by the original program" in said(apps["overview"])
    assert "python -m compute weights --model M" in said(apps["overview"])
    table = html_of(apps["neuron"], "table")
    assert "not recorded" in table
    assert "position not recorded" in html_of(apps["neuron"], "examples")
    assert "data-open" not in html_of(apps["neuron"], "examples")
    told = said(apps["neuron"])
    for words in ("python -m compute examples tiny_refactored --neurons 1.3", "sampled no tokens", "larger magnitude"):
        assert words in told
    assert "kept no standard deviations" in said(apps["explore"])
    assert "no random ones" in said(opened(list="random"))
    assert '<td class="word">the original</td>' in html_of(apps["datasets"], "datasets")
    how = "python -m compute weights --model M"
    assert how in said(apps["input_output"])
    assert how in said(apps["search"])
    assert said(apps["findings"]).count(how) >= 5
    pair = page("compare", a="1.3", b="1.4")
    assert how in said(pair)
    assert "No tokens were sampled, so there is none" in said(pair)
    assert "The original program sampled no tokens" in said(pair)
    assert html_of(pair, "table_a")
    found = page("search", freq_gate_pos="0..1")
    assert "72 neurons" in prose(found)
    methods = "\n".join(each.value for each in apps["methods"].markdown)
    assert "counts nor standard errors" in methods
    assert "its published dataset" in methods


def test_every_page_on_one_with_weights_and_texts(original, alone, tmp_path, monkeypatch):
    place = tmp_path / "tiny_refactored"
    shutil.copytree(original, place)
    shutil.copytree(alone["raw"], place / "weights")
    write_texts(place / "texts" / "texts.parquet", odd_texts())
    monkeypatch.setenv(FOLDERS_VARIABLE, str(place))
    apps = every_page("1.3")
    assert "cos(gate, in)" in html_of(apps["neuron"], "heading")
    assert "w_gate and w_in share" in html_of(apps["neuron"], "tokens")
    assert html_of(apps["neuron"], "related").count("data-neuron") > 0
    whole = opened(text=first_place_of(apps["neuron"]))
    assert 'class="full"' in html_of(whole, "examples")
    raw = opened(signs="raw")
    assert raw.query_params["signs"] == "raw"
    assert page("explore").selectbox[0].value == "cos_in_out"
    signed = page("input_output", cosines="signed")
    assert "which the original program did not keep" in said(signed)
    assert "(here: aligned)" in said(signed)
    assert "Rule: at least half lie within" in said(apps["findings"])
    assert "not the figures that this is about" in said(apps["findings"])
    pair = page("compare", a="1.3", b="1.4")
    assert "≤" in html_of(pair, "cosines")
    assert "72 neurons" in prose(page("search", cos_in_out="-1..1"))


def test_classes_where_signs_are_not_known(finished, alone, tmp_path, monkeypatch):
    place = write_original(finished, tmp_path / "tiny", K)
    shutil.copytree(alone["aligned"], place / "weights")
    monkeypatch.setenv(FOLDERS_VARIABLE, str(place))
    frame = open_dataset(place).neurons(["cos_gate_in", "io_class"])
    app = page("input_output", cosines="signed")
    told = prose(app)
    assert f"**{(frame['io_class'] != 'orthogonal output').mean():.1%}**" in told
    assert "those of the weights; which ones the activations are in is not known" in told
    assert "nan" not in told
    [boxes] = [
        json.loads(each.proto.spec) for each in app.get("vega_lite_chart") if each.proto.alt == "cos(gate, in) by layer"
    ]
    medians = {row["layer"]: row["median"] for row in boxes["layer"][-1]["data"]["values"]}
    layers = np.repeat([0, 1, 2], 24)
    assert medians == pytest.approx(frame["cos_gate_in"].astype(float).groupby(layers).median().to_dict())
    assert "those of the weights" in said(page("compare", a="1.3", b="1.4"))
    kind = frame["io_class"].value_counts().index[0]
    found = page("search", **{"class": kind, "tau": "0.5"})
    assert f"**{(frame['io_class'] == kind).sum()} neurons**" in prose(found)


def first_place_of(app: AppTest) -> str:
    html = html_of(app, "examples")
    start = html.index('data-open="') + len('data-open="')
    return html[start : html.index('"', start)]


@pytest.mark.parametrize("seed", ["seed_raw", "seed_refactored"], indirect=True)
def test_every_page_on_the_originals_own(seed, monkeypatch):
    monkeypatch.setenv(FOLDERS_VARIABLE, str(seed))
    apps = every_page("14.7")
    assert "position not recorded" in html_of(apps["neuron"], "examples")
    theirs = pq.read_table(seed / "train.parquet").to_pandas().set_index(["layer", "neuron"])
    row = open_dataset(seed).neuron(14, 7)
    assert row["gate-_in+_hook_post_min"] == theirs.loc[(14, 7), "gate-_in+_hook_post_max_values"][0]
    assert row["gate-_in+_freq"] == theirs.loc[(14, 7), "gate-_in+_freq"]
    signs = "aligned" if "refactored" in seed.name else "unknown"
    assert f"{signs} signs" in said(apps["overview"])

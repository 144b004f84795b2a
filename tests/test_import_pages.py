"""The original's pages as a dataset: a small site that always runs, and the archived one."""

import json
import re
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from compute.cli import main
from compute.config import ImportConfig, WeightsConfig
from compute.imported import import_original
from compute.imported.pages import MalformedPage, read_table
from compute.verify import verify
from compute.weights import weights
from gluscope_core import open_dataset
from gluscope_core.discover import FOLDERS_VARIABLE
from gluscope_core.errors import BadSettings, ImportRefused, NoSuchNeuron, ResumeRefused
from gluscope_core.manifest import MANIFEST_NAME
from gluscope_core.vocabulary import ImportSource, SignConvention
from tests.app_pages import html_of
from tests.conftest import as_read, contents
from tests.original_files import CASE_NAMES, HOOKS, Site, listed, silu
from tests.test_neuron_page import opened, said
from tests.test_original import every_page
from tests.test_verify import rewrite

ARCHIVE = Path(__file__).parent.parent.parent / "shared" / "oracle" / "olmo_site.tar.xz"
NEURONS = [(3, 17), (3, 5000), (20, 4)]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    writer = Site()
    for neuron in NEURONS:
        writer.write_page(folder, *neuron)
    return folder


@pytest.fixture(scope="module")
def imported(site, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("imported") / "olmo-pages"
    import_original(ImportConfig(site, out))
    return out


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    if not ARCHIVE.exists():
        pytest.skip(f"SKIPPED for want of {ARCHIVE.name}: the original's own pages")
    folder = tmp_path_factory.mktemp("archive")
    with tarfile.open(ARCHIVE) as file:
        file.extractall(folder, filter="data")
    return folder


def files_of(page_folder: Path, case: str, hook: str) -> list[dict]:
    names = (page_folder / f"{case}_{hook}_example_{number}.json" for number in range(100))
    return [json.loads(path.read_text()) for path in names if path.exists()]


def held_against_files(page_folder: Path, folder: Path, layer: int, neuron: int) -> None:
    """Values, tokens and activations of every example, looked up by plain loops."""
    dataset = open_dataset(folder)
    examples, pieces = dataset.examples(layer, neuron), dataset.vocab["display"]
    for case in CASE_NAMES:
        for hook in listed(case):
            mine = examples[(examples["case"] == case) & (examples["quantity"] == hook)]
            files = files_of(page_folder, case, hook)
            assert len(mine) == len(files) > 0
            for row in mine.to_dict("records"):
                at, text = row["position"], [pieces[token] for token in dataset.text(row["text"])["input_ids"]]
                content = next(each for each in files if each["tokens"] == text)
                values = dict(zip(content["labels"], content["values"][at], strict=True))
                assert row["value"] == pytest.approx(values[hook], rel=1e-6)
                size = [abs(each[0]) for each in content["values"]]
                assert size[at] >= max(size) * (1 - 1e-5)
                window = slice(row["start"], row["start"] + len(row["tokens"]))
                assert [pieces[token] for token in row["tokens"]] == content["tokens"][window]
                for name, hooked in (("gate", "hook_pre"), ("in", "hook_pre_linear")):
                    column = content["labels"].index(hooked)
                    wanted = [each[column] for each in content["values"][window]]
                    np.testing.assert_allclose(row[name].astype(float), wanted, rtol=1e-3, atol=1e-6)


def test_examples_are_those_of_the_files(site, imported):
    for layer, neuron in NEURONS:
        held_against_files(site / "Model" / f"L{layer}" / f"N{neuron}", imported, layer, neuron)


def test_all_that_precedes_an_example_is_kept_where_it_is_asked_for(site, imported, tmp_path):
    import_original(ImportConfig(site, tmp_path / "wide", window=2048))
    dataset = open_dataset(tmp_path / "wide")
    assert (dataset.manifest.imported.window, open_dataset(imported).manifest.imported.window) == (2048, 32)
    widths = []
    for layer, neuron in NEURONS:
        held_against_files(site / "Model" / f"L{layer}" / f"N{neuron}", tmp_path / "wide", layer, neuron)
        for row in dataset.examples(layer, neuron).to_dict("records"):
            assert row["start"] == 0
            assert len(row["tokens"]) == len(dataset.text(row["text"])["input_ids"])
            widths.append(len(row["tokens"]))
    assert max(widths) > 32
    assert list(map(str, verify(tmp_path / "wide"))) == []


def test_figures_are_those_of_the_page(site, imported):
    for layer, neuron in NEURONS:
        folder = site / "Model" / f"L{layer}" / f"N{neuron}"
        html, row = (folder / "vis.html").read_text(), open_dataset(imported).neuron(layer, neuron)
        shares = [float(each) / 100 for each in re.findall(r"Frequency: <b>([0-9.]+)%", html)]
        means = [float(each) for each in re.findall(r"Avg: <b>([-0-9.]+)<", html)]
        for number, case in enumerate(CASE_NAMES):
            assert row[f"{case}_freq"] == pytest.approx(shares[number])
            for place, hook in enumerate(HOOKS):
                assert row[f"{case}_{hook}_mean"] == means[4 * place + number]
            strongest = files_of(folder, case, "hook_post")[0]
            post = max((each[0] for each in strongest["values"]), key=abs)
            stat = "max" if case in ("gate+_in+", "gate-_in-") else "min"
            assert row[f"{case}_hook_post_{stat}"] == pytest.approx(post, rel=1e-6)
        gate = row["gate+_in-_hook_pre_max"]
        assert row["gate+_in-_swish_max"] == pytest.approx(silu(np.float64(gate)), rel=1e-6)


def test_what_the_manifest_says(imported):
    manifest = open_dataset(imported).manifest
    assert manifest.stages == ("imported",)
    assert manifest.imported.source is ImportSource.PAGES
    assert manifest.some_neurons == tuple(NEURONS)
    assert (manifest.neuron_count, manifest.layers) == (3, (3, 20))
    assert (manifest.model.d_mlp, manifest.model.layers, manifest.model.vocab_size) == (11008, 32, None)
    assert manifest.sign_convention is SignConvention.UNKNOWN
    assert any("the import's own" in each for each in manifest.remarks)
    with pytest.raises(NoSuchNeuron):
        open_dataset(imported).neuron(3, 18)


def test_it_verifies_and_wrong_figures_are_named(imported, tmp_path):

    assert list(map(str, verify(imported))) == []

    wrong = [
        ("neurons/neurons_000.parquet", "gate+_in+_freq", lambda old: old + 0.5, "add up to more"),
        ("neurons/neurons_000.parquet", "gate+_in+_hook_post_mean", lambda _: -0.02, "sign"),
        ("neurons/neurons_000.parquet", "gate+_in+_hook_post_mean", lambda _: 999.0, "beyond the extreme"),
        ("neurons/neurons_000.parquet", "gate+_in+_hook_post_max", lambda old: old * 1.1, "does not begin with"),
        ("neurons/neurons_000.parquet", "gate+_in+_hook_post_std", lambda _: 1.0, "does not record"),
        ("examples/layer_003.parquet", "gate+_in+_hook_pre_max_indices", lambda old: [99, *old[1:]], "does not exist"),
        ("windows/layer_003.parquet", "tokens", lambda old: [(old[0] + 1) % 5, *old[1:]], "not those of the text"),
        ("windows/layer_003.parquet", "gate", lambda old: [each * 2 for each in old], "does not follow"),
    ]
    for number, (path, column, change, problem) in enumerate(wrong):
        copy = tmp_path / str(number)
        shutil.copytree(imported, copy)
        rewrite(copy, path, column, 0, change)
        assert any(problem in str(each) for each in verify(copy)), (column, list(map(str, verify(copy))))
    assert list(map(str, verify(imported))) == []
    rounded = tmp_path / "rounded"
    shutil.copytree(imported, rounded)
    largest = open_dataset(imported).neuron(3, 17)["gate+_in+_hook_post_max"]
    rewrite(rounded, "neurons/neurons_000.parquet", "gate+_in+_hook_post_mean", 0, lambda _: largest + 0.009)
    assert list(map(str, verify(rounded))) == []  # within 0.01


def test_the_same_again_is_known_and_other_things_are_refused(site, imported, tmp_path, capsys):
    before = contents(imported)
    import_original(ImportConfig(site, imported))
    assert "complete already" in capsys.readouterr().err
    assert contents(imported) == before
    import_original(ImportConfig(site, tmp_path / "again"))
    assert contents(tmp_path / "again") == before
    with pytest.raises(ResumeRefused):
        import_original(ImportConfig(site, imported, sign_convention="aligned"))
    with pytest.raises(BadSettings, match="apart"):
        weights(WeightsConfig(dataset=imported, model="x"))
    (tmp_path / "else").mkdir()
    with pytest.raises(ImportRefused, match="neither pages"):
        import_original(ImportConfig(tmp_path / "else", tmp_path / "out"))


def change_json(content: dict) -> str:
    content["values"][0][content["labels"].index("swish")] += 0.001
    return json.dumps(content)


DAMAGE = {
    "act that does not follow": (
        "gate-_in-_hook_post_example_1.json",
        lambda t: json.dumps(change_json(json.loads(t))),
    ),
    "JSON that is cut": ("gate+_in+_hook_pre_example_0.json", lambda text: text[: len(text) // 2]),
    "NaN": ("gate+_in+_hook_pre_example_0.json", lambda text: re.sub(r"\[\[[-0-9.e]+", "[[NaN", text)),
    "fewer values": (
        "gate+_in-_hook_post_example_0.json",
        lambda text: text.replace('"tokens": [', '"tokens": ["x", '),
    ),
    "no labels": ("gate+_in-_hook_post_example_0.json", lambda text: text.replace('"swish"', '"swosh"')),
    "another extreme": ("vis.html", lambda text: re.sub(r"Max: <b>[0-9.]+", "Max: <b>77.00", text, count=1)),
    "no frequency": ("vis.html", lambda text: text.replace("Frequency", "Frequence", 1)),
    "too much": ("vis.html", lambda text: re.sub(r"Frequency: <b>[0-9.]+", "Frequency: <b>99.00", text, count=1)),
    "no neuron": ("vis.html", lambda text: text.replace("Neuron Index: <b>", "Neuron Index: <b>x")),
    "beyond the model": ("vis.html", lambda text: text.replace("Layer: <b>3", "Layer: <b>33")),
    "of another model": ("vis.html", lambda text: text.replace("OLMo-7B-0424-hf", "OLMo-1B-hf")),
    "the same twice": ("vis.html", lambda text: text.replace("<b>5000", "<b>17")),
    "an example that is not there": ("vis.html", lambda text: text.replace("hook_pre_example_1", "hook_pre_example_7")),
    "not UTF-8": ("gate+_in+_hook_pre_example_0.json", lambda text: text.replace("once", "\udcff")),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_malformed_pages_are_named_and_skipped(site, tmp_path, capsys, damage):

    shutil.copytree(site, tmp_path / "site")
    broken = tmp_path / "site" / "Model" / "L3" / "N5000"
    name, change = DAMAGE[damage]
    text = (broken / name).read_text(encoding="utf-8")
    changed = change(text)
    assert changed != text
    (broken / name).write_text(changed, encoding="utf-8", errors="surrogateescape")
    assert main(["import", str(tmp_path / "site"), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().err
    assert "N5000/vis.html: skipped: " in told
    assert told.strip().endswith("2 neurons of allenai/OLMo-7B-0424-hf, 1 skipped")
    assert open_dataset(tmp_path / "out").manifest.some_neurons == (NEURONS[0], NEURONS[2])
    assert list(verify(tmp_path / "out")) == []


def test_a_model_that_is_not_known(site, model_folder, tmp_path):

    shutil.copytree(site / "Model" / "L3" / "N17", tmp_path / "site")
    html = tmp_path / "site" / "vis.html"
    html.write_text(html.read_text().replace("allenai/OLMo-7B-0424-hf", "somebody/model"))
    with pytest.raises(ImportRefused, match="--model"):
        import_original(ImportConfig(tmp_path / "site", tmp_path / "out"))
    with pytest.raises(ImportRefused, match="none of its pages"):  # of 3 layers, and the page of layer 3
        import_original(ImportConfig(tmp_path / "site", tmp_path / "out", model=str(model_folder)))
    html.write_text(html.read_text().replace("Layer: <b>3", "Layer: <b>2"))
    import_original(
        ImportConfig(tmp_path / "site", tmp_path / "out", model=str(model_folder), sign_convention="aligned")
    )
    manifest = open_dataset(tmp_path / "out").manifest
    assert (manifest.model.id, manifest.model.d_mlp, manifest.model.d_model) == ("somebody/model", 24, 16)
    assert manifest.sign_convention is SignConvention.ALIGNED


def test_headings_alone_are_no_page(tmp_path):
    (tmp_path / "vis.html").write_text("<h1>Model: <b>m</b></h1><h2>Layer: <b>1</b>. Neuron Index: <b>2</b></h2>")
    with pytest.raises(MalformedPage, match="columns"):
        read_table(tmp_path / "vis.html")
    with pytest.raises(MalformedPage, match="cannot be read"):
        read_table(tmp_path / "absent.html")


def test_weights_are_joined_and_share_a_vocabulary(model_folder, site, tmp_path):
    """Token strings of pages become ids of the model's vocabulary, or new ones after it."""

    shutil.copytree(site / "Model" / "L3" / "N17", tmp_path / "site")
    html = tmp_path / "site" / "vis.html"
    html.write_text(html.read_text().replace("Layer: <b>3", "Layer: <b>2"))
    place = tmp_path / "pages"
    import_original(ImportConfig(tmp_path / "site", place, model=str(model_folder), sign_convention="aligned"))
    weights(WeightsConfig(model=str(model_folder), out=tmp_path / "alone", sign_convention="raw"))
    bare, joined = open_dataset(place), open_dataset(place, weights=tmp_path / "alone")
    assert joined.neuron(2, 17)["cos_gate_in"] >= 0
    for one, other in zip(bare.examples(2, 17)["tokens"], joined.examples(2, 17)["tokens"], strict=True):
        assert [bare.vocab["display"][each] for each in one] == [joined.vocab["display"][each] for each in other]
    text = bare.text(0)["input_ids"], joined.text(0)["input_ids"]
    assert [bare.vocab["display"][each] for each in text[0]] == [joined.vocab["display"][each] for each in text[1]]
    assert len(joined.vocab) > 61
    assert joined.weights(2, 17).tokens["token"].max() < 61


def test_every_page_on_it(imported, monkeypatch):
    monkeypatch.setenv(FOLDERS_VARIABLE, str(imported))
    apps = every_page("3.17")
    assert "3 neurons of 2 layers" in said(apps["overview"])
    examples = html_of(apps["neuron"], "examples")
    assert "&lt;script&gt;" in examples
    assert "<script>" not in examples
    assert "rounded to two decimals" in said(apps["neuron"])
    assert apps["neuron"].button(key="go_Left").disabled
    moved = apps["neuron"].button(key="go_Right").click().run()
    assert moved.query_params["neuron"] == "3.5000"
    moved.button(key="go_Up").click().run()
    assert moved.query_params["neuron"] == "20.4"
    assert "is not here: open one of 3.17" in as_read(opened(neuron="3.18").error[0].value)


def test_the_papers_neuron(archive, tmp_path_factory):
    """Figure 1 of the paper, from the original's own page."""
    out = tmp_path_factory.mktemp("olmo") / "pages"
    assert main(["import", str(archive), "--out", str(out)]) == 0
    dataset = open_dataset(out)
    assert [str(each) for each in dataset.manifest.some_neurons] == [
        "28.4737", "28.9766", "29.4180", "29.10900", "30.10972", "31.9634",
    ]  # fmt: skip
    row = dataset.neuron(31, 9634)
    assert [row[f"{case}_freq"] for case in CASE_NAMES] == pytest.approx([0.1467, 0.6770, 0.0029, 0.1734])
    stats = ("max", "min", "min", "max")
    extremes = [row[f"{case}_hook_post_{stat}"] for case, stat in zip(CASE_NAMES, stats, strict=True)]
    assert [round(each, 2) for each in extremes] == pytest.approx([3.48, -5.12, -0.49, 1.58], abs=0.0051)
    held_against_files(next(archive.rglob("N9634")), out, 31, 9634)
    assert list(map(str, verify(out))) == []
    assert json.loads((out / MANIFEST_NAME).read_text())["stages"] == ["imported"]


def follows_on_every_token(folder: Path) -> int:
    """How many tokens of how many examples were looked at; values beyond 1 are as exact as float32 has them."""
    tokens = 0
    for path in folder.rglob("*_example_*.json"):
        content = json.loads(path.read_text())
        columns = (content["labels"].index(hook) for hook in ("hook_pre", "hook_pre_linear", "swish", "hook_post"))
        gate, linear, act, post = np.array(content["values"]).T[list(columns)]
        np.testing.assert_allclose(act, silu(gate), rtol=1e-5, atol=1e-5, err_msg=path.name)
        np.testing.assert_allclose(post, act * linear, rtol=1e-5, atol=1e-5, err_msg=path.name)
        tokens += len(gate)
    return tokens


def test_act_and_post_follow_on_every_token(site):
    assert follows_on_every_token(site) > 1000


def test_act_and_post_follow_on_every_token_of_the_archive(archive):
    assert follows_on_every_token(archive) > 100_000

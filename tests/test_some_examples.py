"""Datasets with examples of some neurons only: chance keeps to these, and the way to the nearest is told."""

import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from compute.cli import main
from gluscope_core.dataset import open_dataset
from gluscope_core.errors import NotComputed
from gluscope_core.ids import NeuronId
from gluscope_core.joined import JoinedDataset
from gluscope_core.manifest import Manifest
from gluscope_core.neuron_view import NeuronView
from gluscope_core.places import Folder
from gluscope_core.some_examples import nearest_with_examples, random_neuron, some_only
from gluscope_core.vocabulary import Coordinates, SignConvention
from gluscope_core.windows_words import how_to_compute, how_to_compute_lists
from tests.partial import keep_some

KEPT = {(0, 5), (0, 9), (2, 3)}


@pytest.fixture
def folder(finished, tmp_path) -> Path:
    return keep_some(Path(shutil.copytree(finished, tmp_path / "some")), KEPT)


def test_of_which_there_are_examples(folder, finished):
    assert some_only(open_dataset(folder)) == ("windows", 3)
    assert some_only(open_dataset(finished)) is None


def test_lists_of_more_than_there_are_windows_of(finished, tmp_path):
    folder = keep_some(Path(shutil.copytree(finished, tmp_path / "some")), KEPT, ("windows",))
    dataset = open_dataset(keep_some(folder, {*KEPT, (1, 4)}, ("examples",)))
    assert some_only(dataset) == ("windows", 3)
    assert some_only(dataset, lists_first=True) == ("examples", 4)
    assert nearest_with_examples(dataset, NeuronId(1, 7)) == [NeuronId(1, 4)]


def test_what_is_joined_changes_nothing(folder):
    joined = JoinedDataset(open_dataset(folder), None, None)
    assert random_neuron(joined) in KEPT
    assert {tuple(each) for each in nearest_with_examples(joined, NeuronId(0, 1))} == {(0, 5), (0, 9)}


def test_lists_of_all_with_windows_of_some(finished, tmp_path):
    folder = keep_some(Path(shutil.copytree(finished, tmp_path / "some")), KEPT, ("windows",))
    assert some_only(open_dataset(folder)) == ("windows", 3)
    assert random_neuron(open_dataset(folder)) in KEPT


def test_lists_of_some_without_windows(finished, tmp_path):
    folder = keep_some(Path(shutil.copytree(finished, tmp_path / "none")), (), ("windows", "samples"))
    keep_some(folder, KEPT, ("examples",))
    assert some_only(open_dataset(folder)) == ("examples", 3)


def test_chance_keeps_to_neurons_with_examples(folder):
    dataset = open_dataset(folder)
    assert {random_neuron(dataset) for _ in range(60)} == KEPT


def test_chance_goes_on_where_the_table_is_damaged(folder):
    for file in (folder / "windows").iterdir():
        file.write_bytes(b"")
    assert open_dataset(folder).manifest.holds(random_neuron(open_dataset(folder)))


def test_of_all_where_all_have_examples(finished):
    assert len({random_neuron(open_dataset(finished)) for _ in range(60)}) > 20


@pytest.mark.parametrize(
    ("neuron", "nearest"),
    [("0.6", ["0.5", "0.9"]), ("0.23", ["0.9", "0.5"]), ("2.20", ["2.3"]), ("1.4", ["0.5", "0.9"])],
)
def test_the_nearest_are_of_the_layer_or_of_the_nearest_layer(folder, neuron, nearest):
    assert [str(each) for each in nearest_with_examples(open_dataset(folder), NeuronId.parse(neuron))] == nearest


def test_the_error_names_the_command(folder):
    with pytest.raises(NotComputed, match="compute them by `python -m compute run` with `--layers 1`"):
        open_dataset(folder).examples(1, 4)


def test_the_command_computes_them_on_the_datasets_own_texts(folder, finished, model_folder, tmp_path, monkeypatch):
    """As it stands, in the folder where the dashboard runs."""
    monkeypatch.chdir(tmp_path)
    [command] = how_to_compute_lists(view(folder))
    assert command == "python -m compute run --model MODEL --texts some/texts --layers 1 --out DIR"
    words = shlex.split(command.replace("MODEL", shlex.quote(str(model_folder))))[3:]
    main([*words, "--top-k", "4", "--random-k", "3", "--window", "8"])
    computed, whole = (open_dataset(each).examples(1, 4) for each in (tmp_path / "DIR", finished))
    assert computed["text"].tolist() == whole["text"].tolist()
    assert computed["value"].tolist() == pytest.approx(whole["value"].tolist(), rel=1e-3)


def view(folder: Path) -> NeuronView:
    return NeuronView.of(open_dataset(folder), NeuronId(1, 4), SignConvention.ALIGNED)


def changed(folder: Path, **run: object) -> NeuronView:
    dataset = open_dataset(folder)
    assert dataset.manifest.run
    return with_manifest(dataset, replace(dataset.manifest, run=replace(dataset.manifest.run, **run)))


def with_manifest(dataset, manifest: Manifest) -> NeuronView:
    dataset.manifest = manifest
    return NeuronView.of(dataset, NeuronId(1, 4), manifest.sign_convention)


def test_what_decides_which_tokens_count_is_in_the_command(folder):
    settings = {"skip_first": 1, "sign_convention": SignConvention.RAW, "coordinates": Coordinates.EFFECTIVE}
    [command] = how_to_compute_lists(changed(folder, **settings))
    assert "--layers 1 --skip-first 1 --sign-convention raw --coordinates effective --out DIR" in command


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ({"id": "org/model", "revision": "abc"}, "--model org/model --revision abc"),
        ({"id": "org/model", "quantisation": "Q4_1"}, "--model MODEL"),
        ({"id": "a b; rm -r c"}, "--model MODEL"),
    ],
)
def test_the_model_is_named_where_it_is_on_the_hub(folder, model, named):
    dataset = open_dataset(folder)
    there = with_manifest(dataset, replace(dataset.manifest, model=replace(dataset.manifest.model, **model)))
    assert f"{named} " in f"{how_to_compute_lists(there)[0]} "
    assert f"{named} " in f"{how_to_compute(there)[0]} "


def test_texts_are_asked_for_where_the_dataset_has_none(folder):
    dataset = open_dataset(folder)
    files = tuple(file for file in dataset.manifest.files if file.table != "texts")
    without = with_manifest(dataset, replace(dataset.manifest, files=files))
    assert "--texts TEXTS" in how_to_compute_lists(without)[0]
    assert "--texts TEXTS" in how_to_compute(without)[0]
    assert "--texts" not in how_to_compute(view(folder))[0]


def test_a_folder_of_any_name_is_one_word(folder):
    named = folder.rename(folder.parent / "a b; c")
    assert "'a b; c/texts'" in how_to_compute_lists(view(named))[0]


def test_what_is_on_the_hub_is_fetched_first(folder, monkeypatch):
    there = view(folder)
    monkeypatch.setattr("gluscope_core.windows_words.Folder", type("Other", (Folder,), {}))
    fetch, compute = how_to_compute_lists(there)
    assert fetch == "hf download some --repo-type dataset --local-dir some"
    assert "--texts some/texts" in compute

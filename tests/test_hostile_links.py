"""Links that a dataset of somebody brings along: nothing outside of it is written, moved, removed or published."""

import os
import shutil
from pathlib import Path

import pytest

from compute.config import ExamplesConfig, PublishConfig, WeightsConfig
from compute.durable import LOCK_NAME, PROGRESS, commit, complete, locked, write_record, write_whole
from compute.examples import examples
from compute.publish import publish
from compute.weights import weights
from gluscope_core.dataset_card import CARD_NAME, NOTICES_NAME
from gluscope_core.errors import DatasetDamaged
from gluscope_core.manifest import JOURNAL_NAME
from tests.conftest import contents
from tests.hub_standin import TOKEN
from tests.original_files import write_original

SECRET = b"a token of the Hub's"


@pytest.fixture
def outside(tmp_path) -> Path:
    """What must stay as it is."""
    folder = tmp_path / "outside"
    folder.mkdir()
    for name in ("mine", "gone", "gluscope.json"):
        (folder / name).write_bytes(SECRET)
    return folder


@pytest.fixture
def folder(with_weights, tmp_path, outside) -> Path:  # noqa: ARG001
    """A dataset of somebody, where other folders of this machine are easily named."""
    shutil.copytree(with_weights, tmp_path / "dataset")
    return tmp_path / "dataset"


def with_journal(folder: Path, staged: str, names: list[str], obsolete: list[str]) -> None:
    write_record(folder / JOURNAL_NAME, {"staged": staged, "names": names, "obsolete": obsolete})


def test_a_journal_through_links_moves_and_removes_nothing_outside(folder, outside):
    (folder / PROGRESS / "staged" / "link").mkdir(parents=True)
    (folder / PROGRESS / "staged" / "link" / "mine").write_text("theirs")
    (folder / "link").symlink_to("../outside")
    for names, obsolete in ((["link/mine"], []), ([], ["link/gone"])):
        with_journal(folder, f"{PROGRESS}/staged", names, obsolete)
        with pytest.raises(DatasetDamaged, match="leads out of the dataset: put"):
            complete(folder)
    assert set(contents(outside).values()) == {SECRET}
    assert len(contents(outside)) == 3


@pytest.mark.parametrize("link", ["progress", "progress/staged", "progress/staged/part"])
def test_a_journal_takes_nothing_from_outside(folder, outside, link):
    (outside / "staged").mkdir()
    (outside / "staged" / "part").mkdir()
    names = {"progress": "staged/mine", "progress/staged": "mine", "progress/staged/part": "part/mine"}
    shutil.copyfile(outside / "mine", outside / "staged" / "mine")
    shutil.copyfile(outside / "mine", outside / "staged" / "part" / "mine")
    (folder / link).parent.mkdir(parents=True, exist_ok=True)
    (folder / link).symlink_to(outside)
    with_journal(folder, "progress/staged", [names[link].removeprefix("staged/")], [])
    before = contents(outside)
    with pytest.raises(DatasetDamaged, match="leads out of the dataset: put"):
        complete(folder)
    assert contents(outside) == before


@pytest.mark.parametrize("staged", [".", "", "neurons", "progress", "progress/.", "./", "progress/../neurons", "/"])
def test_a_journal_that_would_empty_the_dataset(folder, staged):
    before = contents(folder)
    with_journal(folder, staged, [], [])
    with pytest.raises(DatasetDamaged, match="outside of the dataset"):
        complete(folder)
    (folder / JOURNAL_NAME).unlink()
    assert contents(folder) == before


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
def test_a_journal_that_has_no_end(folder, make):
    make(folder / JOURNAL_NAME)
    with pytest.raises(DatasetDamaged, match="is no file: fetch"):
        complete(folder)


def test_a_journal_larger_than_any(folder):
    with (folder / JOURNAL_NAME).open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(DatasetDamaged, match="is larger than"):
        complete(folder)


def test_nothing_is_committed_through_links(folder, outside):
    staged = folder / PROGRESS / "staged"
    (staged / "link").mkdir(parents=True)
    (staged / "link" / "mine").write_text("ours")
    (folder / "link").symlink_to(outside)
    with pytest.raises(DatasetDamaged, match="leads out of the dataset: put"):
        commit(folder, staged, ["link/mine"])
    assert not (folder / JOURNAL_NAME).exists()
    assert (outside / "mine").read_bytes() == SECRET


def test_links_within_the_dataset_are_followed(folder):
    """The control."""
    (folder / "neurons").rename(folder / "elsewhere")
    (folder / "neurons").symlink_to("elsewhere")
    staged = folder / PROGRESS / "staged"
    (staged / "neurons").mkdir(parents=True)
    (staged / "neurons" / "new").write_text("ours")
    commit(folder, staged, ["neurons/new"], ["neurons/neurons_000.parquet"])
    assert [path.name for path in (folder / "elsewhere").iterdir()] == ["new"]


def test_a_link_in_place_of_what_is_written_aside(tmp_path, outside):
    (tmp_path / ".gluscope.file.new").symlink_to(outside / "mine")
    write_whole(tmp_path / "file", b"ours")
    assert (tmp_path / "file").read_bytes() == b"ours"
    assert not (tmp_path / "file").is_symlink()
    assert (outside / "mine").read_bytes() == SECRET


@pytest.mark.parametrize("link", [LOCK_NAME, PROGRESS, f"{PROGRESS}/weights", f"{PROGRESS}/weights/begun.json"])
def test_no_stage_works_through_links(folder, outside, link):
    (folder / link).parent.mkdir(parents=True, exist_ok=True)
    (folder / link).symlink_to(outside / "new" if link == LOCK_NAME else outside)
    before = contents(outside)
    with pytest.raises(DatasetDamaged, match="is a link, which no stage leaves there: remove it"), locked(folder):
        pass
    with pytest.raises(DatasetDamaged, match="is a link"):
        weights(WeightsConfig(dataset=folder, model="nothing"))
    assert contents(outside) == before
    (folder / link).unlink()
    with locked(folder):
        pass


def test_windows_are_not_added_through_a_link(finished, tmp_path, outside):
    theirs = write_original(finished, tmp_path / "theirs", 4)
    (theirs / "examples").symlink_to(outside)
    with pytest.raises(DatasetDamaged, match="is a link"):
        examples(ExamplesConfig(theirs, ("1.3",), model="nothing"))
    assert len(contents(outside)) == 3


@pytest.mark.parametrize("name", [NOTICES_NAME, CARD_NAME])
def test_no_file_of_this_machine_is_published(hub, folder, outside, monkeypatch, name):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(outside / "mine")
    with pytest.raises(DatasetDamaged, match="leads out of the dataset's folder: put"):
        publish(PublishConfig(folder, "someone/tiny"))
    assert not any(each.method in ("PUT", "POST") for each in hub.asked)


def test_notices_without_end_are_not_published(hub, folder, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with (folder / NOTICES_NAME).open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(DatasetDamaged, match=r"larger than .*; nothing was sent: shorten"):
        publish(PublishConfig(folder, "someone/tiny"))
    assert not any(each.method in ("PUT", "POST") for each in hub.asked)

"""Publishing: data first, manifest and card last, once each, whatever fails on the way."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from huggingface_hub import DatasetCard

import compute.publish
from compute.card import card, completed
from compute.config import PublishConfig, WeightsConfig
from compute.publish import publish
from compute.weights import weights
from gluscope_core import open_dataset
from gluscope_core.dataset_card import CARD_NAME, NOTICES_NAME
from gluscope_core.errors import BadSettings, DatasetDamaged, DatasetNotFound, HubRefused, HubUnreachable
from gluscope_core.manifest import MANIFEST_NAME, read_manifest
from gluscope_core.schema import TABLES
from tests.hub_standin import TOKEN, Fault, Hub, environment
from tests.original_files import write_original

ID = "someone/tiny"


@pytest.fixture
def folder(with_weights, tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    shutil.copytree(with_weights, tmp_path / "dataset")
    (tmp_path / "dataset" / NOTICES_NAME).write_text("Licences, word for word.")
    return tmp_path / "dataset"


@pytest.fixture
def in_small_commits(monkeypatch):
    monkeypatch.setattr(compute.publish, "FILES_AT_ONCE", 4)


def stored(hub: Hub) -> list[str]:
    return [each.path for each in hub.asked if each.method == "PUT"]


def commits(hub: Hub) -> int:
    return len([each for each in hub.asked if "/commit/" in each.path])


def test_a_card_that_is_not_utf8_is_said_before_anything_is_sent(hub, folder):
    (folder / CARD_NAME).write_bytes("naïve".encode("latin-1"))
    with pytest.raises(DatasetDamaged, match=r"README.md is not UTF-8 \(.* at byte 2\); nothing was sent: save it as"):
        publish(PublishConfig(folder, ID))
    assert not stored(hub)
    assert not commits(hub)


def test_what_is_published_is_what_lies_here(hub, folder):
    publish(PublishConfig(folder, ID))
    there = hub.tree(ID)
    for path in (record.path for record in read_manifest(folder).files):
        assert there[path].part(0, there[path].size) == (folder / path).read_bytes()
    assert there[MANIFEST_NAME].content == (folder / MANIFEST_NAME).read_bytes()
    assert there[NOTICES_NAME].content == b"Licences, word for word."
    assert set(there) == {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    pd.testing.assert_frame_equal(open_dataset(ID).examples(2, 5), open_dataset(folder).examples(2, 5))


def test_once_is_enough(hub, folder, capsys):
    publish(PublishConfig(folder, ID))
    hub.forget()
    publish(PublishConfig(folder, ID))
    assert [each.method for each in hub.asked] == ["GET"]
    assert "nothing is missing" in capsys.readouterr().err


@pytest.mark.usefixtures("in_small_commits")
def test_the_manifest_and_the_card_come_last(hub, folder):
    publish(PublishConfig(folder, ID))
    *before, last = list(hub.repos[ID].commits.values())[1:]
    assert len(before) > 2
    assert not any(path in tree for tree in before for path in (MANIFEST_NAME, CARD_NAME, NOTICES_NAME))
    assert {MANIFEST_NAME, CARD_NAME, NOTICES_NAME} <= set(last)


@pytest.mark.usefixtures("in_small_commits")
@pytest.mark.parametrize("failing", range(6))
def test_cut_off_at_any_commit_it_sends_the_rest(hub, folder, failing):
    files = len(read_manifest(folder).files)
    hub.faults.append(Fault("POST", "/commit/", 503, after=failing))
    if failing < -(-files // 4):
        with pytest.raises(HubUnreachable, match=r"503.*repeat the command"):
            publish(PublishConfig(folder, ID))
        with pytest.raises(DatasetNotFound, match="comes last"):
            open_dataset(ID)
        assert len(hub.tree(ID)) == failing * 4
    publish(PublishConfig(folder, ID))
    assert len(stored(hub)) == len(set(stored(hub))) == files  # nothing was sent twice
    pd.testing.assert_frame_equal(open_dataset(ID).neurons(), open_dataset(folder).neurons())


@pytest.mark.usefixtures("in_small_commits")
def test_cut_off_while_a_file_is_sent(hub, folder):
    hub.faults.append(Fault("PUT", "/store/", 400, after=5))
    with pytest.raises(HubUnreachable, match="Repeat the command"):
        publish(PublishConfig(folder, ID))
    publish(PublishConfig(folder, ID))
    assert len(open_dataset(ID).neurons()) == 72


def changed(folder: Path, model_folder: Path) -> None:
    """Without lists of tokens: one other file, and some fewer."""
    weights(WeightsConfig(dataset=folder, model=str(model_folder), parts=()))


def test_an_update_removes_what_is_no_longer_named(hub, folder, model_folder):
    publish(PublishConfig(folder, ID))
    before = open_dataset(ID)
    wanted = before.token_neurons(3)
    hub.change(ID, "mine.txt", b"of somebody")
    hub.forget()
    changed(folder, model_folder)
    publish(PublishConfig(folder, ID))
    there = hub.tree(ID)
    assert not any(path.startswith("tokens") for path in there)
    assert "mine.txt" in there
    assert commits(hub) == 1  # in which one version follows the other
    assert len(stored(hub)) < 4
    pd.testing.assert_frame_equal(open_dataset(ID, before.revision).token_neurons(3), wanted)
    assert not open_dataset(ID).has("tokens")


def test_between_the_commits_of_an_update_nobody_reads_a_mixture(hub, folder, model_folder, monkeypatch):
    publish(PublishConfig(folder, ID))
    changed(folder, model_folder)
    hub.change(ID, "windows/layer_000.parquet", b"something else")
    monkeypatch.setattr(compute.publish, "FILES_AT_ONCE", 1)
    hub.faults.append(Fault("POST", "/commit/", 503, after=1))
    with pytest.raises(HubUnreachable):
        publish(PublishConfig(folder, ID))
    with pytest.raises(DatasetNotFound, match="comes last"):
        open_dataset(ID)
    publish(PublishConfig(folder, ID))
    pd.testing.assert_frame_equal(open_dataset(ID).neurons(), open_dataset(folder).neurons())


def test_what_is_damaged_here_is_not_sent(hub, folder):
    path = folder / "windows" / "layer_001.parquet"
    content = bytearray(path.read_bytes())
    content[500] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatasetDamaged, match=r"layer_001.*nothing was sent"):
        publish(PublishConfig(folder, ID))
    assert ID not in hub.repos


def test_a_dry_run_changes_nothing(hub, folder, capsys):
    publish(PublishConfig(folder, ID, dry_run=True))
    assert ID not in hub.repos
    assert {each.method for each in hub.asked} == {"GET"}
    said = capsys.readouterr().err
    assert "to be made" in said
    assert "MB" in said


@pytest.mark.parametrize("dry_run", [False, True])
def test_private_is_refused_where_all_can_see_it(hub, folder, dry_run):
    publish(PublishConfig(folder, ID))
    (folder / CARD_NAME).write_text("---\n---\nnot for everybody")
    hub.forget()
    with pytest.raises(HubRefused, match=rf"public: --private makes only new ones.*/datasets/{ID}/settings"):
        publish(PublishConfig(folder, ID, private=True, dry_run=dry_run))
    assert {each.method for each in hub.asked} == {"GET"}
    hub.repos[ID].private = True
    publish(PublishConfig(folder, ID, private=True))
    assert b"not for everybody" in hub.tree(ID)[CARD_NAME].content


def test_the_models_licence_can_be_given(hub, folder):
    publish(PublishConfig(folder, ID, model_licence="Model License 1.0"))
    assert b"of the model: Model License 1.0" in hub.tree(ID)[CARD_NAME].content


def test_private_and_branch(hub, folder):
    publish(PublishConfig(folder, ID, private=True, branch="second"))
    assert hub.repos[ID].private
    assert hub.tree(ID) == {}
    assert open_dataset(ID, "second").revision == hub.repos[ID].branches["second"]


def test_without_a_token_or_with_a_wrong_one(hub, folder, monkeypatch):
    for set_token in (
        lambda: monkeypatch.delenv("HF_TOKEN"),
        lambda: monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else"),
    ):
        set_token()
        with pytest.raises(HubRefused, match="hf auth login"):
            publish(PublishConfig(folder, ID))
    assert not hub.repos


def test_the_token_stays_out(hub, folder):
    command = [sys.executable, "-m", "compute", "publish", str(folder), ID]
    done = subprocess.run(
        command,
        env={"HF_TOKEN": TOKEN, "PATH": "", **environment(hub, folder.parent / "hf")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Published" in done.stderr
    assert TOKEN not in done.stdout + done.stderr
    assert not any(TOKEN.encode() in each.part(0, each.size) for each in hub.tree(ID).values())


def test_every_config_loads(hub, folder):
    publish(PublishConfig(folder, ID))
    revision = open_dataset(ID).revision
    tables = [name for name in TABLES if open_dataset(folder).has(name)]
    script = (
        f"import datasets\nfor name in {tables}:\n"
        f"    print(name, len(datasets.load_dataset({ID!r}, name, revision={revision!r})['train']))\n"
        f"print('default', len(datasets.load_dataset({ID!r})['train']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": "", **environment(hub, folder.parent / "hf")},
        capture_output=True,
        text=True,
        check=True,
        cwd=folder.parent,
    )
    rows = dict(line.split() for line in done.stdout.splitlines())
    manifest = read_manifest(folder)
    wanted = {name: sum(record.rows for record in manifest.files_of(name)) for name in tables}
    assert rows == {name: str(count) for name, count in (wanted | {"default": wanted["neurons"]}).items()}


class TestCard:
    def test_metadata(self, folder):
        data = DatasetCard(card(read_manifest(folder))).data
        assert data.license == "unknown"
        assert data.size_categories == ["n<1K"]
        assert [each["config_name"] for each in data.configs if each.get("default")] == ["neurons"]

    def test_completed(self, folder):
        own = (folder / CARD_NAME).read_text().replace("license: unknown", "license: cc0-1.0\nlanguage: eo")
        text = completed(f"{own}\n## Ours\n", read_manifest(folder), ID, "apache-2.0")
        data = DatasetCard(text).data
        assert (data.license, data.language) == ("cc0-1.0", "eo")
        assert "of the model: apache-2.0" in text
        assert "## Ours" in text
        assert "path/of" not in text
        assert re.findall(r'(?:load|open)_dataset\("([^"]+)"', text) == [ID] * 3

    def test_completing_twice_changes_nothing(self, folder):
        manifest = read_manifest(folder)
        once = completed(card(manifest), manifest, ID, None)
        assert completed(once, manifest, ID, None) == once


def test_only_datasets_of_ours_are_published(hub, finished, tmp_path):
    for folder in (tmp_path / "nowhere", write_original(finished, tmp_path / "theirs", 4)):
        with pytest.raises(DatasetNotFound, match=folder.name):
            publish(PublishConfig(folder, ID))
    assert not hub.asked


def test_an_id_without_a_user_is_refused(folder):
    with pytest.raises(BadSettings, match="user/name"):
        PublishConfig(folder, "tiny")

"""Reading from the Hub: a revision once found stays, every part is fetched once, every fault is named."""

import errno
import shutil
from pathlib import Path

import pandas as pd
import pytest
from huggingface_hub import constants

from gluscope_core import open_dataset
from gluscope_core.errors import (
    CacheUnusable,
    DatasetDamaged,
    DatasetNotFound,
    HubRefused,
    HubUnreachable,
    NoSuchNeuron,
    NoSuchRevision,
)
from gluscope_core.hub import HubRevision
from gluscope_core.hub_patience import TRIES
from gluscope_core.manifest import MANIFEST_NAME
from gluscope_core.schema import NEURONS_TABLE
from tests.hub_standin import TOKEN, Fault, Hub

ID = "someone/tiny"
WINDOWS = "windows/layer_001.parquet"


@pytest.fixture
def published(hub: Hub, with_weights: Path) -> str:
    return hub.add(ID, with_weights)


def test_reads_what_the_folder_holds(published, with_weights):
    there, here = open_dataset(ID), open_dataset(with_weights)
    assert there.revision == published
    assert published in repr(there)
    pd.testing.assert_frame_equal(there.neurons(), here.neurons())
    for neuron in [(0, 0), (1, 7), (2, 23)]:
        pd.testing.assert_frame_equal(there.examples(*neuron), here.examples(*neuron))
        pd.testing.assert_frame_equal(there.samples(*neuron), here.samples(*neuron))
        assert there.neuron(*neuron) == here.neuron(*neuron)
        assert repr(there.weights(*neuron)) == repr(here.weights(*neuron))
    pd.testing.assert_frame_equal(there.token_neurons(3), here.token_neurons(3))
    assert there.text(4) == here.text(4)
    pd.testing.assert_frame_equal(there.vocab, here.vocab)
    with pytest.raises(NoSuchNeuron):
        there.examples(3, 0)


@pytest.mark.usefixtures("published")
def test_one_request_for_a_neuron_once_the_footer_is_known(hub):
    dataset = open_dataset(ID)
    dataset.examples(1, 0)
    hub.forget()
    dataset.examples(1, 9)
    dataset.examples(1, 11)  # in the same group
    assert [each.path.split("/")[1] for each in hub.asked] == ["signed"]
    assert all(each.range for each in hub.asked)


@pytest.mark.usefixtures("published")
def test_footers_are_kept_on_disk(hub):
    open_dataset(ID).examples(1, 0)
    hub.forget()
    open_dataset(ID).examples(1, 0)
    assert [each.method for each in hub.asked if "resolve" in each.path] == ["HEAD", "GET"]  # the branch, one range
    assert len([each for each in hub.asked if "signed" in each.path]) == 1


@pytest.mark.usefixtures("published")
def test_statistics_come_once_and_whole(hub):
    open_dataset(ID).neurons()
    hub.forget()
    for _ in range(2):
        open_dataset(ID).neurons(["layer"])
    assert [each.method for each in hub.asked] == ["HEAD", "HEAD"]


def test_the_token_goes_to_the_hub_alone(hub, with_weights, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.add(ID, with_weights, private=True)
    open_dataset(ID).examples(1, 0)
    assert {each.with_token for each in hub.asked if "resolve" in each.path} == {True}
    assert {each.with_token for each in hub.asked if "signed" in each.path} == {False}


def test_a_second_commit_changes_nothing_that_is_open_or_pinned(hub, published, with_weights, tmp_path):
    dataset = open_dataset(ID)
    before = dataset.examples(1, 3)
    shutil.copytree(with_weights, tmp_path / "other")
    (tmp_path / "other" / "windows" / "layer_001.parquet").write_bytes(b"another")
    later = hub.add(ID, tmp_path / "other")
    assert later != published
    fresh = open_dataset(ID, revision=published)
    pd.testing.assert_frame_equal(fresh.examples(1, 3), before)
    dataset.examples(1, 8)
    assert open_dataset(ID).revision == later


def test_an_expired_address_is_asked_for_again(hub, published):
    dataset = open_dataset(ID, published)
    dataset.examples(1, 0)
    hub.generation += 1
    hub.forget()
    assert len(dataset.examples(1, 9))
    assert [each.path.split("/")[1] for each in hub.asked] == ["signed", "datasets", "signed"]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", "/signed/", 429, {"Retry-After": "0"}, times=2),
        Fault("GET", "/signed/", 429, {"RateLimit": '"resolvers";r=0;t=0'}),
        Fault("GET", "/resolve/.*windows", 503, times=3),
        Fault("GET", "/signed/", cut=True, times=2),
    ],
    ids=["429", "rate limit", "503", "cut"],
)
def test_what_passes_is_tried_again(hub, published, with_weights, fault):
    dataset = open_dataset(ID, published)
    hub.faults.append(fault)
    pd.testing.assert_frame_equal(dataset.examples(1, 5), open_dataset(with_weights).examples(1, 5))
    assert fault.times == 0


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault("GET", "/signed/", 503, times=99), "503"),
        (Fault("GET", "/signed/", 429, {"Retry-After": "300"}, times=99), "wait for 300 seconds"),
        (Fault("GET", "/signed/", cut=True, times=99), "cuts the connection"),
        (Fault("GET", "/signed/", 403, times=99), "refuses the addresses"),
    ],
)
def test_what_does_not_pass_is_named(hub, published, fault, message):
    dataset = open_dataset(ID, published)
    hub.faults.append(fault)
    with pytest.raises(HubUnreachable, match=message):
        dataset.examples(1, 5)
    hub.faults.clear()
    assert len(dataset.examples(1, 5))


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", "/signed/", 429, {"Retry-After": "0"}, times=2),
        Fault("GET", "/signed/", 503, times=3),
        Fault("GET", "/signed/", cut=True),
        Fault("GET", "/signed/", 200, times=2),
    ],
    ids=["429", "503", "cut", "truncated"],
)
def test_a_file_that_comes_whole_is_tried_again(hub, with_weights, fault):
    dataset = open_dataset(ID)
    [coming] = dataset.to_fetch(NEURONS_TABLE.name)
    hub.faults.append(fault)
    coming.fetch()
    assert fault.times == 0
    pd.testing.assert_frame_equal(dataset.neurons(), open_dataset(with_weights).neurons())


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (Fault("GET", "/signed/", 503, times=99), HubUnreachable, r"status 503 for neurons/.*: try again later"),
        (Fault("GET", "/signed/", 200, times=99), HubUnreachable, r"sends less than it says"),
        (Fault("GET", "/signed/", 403, times=99), HubRefused, r"hf auth login"),
    ],
    ids=["503", "truncated", "403"],
)
def test_a_file_that_does_not_come_whole_is_named(hub, fault, error, message):
    [coming] = open_dataset(ID).to_fetch(NEURONS_TABLE.name)
    hub.faults.append(fault)
    with pytest.raises(error, match=message):
        coming.fetch()
    hub.faults.clear()
    coming.fetch()


@pytest.mark.parametrize(
    ("said", "error", "message", "tries"),
    [
        ("Data processing error: CAS service error : (503 Service Unavailable)", HubUnreachable, "503", TRIES),
        ("Runtime shut down", HubUnreachable, "fails", TRIES),
        ("Authentication error: (403 Forbidden)", HubRefused, "hf auth login", 1),
    ],
)
def test_what_xet_says_is_tried_again_or_named(published, monkeypatch, said, error, message, tries):
    """Its client raises RuntimeError for all that goes wrong."""
    asked = []

    def fails(*named: object, **_: object) -> None:
        asked.append(named)
        raise RuntimeError(said)

    monkeypatch.setattr("gluscope_core.hub.hf_hub_download", fails)
    with pytest.raises(error, match=message):
        HubRevision(ID, published).whole(MANIFEST_NAME)
    assert len(asked) == tries


@pytest.mark.usefixtures("published")
def test_what_is_not_there():
    with pytest.raises(DatasetNotFound, match=r"someone/else.*HF_TOKEN"):
        open_dataset("someone/else")
    for revision in ("v9", "f" * 40):
        with pytest.raises(NoSuchRevision, match=revision):
            open_dataset(ID, revision)


def test_private_and_gated(hub, with_weights):
    hub.add("someone/private", with_weights, private=True)
    hub.add("someone/gated", with_weights, gated=True)
    with pytest.raises(DatasetNotFound, match="private"):
        open_dataset("someone/private")
    with pytest.raises(HubRefused, match="conditions"):
        open_dataset("someone/gated")


@pytest.mark.usefixtures("published")
def test_a_missing_file(hub):
    dataset = open_dataset(ID, hub.change(ID, WINDOWS, None))
    with pytest.raises(DatasetDamaged, match=r"layer_001\.parquet is missing.*publish"):
        dataset.examples(1, 0)
    assert len(dataset.examples(0, 0))
    dataset = open_dataset(ID, hub.change(ID, "neurons/neurons_000.parquet", None))
    with pytest.raises(DatasetDamaged, match=r"neurons_000.* is missing"):
        dataset.neurons()


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("left", [0, 10, 5000, -30])
def test_a_truncated_file(hub, with_weights, left):
    dataset = open_dataset(ID, hub.change(ID, WINDOWS, (with_weights / WINDOWS).read_bytes()[:left]))
    with pytest.raises(DatasetDamaged, match=r"layer_001\.parquet"):
        dataset.examples(1, 0)


@pytest.mark.usefixtures("published")
def test_a_damaged_page(hub, with_weights):
    content = bytearray((with_weights / WINDOWS).read_bytes())
    content[2000] ^= 4
    dataset = open_dataset(ID, hub.change(ID, WINDOWS, bytes(content)))
    with pytest.raises(DatasetDamaged, match=r"layer_001\.parquet cannot be read"):
        [dataset.examples(1, neuron) for neuron in range(24)]


@pytest.mark.usefixtures("published")
def test_without_a_manifest_or_with_a_damaged_one(hub):
    with pytest.raises(DatasetNotFound, match="comes last while one is published"):
        open_dataset(ID, hub.change(ID, MANIFEST_NAME, None))
    with pytest.raises(DatasetDamaged, match="not a manifest"):
        open_dataset(ID, hub.change(ID, MANIFEST_NAME, b"{}"))


def test_offline(published, monkeypatch):
    dataset = open_dataset(ID)
    dataset.neurons()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for again in (open_dataset(ID), open_dataset(ID, published)):
        assert again.revision == published
        assert len(again.neurons())
        with pytest.raises(HubUnreachable, match="HF_HUB_OFFLINE"):
            again.examples(1, 0)
    with pytest.raises(HubUnreachable, match="HF_HUB_OFFLINE"):
        open_dataset("someone/else")


def test_no_answer(published, monkeypatch):
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:9/{repo_id}/{revision}/{filename}")
    monkeypatch.setattr("huggingface_hub.file_download._ETAG_RETRY_TIMEOUT", 0.1)
    with pytest.raises(HubUnreachable, match="does not answer"):
        open_dataset(ID, published)


def test_no_answer_where_the_client_has_no_error_of_its_own(published, monkeypatch):
    assert published
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubUnreachable, match="does not answer"):
        HubRevision(ID, published).files()


def test_a_disk_that_takes_nothing_is_no_fault_of_the_hub(published, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gluscope_core.hub.hf_hub_download", full)
    with pytest.raises(CacheUnusable, match=r"No space left.*HF_HOME"):
        HubRevision(ID, published).whole(MANIFEST_NAME)


def test_a_server_without_ranges_sends_whole_files(hub, published, with_weights):
    hub.faults.append(Fault("GET", "/signed/", 200))
    dataset = open_dataset(ID, published)
    pd.testing.assert_frame_equal(dataset.examples(1, 5), open_dataset(with_weights).examples(1, 5))


def test_a_folder_goes_before_the_hub(finished, tmp_path, monkeypatch):
    shutil.copytree(finished, tmp_path / "someone" / "tiny")
    monkeypatch.chdir(tmp_path)
    assert open_dataset(ID).revision is None
    with pytest.raises(NoSuchRevision, match="local folder"):
        open_dataset(ID, "main")

"""A token in the environment goes to the Hub and nowhere else: not into what is said, written, published or shown."""

import logging
import shutil
from pathlib import Path

import pytest

from compute.cli import main
from gluscope_core import open_dataset
from gluscope_core.errors import GluscopeError
from gluscope_core.manifest import MANIFEST_NAME
from tests.conftest import contents
from tests.hub_standin import TOKEN, Fault, Hub
from tests.stages import write_source
from tests.test_texts_stage import model as letters  # noqa: F401

ID = "someone/tiny"
FAULTS = [
    None,
    Fault("POST", "/commit/", 403, times=99),
    Fault("POST", "/commit/", 500, times=99),
    Fault("POST", "/commit/", cut=True, times=99),
    Fault("PUT", "/store/", 400, times=99),
    Fault("POST", "/preupload/", 401, times=99),
    Fault("GET", "/tree/", 429, {"Retry-After": "0"}, times=99),
]


@pytest.fixture(autouse=True)
def _token(hub, monkeypatch):
    assert hub
    monkeypatch.setenv("HF_TOKEN", TOKEN)


def assert_kept(*said: str) -> None:
    assert not any(TOKEN in each for each in said)


@pytest.mark.parametrize(
    "fault", FAULTS, ids=lambda fault: "none" if fault is None else f"{fault.pattern}{fault.status}"
)
def test_publishing(hub: Hub, with_weights, tmp_path, capfd, caplog, fault):
    folder = tmp_path / "dataset"
    shutil.copytree(with_weights, folder)
    caplog.set_level(logging.DEBUG)
    hub.faults += [fault] if fault else []
    assert main(["publish", str(folder), ID]) == (2 if fault else 0)
    assert {each.with_token for each in hub.asked if each.method == "POST"} <= {True}
    assert_kept(*capfd.readouterr(), caplog.text)
    assert not any(TOKEN.encode() in content for content in contents(folder).values())
    there = hub.tree(ID).values() if ID in hub.repos else ()
    assert not any(TOKEN.encode() in each.part(0, each.size) for each in there)


@pytest.mark.parametrize("pattern", ["/resolve/.*gluscope", "/resolve/.*neurons", "/signed/"])
@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_reading(hub: Hub, with_weights, caplog, capfd, pattern, status):
    caplog.set_level(logging.DEBUG)
    hub.add(ID, with_weights, private=True)
    said = [repr(open_dataset(ID)), open_dataset(ID).place.locate(MANIFEST_NAME)]
    hub.faults += [Fault(method, pattern, status, times=99) for method in ("GET", "HEAD")]
    try:
        dataset = open_dataset(ID)
        dataset.neurons()
        dataset.examples(1, 0)
    except GluscopeError as error:
        said += [str(each) for each in chain_of(error)]
    assert_kept(*said, caplog.text, *capfd.readouterr())


def test_computing(with_weights, config, letters, tmp_path, capfd, caplog, monkeypatch):  # noqa: F811
    """Every stage that writes, with all of the environment at hand for what it records of that."""
    for name in ("HUGGING_FACE_HUB_TOKEN", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, TOKEN)
    caplog.set_level(logging.DEBUG)
    write_source(tmp_path / "source.jsonl")
    at = {name: str(tmp_path / name) for name in ("source.jsonl", "texts", "dataset", "page.html", "site")}
    shutil.copytree(with_weights, tmp_path / "whole")
    small = ["--top-k", "2", "--random-k", "1", "--window", "4", "--samples", "8"]
    for command in (
        ["texts", at["source.jsonl"], "--model", letters, "--out", at["texts"], "--tokens", "1500"],
        ["run", "--model", letters, "--texts", at["texts"], "--out", at["dataset"], *small],
        ["weights", "--dataset", at["dataset"], "--model", letters],
        ["page", at["dataset"], "0.3", "--out", at["page.html"]],
        ["site", at["dataset"], "--neurons", "0.3", "1.4", "--out", at["site"]],
        ["verify", at["dataset"]],
        ["run", "--model", "someone/nothing", "--texts", str(config.texts), "--out", str(tmp_path / "refused")],
    ):
        assert main(command) == (2 if "someone/nothing" in command else 0)
    assert_kept(*capfd.readouterr(), caplog.text)
    written = contents(tmp_path)
    assert {"texts/texts.json", "dataset/gluscope.json", "page.html", "site/index.html"} <= set(written)
    assert not any(TOKEN.encode() in content for content in written.values())


def chain_of(error: BaseException | None) -> list[BaseException]:
    """With what it was raised from: a traceback shows all."""
    return [] if error is None else [error, *chain_of(error.__cause__ or error.__context__)]


def test_what_is_kept_on_disk(hub: Hub, with_weights, tmp_path):
    hub.add(ID, with_weights, private=True)
    open_dataset(ID).neurons()
    open_dataset(ID).examples(1, 0)
    kept = {path: path.read_bytes() for path in Path(tmp_path / "hf").rglob("*") if path.is_file()}
    assert kept
    assert not any(TOKEN.encode() in content for content in kept.values())

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
from tests.test_texts_stage import DOCUMENTS, jsonl, model  # noqa: F401

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


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("stage", ["texts", "run", "weights", "page", "site"])
def test_computing(stage, with_weights, finished, model, model_folder, texts_file, tmp_path, capfd, caplog):  # noqa: F811
    """What other stages say and write, where they come to their end and where they are refused."""
    caplog.set_level(logging.DEBUG)
    out, source = tmp_path / "out", tmp_path / "source.jsonl"
    source.write_bytes(jsonl(DOCUMENTS))
    shutil.copytree(finished, tmp_path / "dataset")
    commands = {
        "texts": [str(source), "--model", model, "--tokens", "500", "--out", str(out)],
        "run": ["--model", str(model_folder), "--texts", str(texts_file), "--top-k", "2", "--out", str(out)],
        "weights": ["--model", str(model_folder), "--dataset", str(tmp_path / "dataset")],
        "page": [str(with_weights), "1.3", "--out", str(out / "page.html")],
        "site": [str(with_weights), "--neurons", "1.3", "1.4", "--out", str(out)],
    }
    assert main([stage, *commands[stage]]) == 0
    refused = {"texts": "--source-revision", "run": "--revision", "weights": "--revision"}
    wrong = [refused[stage], "no-such"] if stage in refused else ["--sign-convention", "raw"]
    main([stage, *commands[stage], *wrong])
    assert_kept(*capfd.readouterr(), caplog.text)
    written = contents(tmp_path)
    assert written
    assert not any(TOKEN.encode() in content for content in written.values())

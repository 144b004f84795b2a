"""What deployments rely on: the container copies what is there, requirements are pinned, hashed and light."""

import re
import sys
from pathlib import Path

import pytest

from gluscope_core.discover import FOLDERS_VARIABLE
from tests import audit
from tests.deployed import problems_of
from tests.floors import floors
from tests.hub_standin import Hub

ROOT = Path(__file__).parent.parent
REQUIREMENTS = (ROOT / "requirements.txt").read_text()
HEAVY = {"torch", "transformers", "datasets", "gguf", "tyro", "pytest", "playwright", "jaxtyping"}


def test_the_container_copies_what_is_there_and_is_let_through():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [name for line in lines if line.startswith("COPY") for name in line.split()[1:-1] if name[0] != "-"]
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert len(copied) >= 6
    for name in copied:
        assert (ROOT / name).exists(), name
        assert any(path == name or path.startswith(f"{name}/") for path in allowed), name


def test_every_package_is_pinned_and_hashed():
    packages = re.findall(r"^([a-zA-Z0-9_.-]+)(.*?)(?=^\S|\Z)", REQUIREMENTS, re.MULTILINE | re.DOTALL)
    assert len(packages) > 20
    for name, rest in packages:
        assert re.match(r"==\d", rest), name
        assert "--hash=sha256:" in rest, name


def test_the_dashboard_is_light_and_its_versions_are_within_the_ranges():
    pins = dict(re.findall(r"^([a-zA-Z0-9_.-]+)==([0-9.]+)", REQUIREMENTS, re.MULTILINE))
    assert not HEAVY & set(pins)
    for name, least in floors(["app"]).items():
        version = [int(part) for part in pins[name.replace("_", "-")].split(".")]
        assert version >= [int(part) for part in least.split(".")], name


@pytest.mark.parametrize("page", sorted((ROOT / "pages").glob("*.py")), ids=lambda page: page.stem)
def test_a_deployment_without_its_dataset_is_told_from_one_that_works(page, tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path))
    assert "No dataset yet" in " ".join(problems_of(page))
    monkeypatch.delenv(FOLDERS_VARIABLE)
    assert not list(problems_of(page))


def test_the_oldest_versions_are_those_of_all_that_is_named():
    oldest = floors(["app", "compute"])
    assert oldest.keys() > {"numpy", "streamlit", "transformers"}
    assert "torch" not in oldest  # which constraints.txt pins
    project = (ROOT / "pyproject.toml").read_text()
    assert all(f'"{name}>={version}"' in project for name, version in oldest.items())


@pytest.mark.parametrize("found", [0, 1])
def test_an_audit_gives_what_the_auditor_finds(found, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Hub().running() as service:  # which knows nothing of what it is asked, and answers
        assert audit.main(service.endpoint, [sys.executable, "-c", f"raise SystemExit({found})"]) == found


def test_an_audit_without_its_service_says_that_it_was_not_made(capfd, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert audit.main("http://127.0.0.1:9", [sys.executable, "-c", "raise SystemExit(1)"]) == 0
    assert capfd.readouterr().err.startswith("audit not run: no advisory service reachable (http://127.0.0.1:9: ")

"""What deployments rely on: the container copies what is there, requirements are pinned, hashed and light."""

import re
import tomllib
from pathlib import Path

import pytest

from gluscope_core.discover import FOLDERS_VARIABLE
from tests.deployed import problems_of

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
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for wanted in (*project["dependencies"], *project["optional-dependencies"]["app"]):
        name, least = re.fullmatch(r"([\w-]+)>=([0-9.]+)", wanted).groups()
        version = [int(part) for part in pins[name.replace("_", "-")].split(".")]
        assert version >= [int(part) for part in least.split(".")], wanted


@pytest.mark.parametrize("page", sorted((ROOT / "pages").glob("*.py")), ids=lambda page: page.stem)
def test_a_deployment_without_its_dataset_is_told_from_one_that_works(page, tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path))
    assert "No dataset yet" in " ".join(problems_of(page))
    monkeypatch.delenv(FOLDERS_VARIABLE)
    assert not list(problems_of(page))

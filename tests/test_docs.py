"""What the documents name exists."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from compute.cli import STAGES
from compute.models_page import page
from gluscope_core.schema import NEURONS, TABLES
from gluscope_core.vocabulary import CASES, LISTS, QUANTITIES, Field, Quantity

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")), *(ROOT / "docs").glob("*.md")]


def all_columns() -> set[str]:
    return {name for table in TABLES.values() for name in table.schema.names}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
class TestDocuments:
    def test_flags_exist(self, document):
        known = {
            "--" + field.name.replace("_", "-")
            for config in (stage.config for stage in STAGES.values())
            for field in fields(config)
        }
        known |= {"--help", "--no-compile"}
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", document.read_text())) <= known

    def test_stages_exist(self, document):
        assert set(re.findall(r"python -m compute (\w+)", document.read_text())) <= set(STAGES)

    def test_paths_exist(self, document):
        named = re.findall(r"`((?:compute|gluscope_core|tests|pages|docs)/[\w/.]*)`", document.read_text())
        assert [path for path in named if not (ROOT / path).exists()] == []

    def test_pictures_exist(self, document):
        named = re.findall(r"""[("']([^()"'\s]+\.(?:jpe?g|png|svg))[)"']""", document.read_text())
        local = [path for path in named if "://" not in path]
        assert [path for path in local if not (document.parent / path).exists()] == []

    def test_make_targets_exist(self, document):
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        assert set(re.findall(r"`?make ([a-z-]+)`?\b", document.read_text())) - {"it", "w"} <= targets


def test_the_page_of_models_is_that_of_the_entries():
    assert (ROOT / "docs" / "models.md").read_text() == page(), "run `make docs`"


def test_every_column_is_defined_and_every_definition_is_a_column():
    text = (ROOT / "docs" / "dataset.md").read_text()
    patterns = set(
        re.findall(
            r"`([a-z_{}]+)`",
            text.replace("`_std`", "`{case}_{quantity}_std`").replace("`_max`", "`{case}_{quantity}_max`"),
        )
    )
    defined = {column for pattern in patterns for column in expand(pattern)}
    assert set(NEURONS.names) <= defined
    assert {each.column(field) for each in LISTS for field in Field} <= defined
    templates = {pattern for pattern in patterns if "{case}" in pattern}
    assert all(set(expand(pattern)) & all_columns() for pattern in templates)


def expand(pattern: str) -> list[str]:
    """`{case}_{quantity}_mean` for every case and quantity."""
    cases = [pattern.replace("{case}", case.column) for case in CASES] if "{case}" in pattern else [pattern]
    return [
        name.replace("{quantity}", quantity)
        for name in cases
        for quantity in (QUANTITIES if "{quantity}" in name else [Quantity.POST])
    ]


def test_card_names_columns_that_exist(finished):
    card = (finished / "README.md").read_text()
    assert re.findall(r"`(layer|neuron|flipped|nonfinite_count)`", card)
    for column in ("{case}_freq", "{case}_{hook}_mean", "{case}_{hook}_max_values", "{case}_{hook}_max_indices"):
        assert f"`{column}`" in card

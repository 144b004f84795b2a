"""What is promised, the tests that show it, and what they tried: docs/promises.md, from a run of the suite.

    python -m tests.promises build/suite.xml > docs/promises.md

Tests say what they tried by pytest's `record_property("kills survived", 100)`; equal names are added up."""

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

HEAD = """# What is promised, and the test that shows it

Made by `make test-slow` from what its tests tried; `make test` tries the same with smaller numbers.

| promise | tests | tried |
|---|---|---|
"""


@dataclass(frozen=True)
class Promise:
    says: str
    tests: tuple[str, ...]
    """`test_kill` for all of a file, `test_kill::test_name` for one, parameters left out."""


PROMISES = (
    Promise(
        "Killed anywhere, the same command resumes, and the result has the same bytes",
        ("test_kill",),
    ),
    Promise(
        "A wrong resume is refused, and what differs is named",
        ("test_refusals::test_other_settings_are_named", "test_refusals::test_other_model_and_texts_are_named"),
    ),
)


@dataclass(frozen=True)
class Tried:
    test: str
    """As `Promise.tests` names it."""
    passed: bool
    counts: Counter


def read_suite(path: Path) -> list[Tried]:
    """What pytest wrote with `--junitxml`."""
    cases = ET.parse(path).iter("testcase")
    return [
        Tried(
            f"{case.attrib['classname'].removeprefix('tests.')}::{case.attrib['name'].partition('[')[0]}",
            not any(case.find(bad) is not None for bad in ("failure", "error", "skipped")),
            Counter({each.attrib["name"]: int(each.attrib["value"]) for each in case.iter("property")}),
        )
        for case in cases
    ]


def shows(promise: Promise, tried: Tried) -> bool:
    return any(tried.test == name or tried.test.startswith(f"{name}::") for name in promise.tests)


def row(promise: Promise, suite: list[Tried]) -> str:
    mine = [tried for tried in suite if shows(promise, tried)]
    failed = [tried.test for tried in mine if not tried.passed]
    if failed or not mine:
        raise SystemExit(f"not shown: {promise.says}: {', '.join(failed) or 'none of its tests ran'}")
    counts = sum((tried.counts for tried in mine), Counter())
    figures = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    names = ", ".join(f"`{name}`" for name in promise.tests)
    return f"| {promise.says} | {names} | {figures or f'{len(mine)} cases'} |\n"


def main(suite: Path) -> None:
    tried = read_suite(suite)
    sys.stdout.write(HEAD + "".join(row(promise, tried) for promise in PROMISES))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

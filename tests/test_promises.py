"""Every promise names tests that exist, and the table in the docs is of these promises."""

from pathlib import Path

import pytest

from tests.promises import PROMISES, Promise, main

TESTS = Path(__file__).parent
DOCS = TESTS.parent / "docs" / "promises.md"

SUITE = """<testsuites><testsuite>
<testcase classname="tests.test_one" name="test_a[1]"><properties><property name="kills" value="1200"/></properties>
</testcase>
<testcase classname="tests.test_one" name="test_a[2]"><properties><property name="kills" value="34"/></properties>
</testcase>
<testcase classname="tests.test_one" name="test_ab">{}</testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize("name", sorted({name for promise in PROMISES for name in promise.tests}))
def test_the_tests_exist(name):
    module, _, function = name.partition("::")
    source = (TESTS / f"{module.replace('.', '/')}.py").read_text()
    assert f"def {function}(" in source if function else "def test_" in source


def test_the_docs_hold_every_promise():
    rows = DOCS.read_text().splitlines()
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows if row.startswith("| ")][1:] == [
        promise.says for promise in PROMISES
    ]


def test_counts_are_added_up(tmp_path, monkeypatch, capsys):
    suite = tmp_path / "suite.xml"
    suite.write_text(SUITE.format(""))
    monkeypatch.setattr("tests.promises.PROMISES", (Promise("All of it", ("test_one::test_a",)),))
    main(suite, "make test")
    assert capsys.readouterr().out.endswith("| All of it | `test_one::test_a` | 1,234 kills |\n")


@pytest.mark.parametrize("outcome", ["<failure/>", "<skipped/>"])
def test_a_test_that_did_not_pass_shows_nothing(tmp_path, monkeypatch, outcome):
    suite = tmp_path / "suite.xml"
    suite.write_text(SUITE.format(outcome))
    monkeypatch.setattr("tests.promises.PROMISES", (Promise("All of it", ("test_one",)),))
    with pytest.raises(SystemExit, match="test_one::test_ab"):
        main(suite, "make test")

import json
from pathlib import Path

import pytest

from gluscope_core.errors import BadNeuronId, GluscopeError
from gluscope_core.ids import NeuronId
from gluscope_core.schema import FORMAT_VERSION, describe
from gluscope_core.vocabulary import CASES, LISTS, RANDOM_LISTS, TOP_LISTS, Case, Field

GOLDEN = Path(__file__).parent / "golden" / "schema.json"


def test_schema_is_the_one_that_was_published():
    """A change here is a change of the format: say so with a new FORMAT_VERSION, and tell how to read the old one."""
    golden = json.loads(GOLDEN.read_text())
    assert golden == {"format_version": FORMAT_VERSION, "tables": describe()}


def test_cases():
    assert [case.column for case in CASES] == ["gate+_in+", "gate+_in-", "gate-_in+", "gate-_in-"]
    assert [case.code for case in CASES] == ["pp", "pn", "np", "nn"]
    assert Case.GATE_POS_IN_NEG.label == "gate+ in−"
    assert all(case.mirrored.mirrored is case and case.mirrored is not case for case in CASES)
    assert all(case.mirrored.gate_sign == case.gate_sign for case in CASES)


def test_lists():
    assert (len(TOP_LISTS), len(RANDOM_LISTS), len(LISTS)) == (14, 4, 18)
    names = [each.column(Field.VALUES) for each in LISTS]
    assert len(set(names)) == 18
    assert names[0] == "gate+_in+_hook_post_max_values"
    assert "gate-_in+_swish_max_values" in names
    assert "gate+_in+_swish_max_values" not in names
    assert names[-1] == "gate-_in-_random_values"


@pytest.mark.parametrize("text", ["31.9634", "L31N9634", "L31.N9634", "31/9634", " l31n9634 "])
def test_ids_that_people_paste(text):
    assert NeuronId.parse(text) == (31, 9634)
    assert str(NeuronId.parse(text)) == "31.9634"


@pytest.mark.parametrize(
    "text",
    ["", "31", "31.", ".5", "-1.0", "1.-1", "1e3.0", "nan", "٣١.٩", "1.2.3", "../1", "9" * 10**6, "1.1e309", "31,9634"],
)
def test_what_is_no_id(text):
    with pytest.raises(BadNeuronId):
        NeuronId.parse(text)


def test_errors_are_one_family():
    assert issubclass(BadNeuronId, GluscopeError)

"""A query is read from an address, and written back the same."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gluscope_core.dataset import open_dataset
from gluscope_core.metrics import METRICS
from gluscope_core.query import Fires, Firing, Order, Pointing, Query, Range, parse
from gluscope_core.vocabulary import CASES, MATRICES, VECTORS, Case, IOClass, Matrix, Role, Vector


@pytest.fixture(scope="module")
def manifest(with_weights):
    return open_dataset(with_weights).manifest


METRIC = {metric.key: metric for metric in METRICS}
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def ranges(draw) -> tuple[Range, ...]:
    metrics = draw(st.lists(st.sampled_from(METRICS), max_size=3, unique_by=lambda metric: metric.key))
    found = []
    for metric in metrics:
        low, high = draw(numbers), draw(numbers)
        if low is not None and high is not None:
            low, high = min(low, high), max(low, high)
        if (low, high) != (None, None):
            found.append(Range(metric, low, high))
    return tuple(found)


@st.composite
def queries(draw) -> Query:
    token = draw(st.sampled_from(["", " again", "<b>", "=1", "id:3", "·"]))
    pointing = st.builds(
        Pointing, *(st.none() | st.sampled_from(each) for each in (VECTORS, MATRICES, (1, -1)))
    )  # fmt: skip
    fires = st.builds(Fires, st.sampled_from(list(Firing)), st.none() | st.sampled_from(CASES))
    roles = (*(role.value for role in Role), "none")
    by = st.none() | st.sampled_from(METRICS) if token else st.sampled_from(METRICS)
    return Query(
        token=token,
        pointing=draw(st.none() | pointing) if token else None,
        fires=draw(st.none() | fires) if token else None,
        classes=tuple(each for each in IOClass if draw(st.booleans())),
        roles=tuple(each for each in roles if draw(st.booleans())),
        layers=draw(st.sampled_from(["", "0", "0-1, 2"])),
        threshold=draw(st.none() | st.floats(0, 1)),
        ranges=draw(ranges()),
        order=draw(st.none() | st.builds(Order, by, st.booleans())),
    )


@settings(deadline=None)
@given(query=queries())
def test_written_and_read_back(manifest, query):
    parsed = parse(query.params(), manifest)
    assert parsed.problems == ()
    assert parsed.query == query


def test_a_readable_address(manifest):
    address = {
        "token": " again", "vector": "w_out", "sign": "neg", "case": "pn", "fires": "before",
        "class": "enrichment,depletion", "role": "none", "layers": "0-1", "cos_in_out": "..-0.5", "sort": "-freq_pn",
    }  # fmt: skip
    parsed = parse(address, manifest)
    assert parsed.problems == ()
    assert parsed.query.pointing == Pointing(Vector.OUT, None, -1)
    assert parsed.query.fires == Fires(Firing.BEFORE, Case.GATE_POS_IN_NEG)
    assert parsed.query.ranges == (Range(METRIC["cos_in_out"], None, -0.5),)
    assert parsed.query.order == Order(METRIC["freq_pn"], descending=True)
    assert parsed.query.params() == address


@pytest.mark.parametrize(
    ("address", "query"),
    [
        ({"token": "a", "sign": " "}, Query("a", Pointing(sign=1))),  # a plus in an address is read as a space
        ({"token": "a", "vector": "any"}, Query("a", Pointing())),
        ({"token": "a", "matrix": "W_E"}, Query("a", Pointing(matrix=Matrix.EMBED))),
        ({"token": "a", "case": "gate+_in-"}, Query("a", fires=Fires(case=Case.GATE_POS_IN_NEG))),
        ({"class": " depletion , depletion,"}, Query(classes=(IOClass.DEPLETION,))),
        ({"cos_in_out": "−0.5 … 1e-3"}, Query(ranges=(Range(METRIC["cos_in_out"], -0.5, 0.001),))),
        ({"gate+_in-_hook_post_mean": "0.."}, Query(ranges=(Range(METRIC["pn_post_mean"], 0.0, None),))),
        ({"class": "", "layers": " ", "token": ""}, Query()),
    ],
)
def test_other_spellings(manifest, address, query):
    assert parse(address, manifest) == parse(query.params(), manifest)
    assert parse(address, manifest).query == query


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ({"class": "wrong"}, "none of enrichment"),
        ({"role": "<b>"}, "none of partition"),
        ({"layers": "99"}, "no layers 99"),
        ({"layers": "all"}, "names no layers"),
        ({"cos_in_out": "high"}, "is no range"),
        ({"cos_in_out": ".."}, "is no range"),
        ({"cos_in_out": "1..0"}, "lower one first"),
        ({"cos_in_out": "nan.."}, "is no range"),
        ({"cos_in_out": "1e999.."}, "is no number"),
        ({"nonsense": "1.."}, "neither a key of a search nor a metric"),
        ({"sort": "nonsense"}, "neither"),
        ({"sort": "-value"}, "only the neurons of a token"),
        ({"tau": "2"}, "from 0 to 1"),
        ({"tau": "inf"}, "is no number"),
        ({"vector": "w_out"}, "needs a token"),
        ({"case": "pp"}, "needs a token"),
        ({"token": "a", "vector": "w_what"}, "one of w_gate"),
        ({"token": "a", "fires": "under"}, "one of any, on, before"),
        ({"token": "a", "case": "zz"}, "is none of pp"),
    ],
)
def test_what_is_wrong_is_told_and_left_out(manifest, address, said):
    parsed = parse({**address, "freq_pp": "0.1.."}, manifest)
    assert len(parsed.problems) == 1
    assert said in parsed.problems[0]
    assert parsed.query.ranges == (Range(METRIC["freq_pp"], 0.1, None),)
    assert parse(parsed.query.params(), manifest).problems == ()


def test_what_a_dataset_lacks(finished):
    bare = open_dataset(finished).manifest
    parsed = parse({"class": "depletion", "cos_in_out": "0..", "effective_io": "0.."}, bare)
    assert parsed.query.is_empty
    assert len(parsed.problems) == 3
    assert all("lacks the stage weights" in problem for problem in parsed.problems)


def test_a_condition_is_left_out(manifest):
    full = parse({"token": "a", "vector": "w_in", "case": "pp", "class": "depletion", "layers": "1", "role": "none",
                  "freq_pp": "0.1..", "cos_in_out": "0..", "sort": "value"}, manifest).query  # fmt: skip
    assert full.without("token") == parse({**without(full, "token", "vector", "case", "sort")}, manifest).query
    for keys in (["vector"], ["case"], ["class"], ["layers"], ["role"], ["freq_pp"]):
        assert full.without(keys[0]).params() == without(full, *keys)


def without(query: Query, *keys: str) -> dict[str, str]:
    return {key: value for key, value in query.params().items() if key not in keys}


def test_an_order_alone_asks_for_nothing(manifest):
    assert parse({"sort": "layer", "tau": "0.4"}, manifest).query.is_empty
    assert not parse({"token": " "}, manifest).query.is_empty

"""Which examples are shown: lists, those across cases, near-identical ones, search."""

import numpy as np
import pandas as pd
import pytest

from gluscope_core.activations import activation
from gluscope_core.dataset import open_dataset
from gluscope_core.examples_view import (
    Choice,
    Example,
    Examples,
    Kind,
    came_next,
    collapse,
    fired_on,
    nearly_identical,
    unknown_in_address,
)
from gluscope_core.token_text import TokenTexts
from gluscope_core.vocabulary import CASES, QUANTITIES, Case, Quantity


@pytest.fixture
def lists(finished) -> Examples:
    return Examples(open_dataset(finished).examples(1, 3), activation("silu"))


def example(tokens: list[int], at: int = 8, text: int = 0) -> Example:
    return Example(CASES[0], Quantity.POST, 0, 1.0, text, at, 0, np.array(tokens, dtype=np.int32))


def test_the_address():
    assert Choice.parse("pn", "gate", "mid") == Choice(Case.GATE_POS_IN_NEG, Quantity.GATE, Kind.MID)
    assert Choice.parse("gate-_in ", "hook_pre", None) == Choice(Case.GATE_NEG_IN_POS, Quantity.GATE, Kind.TOP)
    assert Choice.parse("<b>", "", "?") == Choice()


def test_what_an_address_says_that_is_not_known_is_told():
    assert unknown_in_address("gate-_in ", "hook_pre", None) == ""
    assert unknown_in_address(None, "", None) == ""
    assert unknown_in_address("pn", "speed", "best") == (
        "`quantity=speed` is not known: here is post instead. `list=best` is not known: here is top instead."
    )
    assert unknown_in_address("x" * 90, None, None) == (f"`case={'x' * 60}` is not known: here is gate+ in+ instead.")


def test_every_case_and_quantity_is_there_and_in_order(lists):
    for case in CASES:
        for quantity in QUANTITIES:
            chosen = lists.chosen(Choice(case, quantity))
            values = [abs(each.value) for each in chosen]
            assert chosen
            assert values == sorted(values, reverse=True)
            assert max(values) <= lists.bound(quantity) * (1 + 1e-6)


def test_values_are_those_of_the_window(lists):
    for quantity in QUANTITIES:
        for each in lists.chosen(Choice(Case.GATE_POS_IN_NEG, quantity)):
            assert each.activations[quantity][each.at] == pytest.approx(each.value, rel=5e-3, abs=1e-3)


def test_a_random_choice_is_shown_as_drawn_with_the_share_of_the_case_that_each_exceeds(lists):
    random = lists.chosen(Choice(kind=Kind.RANDOM))
    by_strength = sorted(random, key=lambda each: abs(each.value))
    assert [each.rank for each in random] == list(range(len(random)))
    assert [each.share for each in by_strength] == pytest.approx([1 / 6, 3 / 6, 5 / 6])


def drawn(posts: list[float]) -> Examples:
    frame = pd.DataFrame({"rank": range(len(posts)), "value": posts, "case": CASES[0].column, "quantity": None})
    return Examples(frame.assign(text=range(len(posts)), position=0), activation("silu"))


def test_mid_range_is_the_upper_half_of_the_random_choice_strongest_first():
    posts = list(np.random.default_rng(2).permutation(np.arange(1.0, 17)))
    mid = drawn(posts).chosen(Choice(kind=Kind.MID))
    assert [each.value for each in mid] == [16, 15, 14, 13, 12, 11, 10, 9]
    assert [each.share for each in mid] == pytest.approx([(rank + 0.5) / 16 for rank in range(15, 7, -1)])


def test_mid_range_of_many_is_some_of_them_from_the_strongest_to_the_typical():
    mid = drawn(list(np.arange(1.0, 201))).chosen(Choice(kind=Kind.MID))
    assert len(mid) == 16
    assert (mid[0].value, mid[-1].value) == (200, 101)
    assert -np.diff([each.value for each in mid]) == pytest.approx(99 / 15, abs=1)


def test_mid_range_of_one_is_that_one():
    assert [each.value for each in drawn([3.0]).chosen(Choice(kind=Kind.MID))] == [3.0]


def test_places_of_any_list_are_known(lists):
    assert lists.has_place(lists.chosen(Choice(CASES[3], Quantity.GATE))[0].place)
    assert not lists.has_place("9.9.9")


@pytest.mark.parametrize(("kind", "sign"), [(Kind.POSITIVE, 1), (Kind.NEGATIVE, -1)])
def test_strongest_across_cases(lists, kind, sign):
    chosen = lists.chosen(Choice(kind=kind))
    assert all(each.value * sign > 0 for each in chosen)
    assert len({each.text for each in chosen}) == len(chosen)
    strongest = max(
        abs(each.value)
        for case in CASES
        if case.gate_sign * case.in_sign == sign
        for each in lists.chosen(Choice(case))
    )
    assert abs(chosen[0].value) == strongest


def test_near_identical_examples_become_one():
    tokens = list(range(12))
    changed = [99, *tokens[1:]]
    other = [*range(50, 58), 8, *range(60, 63)]
    assert nearly_identical(example(tokens), example(changed))
    assert not nearly_identical(example(tokens), example(other))
    assert not nearly_identical(example(tokens), example([*tokens[:8], 77, *tokens[9:]]))
    one, two = collapse([example(tokens), example(other, text=1), example(changed, text=2)])
    assert [twin.text for twin in one.twins] == [2]
    assert two.twins == ()
    assert fired_on([one, two]) == [(8, 3)]
    assert came_next([one, two]) == [(9, 2), (60, 1)]


def test_the_last_token_has_no_next():
    assert example([1, 2, 3], at=2).next_token is None
    assert came_next([example([1, 2, 3], at=2)]) == []


def test_search_is_over_all_lists_each_place_once(finished, lists):
    vocab = open_dataset(finished).vocab
    texts = TokenTexts(vocab)
    wanted = texts.plain(lists.chosen(Choice())[0].tokens[:1])
    found = lists.found(wanted.upper(), texts, Quantity.POST)
    assert len({each.place for each in found}) == len(found) > 0
    assert lists.found("no such thing anywhere", texts, Quantity.POST) == []


def test_lists_without_windows(finished):
    frame = open_dataset(finished).examples(1, 3).drop(columns=["start", "tokens", "gate", "in"])
    lists = Examples(frame, activation("silu"))
    [first, *_] = lists.chosen(Choice())
    assert not lists.has_windows
    assert not first.has_window
    assert collapse([first, first]) == [first, first]
    assert lists.found("a", TokenTexts(pd.DataFrame({"bytes": [], "display": []})), Quantity.POST) == []

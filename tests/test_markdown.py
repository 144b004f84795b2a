"""Words of others in Markdown."""

import pytest

from gluscope_core.markdown import code, escaped


@pytest.mark.parametrize(
    "text", ["![a](http://x)", "[a](b)", "**a**", "<b>", ":red[a]", "$a$", "`a`", "a | b", "https://x"]
)
def test_nothing_but_words_comes_out(text):
    for mark in "![]*<:$`|":
        assert escaped(text).count(mark) == escaped(text).count(f"\\{mark}")


def test_code_cannot_be_left():
    assert code("a` ![x](y)\n\n# b").count("`") == 2
    assert "\n" not in code("a\n\nb")
    assert code("") == "` `"

"""Words that came from a dataset or an address, made safe to stand in Markdown."""

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|$~:^&-])")


def escaped(text: str) -> str:
    """Shown as it is: no image, emphasis or link can come from it, but that Streamlit links an address to itself."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """In fixed width, on one line."""
    return f"`{' '.join(text.replace('`', 'ˋ').split()) or ' '}`"

"""How well a colour is read on another, and the colours of the themes."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
READABLE = 4.5
"""WCAG 2, for text of this size."""
THEMES = {
    name: colours
    for name, colours in tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"].items()
    if name in ("light", "dark")
}


def rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def mixed(over: str, under: str, share: float) -> list[float]:
    return [share * one + (1 - share) * other for one, other in zip(rgb(over), rgb(under), strict=True)]


def contrast(one, other) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour) -> float:
    parts = [each / 255 for each in colour]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

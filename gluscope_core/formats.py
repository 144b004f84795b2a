"""How numbers are written for people: three significant digits, true minus signs; in full where one hovers."""

import math

MINUS, NOTHING = "\u2212", "\u2013"
_THOUSAND, _TENTH = 1_000, 1e-3


def number(value: float | None) -> str:
    """Three significant digits: `3.48`, `\u22120.0491`, `12,300`, `1.20e\u22127`."""
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "\u221e" if value > 0 else f"{MINUS}\u221e"
    if value == 0:
        return "0"
    rounded = float(f"{value:.2e}")
    exponent = math.floor(math.log10(abs(rounded)))
    if exponent < -4:
        return _true_minus(f"{rounded:.2e}".replace("e-0", "e-"))
    return _true_minus(f"{rounded:,.{max(0, 2 - exponent)}f}")


def fixed(value: float | None, digits: int = 2) -> str:
    """Of figures that stand under one another and have one scale, such as cosines, with their sign."""
    return NOTHING if value is None or math.isnan(value) else _true_minus(f"{value:+.{digits}f}")


def percent(share: float | None) -> str:
    """Two decimals as in the paper, and two significant digits of what is less than a tenth of a percent."""
    if share is None or math.isnan(share):
        return NOTHING
    if 0 < abs(share) < _TENTH:
        return _true_minus(f"{100 * share:.{2 - math.floor(math.log10(abs(100 * share))) - 1}f}\u202f%")
    return _true_minus(f"{100 * share:.2f}\u202f%")


def error(value: float) -> str:
    """Of a percentage: two significant digits say how far to trust it."""
    return number(float(f"{100 * value:.1e}")).rstrip("0").rstrip(".") if value else "0"


def count(value: int) -> str:
    return _true_minus(f"{value:,}")


def exact(value: float | None) -> str:
    """All digits, as in downloads."""
    return "" if value is None else repr(float(value))


def _true_minus(text: str) -> str:
    return text.replace("-", MINUS)

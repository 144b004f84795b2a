"""The geometry of windows: how many tokens are kept before and after a token of interest."""

import numpy as np

FLOAT16_MAX = 65504.0


def tokens_before(window: int) -> int:
    """24 of 32: what comes before a token explains it better than what follows."""
    return window * 3 // 4


def saturating_float16(values: np.ndarray) -> np.ndarray:
    """float16 in which what is too large becomes the largest number, and NaN stays NaN."""
    return np.clip(values, -FLOAT16_MAX, FLOAT16_MAX).astype(np.float16)


def window_bounds(position: np.ndarray, length: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """First token and number of tokens of windows that are clipped to their texts."""
    start = position - tokens_before(window)
    stop = np.minimum(start + window, length)
    start = np.maximum(start, 0)
    return start, stop - start

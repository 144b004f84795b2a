"""Chance that does not depend on batches, shards or order: a hash of text, position and seed."""

from collections.abc import Iterator

import numpy as np

_RANDOM_LISTS, _SAMPLES, _DOCUMENTS = np.uint64(1), np.uint64(2), np.uint64(3)
_SMALLEST_NORMAL = np.uint64(1 << 23)  # as bits of a float32
_BLOCK = 1 << 20

_Bits = np.ndarray | np.uint64


def priorities(text: np.ndarray, position: np.ndarray, seed: int) -> np.ndarray | np.float32:
    """30 random bits per token, as a positive float32: in random lists the highest win. Bits of positive floats order
    as the floats do, so that list keys are made of them as of magnitudes, and CPUs compare floats faster."""
    bits = _hash(text, position, seed, _RANDOM_LISTS) >> np.uint64(34)
    return (bits + _SMALLEST_NORMAL).astype(np.int32).view(np.float32)


def lots(documents: np.ndarray, seed: int) -> list[int]:
    """64 random bits for each document of a source: those with the lowest are taken."""
    return np.asarray(_hash(documents, np.zeros_like(documents), seed, _DOCUMENTS)).tolist()


def sample_positions(lengths: np.ndarray, skip_first: int, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Texts and positions of a uniform choice of `count` counted tokens, sorted by text and position."""
    best = np.empty((3, 0), np.uint64)  # hash, text, position
    for text, position in _counted_blocks(lengths, skip_first):
        block = np.stack([_hash(text, position, seed, _SAMPLES), text.astype(np.uint64), position.astype(np.uint64)])
        best = np.concatenate([best, block], axis=1)
        best = best[:, np.lexsort((best[2], best[1], best[0]))[:count]]
    best = best[:, np.lexsort((best[2], best[1]))].astype(np.int64)
    return best[1], best[2]


def _counted_blocks(lengths: np.ndarray, skip_first: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Text and position of every counted token, some texts at a time."""
    counts = np.maximum(lengths - skip_first, 0)
    bounds = np.concatenate([[0], np.cumsum(counts)])
    start = 0
    while start < len(counts):
        stop = max(start + 1, int(np.searchsorted(bounds, bounds[start] + _BLOCK, side="right")) - 1)
        text = np.repeat(np.arange(start, stop), counts[start:stop])
        position = np.arange(bounds[start], bounds[stop]) - np.repeat(bounds[start:stop], counts[start:stop])
        yield text, position + skip_first
        start = stop


def _hash(text: np.ndarray, position: np.ndarray, seed: int, stream: np.uint64) -> _Bits:
    mixed = _mix(np.uint64(seed) ^ _mix(stream))
    return _mix(_mix(mixed ^ np.asarray(text).astype(np.uint64)) ^ np.asarray(position).astype(np.uint64))


def _mix(x: _Bits) -> _Bits:
    """The finaliser of splitmix64: every bit of the input changes half of those of the output."""
    with np.errstate(over="ignore"):
        x = np.asarray(x, np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))

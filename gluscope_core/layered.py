"""Pairs of figures in layers: sums within each, ranks within each, and shuffles within each."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

_ROUNDING = 1e-24
"""Of the squares' sum: less than that is what rounding leaves of a constant."""


@dataclass(frozen=True)
class Sums:
    """Per layer: the number of neurons, the means, and sums of squares and products about these means."""

    n: np.ndarray
    x: np.ndarray
    y: np.ndarray
    xx: np.ndarray
    yy: np.ndarray
    xy: np.ndarray

    def total(self, weights: np.ndarray) -> "Sums":
        """Of all layers as one group; `weights` says how often each counts, in one row per group."""
        n = weights @ self.n
        x, y = weights @ (self.n * self.x) / n, weights @ (self.n * self.y) / n
        return Sums(
            n,
            x,
            y,
            weights @ (self.xx + self.n * self.x**2) - n * x**2,
            weights @ (self.yy + self.n * self.y**2) - n * y**2,
            weights @ (self.xy + self.n * self.x * self.y) - n * x * y,
        )


@dataclass(frozen=True)
class Layered:
    """Two figures of neurons sorted by layer, each scaled to mean 0 and spread 1 over all of them."""

    names: np.ndarray
    starts: np.ndarray
    x: np.ndarray
    y: np.ndarray

    @classmethod
    def of(cls, layers: np.ndarray, x: np.ndarray, y: np.ndarray) -> "Layered":
        names, starts = np.unique(layers, return_index=True)
        return cls(names, starts, _standardised(x), _standardised(y))

    @property
    def sizes(self) -> np.ndarray:
        return np.diff(np.append(self.starts, len(self.x)))

    def means(self) -> tuple[np.ndarray, np.ndarray]:
        sums = self.sums()
        return sums.x, sums.y

    def sums(self) -> Sums:
        n = self.sizes
        x_mean, y_mean = (self._added(each) / n for each in (self.x, self.y))
        x, y = self.x - np.repeat(x_mean, n), self.y - np.repeat(y_mean, n)
        xx, yy = (np.where(each > _ROUNDING * n, each, 0) for each in (self._added(x * x), self._added(y * y)))
        return Sums(n, x_mean, y_mean, xx, yy, self._added(x * y))

    def ranks(self, values: np.ndarray) -> np.ndarray:
        """Within each layer, as shares of it, so that layers of other sizes are comparable."""
        parts = np.split(values, self.starts[1:])
        return np.concatenate([average_ranks(part) / len(part) for part in parts])

    def shuffled_products(self, draws: int, random: np.random.Generator) -> np.ndarray:
        """Σ (x − mean)(y − mean) in each layer (row) when its y are shuffled, once per draw.
        A shuffle turned round by any number of places is a shuffle too, and the products of all turns at once are a
        convolution: 1,000 shuffles of a layer of 11,008 neurons cost one Fourier transform."""
        pairs = zip(np.split(self.x, self.starts[1:]), np.split(self.y, self.starts[1:]), strict=True)
        return np.stack([_turned_products(x - x.mean(), y - y.mean(), draws, random) for x, y in pairs])

    def _added(self, values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values, self.starts)


def average_ranks(values: np.ndarray) -> np.ndarray:
    """From 1; equal values share the mean of their ranks."""
    return pd.Series(values).rank().to_numpy()


def _turned_products(x: np.ndarray, y: np.ndarray, draws: int, random: np.random.Generator) -> np.ndarray:
    shuffles = -(-draws // len(x))
    shuffled = random.permuted(np.tile(y, (shuffles, 1)), axis=1)
    spectrum = np.conj(np.fft.rfft(x)) * np.fft.rfft(shuffled, axis=1)
    products = np.fft.irfft(spectrum, n=len(x), axis=1).ravel()
    return random.choice(products, draws, replace=False)


def _standardised(values: np.ndarray) -> np.ndarray:
    """A constant becomes exactly 0, so that rounding gives it no correlation."""
    if len(values) == 0 or values.min() == values.max():
        return np.zeros(len(values))
    centred = values - values.mean()
    return centred / np.abs(centred).max()

"""Activation functions in numpy, so that act and post can be shown and checked without torch."""

from collections.abc import Callable

import numpy as np
from scipy.special import erf, expit

from gluscope_core.errors import DatasetDamaged

Activation = Callable[[np.ndarray], np.ndarray]


def silu(x: np.ndarray) -> np.ndarray:
    return x * expit(x)


def gelu(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + erf(x / np.sqrt(2)))


def gelu_tanh(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


# By the names that transformers' configs use.
ACTIVATIONS: dict[str, Activation] = {
    "silu": silu,
    "swish": silu,
    "gelu": gelu,
    "gelu_new": gelu_tanh,
    "gelu_pytorch_tanh": gelu_tanh,
    "gelu_fast": gelu_tanh,
    "relu": relu,
}


def activation(name: str | None) -> Activation:
    """The function called `name`, computing in float64 and returning float64; NaN where nobody knows which it is."""
    if name is None:
        return lambda x: np.full(np.shape(x), np.nan)
    if name not in ACTIVATIONS:
        known = ", ".join(sorted(ACTIVATIONS))
        raise DatasetDamaged(
            f"activation function {name!r} is none of {known}: upgrade GLUScope, or compute the dataset again"
        )
    function = ACTIVATIONS[name]
    return lambda x: function(np.asarray(x, dtype=np.float64))

import numpy as np
import pytest
import torch
from transformers.activations import ACT2FN

from gluscope_core.activations import ACTIVATIONS, activation
from gluscope_core.errors import DatasetDamaged


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_equal_those_of_transformers(name):
    x = torch.linspace(-30, 30, 2001, dtype=torch.float64)
    np.testing.assert_allclose(activation(name)(x.numpy()), ACT2FN[name](x).numpy(), rtol=1e-9, atol=1e-12)


def test_an_unknown_one_is_named():
    with pytest.raises(DatasetDamaged, match="sine"):
        activation("sine")

"""A control: shapes in signatures are checked while tests run, else the other tests would show less than they say."""

import pytest
import torch
from jaxtyping import TypeCheckError

from compute.reduce import add_texts
from compute.toplists import TopLists, unique_keys


def test_a_wrong_shape_is_noticed():
    unique_keys(torch.ones(2, 3, 4, dtype=torch.int32), torch.arange(3))
    with pytest.raises(TypeCheckError):
        unique_keys(torch.ones(2, 3, 4, dtype=torch.int32), torch.arange(4))
    with pytest.raises(TypeCheckError):
        add_texts(None, torch.ones(2, 2, dtype=torch.bool))
    with pytest.raises(TypeCheckError):
        TopLists.none(1, 2, "k", 4)

"""A control: shapes in signatures are checked while tests run, else the other tests would show less than they say."""

import pytest
import torch
from jaxtyping import TypeCheckError

from compute.reduce import add_up
from compute.state import Samples, SampleSlots
from compute.toplists import TopLists


def test_a_wrong_shape_is_noticed():
    with pytest.raises(TypeCheckError):
        add_up(None, torch.ones(2, 2))
    with pytest.raises(TypeCheckError):
        TopLists.none(1, 2, "k", 4)
    two, three = torch.zeros(2, dtype=torch.int64), torch.zeros(3, dtype=torch.int64)
    Samples.none(3, 4).merge(Samples.none(3, 4))
    SampleSlots(two, two)
    with pytest.raises(TypeCheckError):
        SampleSlots(two, three)

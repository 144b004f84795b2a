"""Neuron ids: `layer.neuron`, zero-based, and the other spellings that people paste."""

import re
from typing import NamedTuple

from gluscope_core.errors import BadNeuronId

# ASCII digits only, and few of them, so that no spelling can cost time or be taken for another number.
_SPELLING = re.compile(r"L?([0-9]{1,6})(?:\.N?|/|N)([0-9]{1,8})", re.IGNORECASE)


class NeuronId(NamedTuple):
    layer: int
    neuron: int

    def __str__(self) -> str:
        return f"{self.layer}.{self.neuron}"

    @classmethod
    def parse(cls, text: str) -> "NeuronId":
        match = _SPELLING.fullmatch(text.strip())
        if match is None:
            raise BadNeuronId(f"{text[:40]!r} is not a neuron id: write layer.neuron, zero-based, such as 31.9634")
        return cls(int(match[1]), int(match[2]))

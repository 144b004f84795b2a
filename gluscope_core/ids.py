"""Neuron ids: `layer.neuron`, zero-based, and the other spellings that people paste."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from gluscope_core.errors import BadNeuronId, NoSuchNeuron

# ASCII digits only, and few of them, so that no spelling can cost time or be taken for another number.
SPELLING = r"L?[0-9]{1,6}(?:\.N?|/|N)[0-9]{1,8}"
_SPELLED = re.compile(SPELLING, re.IGNORECASE)
_NUMBER = re.compile("[0-9]+")


class NeuronId(NamedTuple):
    layer: int
    neuron: int

    def __str__(self) -> str:
        return f"{self.layer}.{self.neuron}"

    @classmethod
    def parse(cls, text: str) -> "NeuronId":
        spelled = text.strip()
        if _SPELLED.fullmatch(spelled) is None:
            raise BadNeuronId(f"{text[:40]!r} is not a neuron id: write layer.neuron, zero-based, such as 31.9634")
        layer, neuron = _NUMBER.findall(spelled)
        return cls(int(layer), int(neuron))

    @classmethod
    def existing(cls, text: str, layers: Sequence[int], width: int) -> "NeuronId":
        """One of a dataset's."""
        neuron = cls.parse(text)
        if neuron.layer not in layers or neuron.neuron >= width:
            has = f"layers {layers[0]} to {layers[-1]}" if layers else "no layers"
            raise NoSuchNeuron(
                f"{neuron} does not exist here: the dataset has {has}, each of neurons 0 to {width - 1}: name one of "
                "those"
            )
        return neuron

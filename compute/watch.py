"""Between model and state: each layer's MLP shows its activations, and the layer's state takes them up."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from compute.batches import Batch
from compute.checkpoint import States
from compute.gated import GatedMLP
from compute.kernels import Kernels
from compute.reduce import Activations, Reduced
from compute.state import SampleSlots


class Watch:
    """Keeps the states of all recorded layers up to date while batches run through the model."""

    def __init__(
        self, states: States, kernels: Kernels, sampled: tuple[np.ndarray, np.ndarray], first_text: int | None
    ) -> None:
        self.states = states
        self._kernels = kernels
        self._sampled = sampled
        first = np.array([] if first_text is None else [first_text], np.int64)
        self._first = first, np.zeros_like(first)
        self._on: dict[torch.device, _Seen] = {}

    def attach(self, layer: int, mlp: GatedMLP) -> None:
        mlp.observe(partial(self._take, layer))

    def begin(self, batch: Batch, texts: np.ndarray) -> None:
        """Says which batch the next activations belong to."""
        width = batch.ids.shape[1]
        samples, first = (sample_slots(texts, width, *places) for places in (self._sampled, self._first))
        self._seen = _Seen(batch, samples, first)
        self._on = {}

    def _take(self, layer: int, gate: Tensor, linear: Tensor) -> Tensor:
        if gate.device not in self._on:
            self._on[gate.device] = self._seen.to(gate.device)
        here = self._on[gate.device]
        batch = here.batch
        reduced = Reduced(*self._kernels.reduce(gate, linear, batch.priority))
        seen = Activations(gate, linear, reduced.act, reduced.post, batch.priority, batch.texts, batch.lengths)
        self.states[layer] = self.states[layer].observe(reduced, seen, self._kernels, here.samples, here.first)
        return reduced.out


@dataclass(frozen=True)
class _Seen:
    """What belongs to a batch, on one device."""

    batch: Batch
    samples: SampleSlots
    first: SampleSlots

    def to(self, device: torch.device) -> "_Seen":
        return _Seen(self.batch.to(device), self.samples.to(device), self.first.to(device))


def sample_slots(texts: np.ndarray, width: int, text: np.ndarray, position: np.ndarray) -> SampleSlots:
    """Those of some numbered places that lie in the texts of a batch, which is `width` tokens wide."""
    row_of = {int(number): row for row, number in enumerate(texts)}
    here = [slot for slot, number in enumerate(text) if int(number) in row_of]
    tokens = [row_of[int(text[slot])] * width + int(position[slot]) for slot in here]
    return SampleSlots(torch.tensor(here, dtype=torch.int64), torch.tensor(tokens, dtype=torch.int64))

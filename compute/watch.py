"""Between model and state: each layer's MLP shows its activations, and the layer's state takes them up."""

from functools import partial

import numpy as np
import torch
from torch import Tensor

from compute.batches import Batch
from compute.checkpoint import States
from compute.gated import GatedMLP
from compute.reduce import Activations, Reduction
from compute.state import SampleSlots


class Watch:
    """Keeps the states of all recorded layers up to date while batches run through the model."""

    def __init__(
        self, states: States, reduction: Reduction, sampled: tuple[np.ndarray, np.ndarray], first_text: int | None
    ) -> None:
        self.states = states
        self._reduction = reduction
        self._sampled = sampled
        self._first = np.array([] if first_text is None else [first_text], np.int64)

    def attach(self, layer: int, mlp: GatedMLP) -> None:
        mlp.observe(partial(self._take, layer))

    def begin(self, batch: Batch, texts: np.ndarray) -> None:
        """Says which batch the next activations belong to."""
        self._batch = batch
        device = batch.ids.device
        self._samples = _slots(texts, *self._sampled, device)
        self._first_position = _slots(texts, self._first, np.zeros_like(self._first), device)

    def _take(self, layer: int, gate: Tensor, linear: Tensor, act: Tensor) -> None:
        batch = self._batch
        seen = Activations(gate, linear, act, batch.counted, batch.priority, batch.texts, batch.lengths)
        self.states[layer] = self.states[layer].observe(seen, self._reduction, self._samples, self._first_position)


def _slots(texts: np.ndarray, text: np.ndarray, position: np.ndarray, device: torch.device) -> SampleSlots:
    """Those of some numbered places that lie in the texts of a batch."""
    row_of = {int(number): row for row, number in enumerate(texts)}
    here = [slot for slot, number in enumerate(text) if int(number) in row_of]
    rows = [row_of[int(text[slot])] for slot in here]
    return SampleSlots(
        *(torch.tensor(values, dtype=torch.int64, device=device) for values in (here, rows, position[here].tolist()))
    )

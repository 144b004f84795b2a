"""GLUScope's light half: reading datasets of gated neurons, without torch."""

from gluscope_core.dataset import Dataset, open_dataset
from gluscope_core.ids import NeuronId

__all__ = ["Dataset", "NeuronId", "open_dataset"]

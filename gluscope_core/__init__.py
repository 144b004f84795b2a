"""GLUScope's light half: reading datasets of gated neurons, without torch."""

from gluscope_core.dataset import Dataset, open_dataset
from gluscope_core.ids import NeuronId

__version__ = "0.1.0"
__all__ = ["Dataset", "NeuronId", "open_dataset"]

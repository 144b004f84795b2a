"""One neuron as a page shows it: read from a dataset, in the sign convention that was asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gluscope_core.activations import activation
from gluscope_core.columns import NeuronColumn, TextColumn
from gluscope_core.dataset import Dataset
from gluscope_core.errors import NoSuchText
from gluscope_core.examples_view import Example, Examples
from gluscope_core.flip import convert_weights, flip_examples, flip_figures, flip_samples
from gluscope_core.ids import NeuronId
from gluscope_core.manifest import Manifest
from gluscope_core.places import is_hub_id
from gluscope_core.provenance import Source, read_source
from gluscope_core.schema import LAYER, NEURON, TEXTS_TABLE
from gluscope_core.unpack import NeuronWeights
from gluscope_core.vocabulary import SignConvention


@dataclass(frozen=True)
class NeuronView:
    dataset: Dataset
    id: NeuronId
    convention: SignConvention
    turned: bool
    """Whether this neuron's w_in and w_out have other signs here than in the dataset."""
    row: Mapping[str, Any]
    """Its figures."""

    @classmethod
    def of(cls, dataset: Dataset, neuron: NeuronId, convention: SignConvention) -> "NeuronView":
        row = dataset.neuron(*neuron)
        turned = bool(row[NeuronColumn.FLIPPED]) and convention is not dataset.manifest.sign_convention
        return cls(dataset, neuron, convention, turned, flip_figures(row) if turned else row)

    def examples(self) -> Examples:
        frame = self.dataset.examples(*self.id)
        return Examples(
            flip_examples(frame) if self.turned else frame, activation(self.dataset.manifest.model.activation)
        )

    def samples(self) -> pd.DataFrame:
        samples = self.dataset.samples(*self.id)
        return flip_samples(samples) if self.turned else samples

    def weights(self) -> NeuronWeights:
        weights = self.dataset.weights(*self.id)
        if self.convention is self.dataset.manifest.sign_convention:
            return weights
        return convert_weights(weights, own=self.turned, others=self._flipped)

    def _flipped(self, layers: np.ndarray, neurons: np.ndarray) -> np.ndarray:
        columns = [LAYER, NEURON, NeuronColumn.FLIPPED]
        table = self.dataset.neurons(columns).set_index([LAYER, NEURON])[NeuronColumn.FLIPPED]
        wanted = pd.MultiIndex.from_arrays([layers, neurons], names=[LAYER, NEURON])
        return table.astype("float64").reindex(wanted).to_numpy()

    def source(self, text: int) -> Source:
        if not self.dataset.has(TEXTS_TABLE.name):
            return Source()
        try:
            source = self.dataset.text(text)[TextColumn.SOURCE]
        except NoSuchText:  # of texts that somebody else put beside the dataset
            return Source()
        return read_source(source if isinstance(source, str) else None)

    def whole_text(self, text: int) -> tuple[list[int], str]:
        """Token ids and the string; either may be empty."""
        content = self.dataset.text(text)
        ids, string = content[TextColumn.INPUT_IDS], content[TextColumn.TEXT]
        return ids if isinstance(ids, list) else [], string if isinstance(string, str) else ""

    def sources(self, examples: list[Example]) -> dict[int, Source]:
        return {text: self.source(text) for text in dict.fromkeys(example.text for example in examples)}


def flips_are_known(manifest: Manifest) -> bool:
    """Whether figures can be turned into the other signs."""
    has_flips = manifest.run is not None or manifest.weights is not None
    return has_flips and manifest.sign_convention is not SignConvention.UNKNOWN


def conventions(dataset: Dataset) -> tuple[SignConvention, ...]:
    """Those that a dataset can be shown in, its own first."""
    own = dataset.manifest.sign_convention
    if not flips_are_known(dataset.manifest):
        return (own,)
    return own, SignConvention.RAW if own is SignConvention.ALIGNED else SignConvention.ALIGNED


def how_to_get_weights(manifest: Manifest) -> str:
    """The command, as Markdown."""
    if manifest.imported is None:
        return "`python -m compute weights --dataset DIR` computes them."
    model = manifest.model.id if is_hub_id(manifest.model.id) else "M"  # else it may be words that a shell would run
    return (
        f"`python -m compute weights --model {model} --out DIR` computes them: put DIR beside this dataset's folder "
        "or, if it is on the Hub, into the folder that the dashboard has its datasets in."
    )


def neighbours_in_order(dataset: Dataset, neuron: NeuronId) -> dict[str, NeuronId | None]:
    """Where the arrow keys lead; None at the edges."""
    if (some := dataset.manifest.some_neurons) is not None:
        return _neighbours_among(some, neuron)
    layers, last = list(dataset.manifest.layers), dataset.manifest.model.d_mlp - 1
    at = layers.index(neuron.layer)
    return {
        "Left": NeuronId(neuron.layer, neuron.neuron - 1) if neuron.neuron > 0 else None,
        "Right": NeuronId(neuron.layer, neuron.neuron + 1) if neuron.neuron < last else None,
        "Up": NeuronId(layers[at + 1], neuron.neuron) if at + 1 < len(layers) else None,
        "Down": NeuronId(layers[at - 1], neuron.neuron) if at > 0 else None,
    }


def _neighbours_among(some: Sequence[NeuronId], neuron: NeuronId) -> dict[str, NeuronId | None]:
    """Of those that there are: within the layer, and the nearest in the next layer that has any."""
    mine = [each for each in some if each.layer == neuron.layer]
    at = mine.index(neuron)
    above, below = ([each for each in some if sign * (each.layer - neuron.layer) > 0] for sign in (1, -1))

    def nearest(found: list[NeuronId]) -> NeuronId | None:
        return min(
            found, key=lambda each: (abs(each.layer - neuron.layer), abs(each.neuron - neuron.neuron)), default=None
        )

    return {
        "Left": mine[at - 1] if at > 0 else None,
        "Right": mine[at + 1] if at + 1 < len(mine) else None,
        "Up": nearest(above),
        "Down": nearest(below),
    }

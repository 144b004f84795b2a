"""Datasets that keep examples of some neurons only: of which, and which of them is near another."""

import random
from contextlib import suppress

from gluscope_core.dataset import Dataset
from gluscope_core.errors import GluscopeError
from gluscope_core.ids import NeuronId
from gluscope_core.schema import EXAMPLES_TABLE, WINDOWS_TABLE

_NEAREST = 3


def some_only(dataset: Dataset, *, lists_first: bool = False) -> tuple[str, int] | None:
    """The table that has rows of some neurons only, and of how many; what is around examples counts before lists,
    unless it is these that are missed."""
    tables = (WINDOWS_TABLE.name, EXAMPLES_TABLE.name)
    for table in reversed(tables) if lists_first else tables:
        rows = sum(record.rows for record in dataset.manifest.files_of(table))
        if 0 < rows < dataset.manifest.neuron_count:
            return table, rows
    return None


def random_neuron(dataset: Dataset) -> NeuronId:
    """Any that the dataset has; of those with examples, where not all have them."""
    if some := some_only(dataset):
        table, rows = some
        with suppress(GluscopeError):  # which the page of any neuron tells
            return dataset.neuron_at(table, random.randrange(rows))  # noqa: S311
    manifest = dataset.manifest
    if manifest.some_neurons is not None:
        return random.choice(manifest.some_neurons)  # noqa: S311
    return NeuronId(random.choice(manifest.layers), random.randrange(manifest.model.d_mlp))  # noqa: S311


def nearest_with_examples(dataset: Dataset, neuron: NeuronId) -> list[NeuronId]:
    """By number within its layer; where that has none, in the nearest that has some."""
    some = some_only(dataset, lists_first=True)
    if some is None:
        return []
    for layer in sorted(dataset.manifest.layers, key=lambda each: (abs(each - neuron.layer), each)):
        if any(record.holds(layer) for record in dataset.manifest.files_of(some[0])):
            found = dataset.kept_neurons(some[0], layer)
            if found:
                return sorted(found, key=lambda each: (abs(each.neuron - neuron.neuron), each))[:_NEAREST]
    return []

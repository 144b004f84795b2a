"""Which neurons a command line names: ids, a file of them, or all that a table has."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from gluscope_core.dataset import Dataset
from gluscope_core.errors import BadSettings, NoSuchNeuron
from gluscope_core.ids import NeuronId
from gluscope_core.schema import LAYER, NEURON

ALL = "all"


def choose_neurons(named: Sequence[str], dataset: Dataset, table: str) -> tuple[NeuronId, ...]:
    """In order, each once. `table` is the one that `all` refers to."""
    chosen = {neuron for each in named for neuron in _read(each, dataset, table)}
    for neuron in chosen:
        refuse_unknown(dataset, neuron)
    return tuple(sorted(chosen))


def neurons_in(dataset: Dataset, table: str) -> list[NeuronId]:
    """Those that a table has a row of; none where there is no such table."""
    if not dataset.has(table):
        return []
    rows = dataset.read_table(table, [LAYER, NEURON])
    ids = zip(rows.column(LAYER).to_pylist(), rows.column(NEURON).to_pylist(), strict=True)
    return [NeuronId(*each) for each in ids]


def refuse_unknown(dataset: Dataset, neuron: NeuronId) -> None:
    layers, width = dataset.manifest.layers, dataset.manifest.model.d_mlp
    if neuron.layer not in layers or neuron.neuron >= width:
        has = f"layers {layers[0]} to {layers[-1]}" if layers else "no layers"
        raise NoSuchNeuron(
            f"{neuron} does not exist in {dataset.place}, which has {has}, each of neurons 0 to {width - 1}: name one "
            "of those"
        )


def _read(named: str, dataset: Dataset, table: str) -> Iterator[NeuronId]:
    if named == ALL:
        found = neurons_in(dataset, table)
        if not found:
            raise BadSettings(f"--neurons {ALL}: the dataset has no table {table}; name neurons, such as 31.9634")
        yield from found
    elif named.startswith("@"):
        yield from map(NeuronId.parse, _words_of(Path(named[1:])))
    else:
        yield NeuronId.parse(named)


def _words_of(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split()
    except UnicodeDecodeError as error:
        raise BadSettings(f"--neurons @{path} is no text in UTF-8: save it as such, with ids like 31.9634") from error

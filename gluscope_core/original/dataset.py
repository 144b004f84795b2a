"""A dataset that the original program wrote, read as one of ours."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa

from gluscope_core.activations import Activation, activation
from gluscope_core.dataset import Coming, Dataset
from gluscope_core.dataset_card import read_card
from gluscope_core.errors import DatasetDamaged, NoSuchNeuron, TableMissing
from gluscope_core.ids import NeuronId
from gluscope_core.manifest import Manifest
from gluscope_core.original.columns import (
    REQUIRED,
    as_lists,
    example_rows,
    known_columns,
    list_columns,
    needed_for,
    neuron_rows,
)
from gluscope_core.original.files import ParquetFiles, names_in
from gluscope_core.original.footers_say import Shape, least_said, list_length, shape_said
from gluscope_core.original.names import SILU_REMARK, convention_of, facts_of, goes_down_as_silu, model_of
from gluscope_core.places import Place
from gluscope_core.records import ImportRecord
from gluscope_core.schema import EXAMPLES, EXAMPLES_TABLE, FORMAT_VERSION, LAYER, NEURON, NEURONS, NEURONS_TABLE
from gluscope_core.unpack import NeuronWeights, unpack_lists
from gluscope_core.vocabulary import CASES, Coordinates, ExampleList, Field, ImportSource, Quantity, SignConvention

_TABLES = (NEURONS_TABLE.name, EXAMPLES_TABLE.name)
_MOST_NEURONS = 2**24


def are_original(files: ParquetFiles) -> bool:
    """Whether they, if there are any, have the original's columns. Of damaged ones nobody can tell."""
    return len(files) > 0 and set(REQUIRED) <= set(files.schema.names)


class OriginalDataset(Dataset):
    """Statistics and lists of all neurons. Columns are read as they are asked for; of lists, row group by row group."""

    def __init__(self, place: Place, files: ParquetFiles | None = None) -> None:
        """`files` are the place's, if they were looked at already."""
        self.place = place
        self._where = place.name
        self._rows = files if files is not None else ParquetFiles(place)
        if self._rows.rows > _MOST_NEURONS:
            raise DatasetDamaged(
                f"{self._where} has {self._rows.rows} rows, more than there are neurons: open one with a row for each"
            )
        self._said = shape_said(self._rows) or self._shape
        self.manifest = self._describe(read_card(place), place)

    def __repr__(self) -> str:
        return f"OriginalDataset({self.manifest.model.id!r}, {self.place})"

    def has(self, table: str) -> bool:
        return table in _TABLES

    def read_table(self, table: str, columns: Sequence[str] | None = None, layer: int | None = None) -> pa.Table:
        if not self.has(table):
            self._refuse(table)
        schema = NEURONS if table == NEURONS_TABLE.name else EXAMPLES
        names = known_columns(columns, schema, self._where)

        def read() -> pa.Table:
            if schema is NEURONS:
                parts = [neuron_rows(each, names, self._act) for each in self._row_groups(needed_for(names), layer)]
            else:
                parts = [example_rows(each).select(names) for each in self._row_groups(list_columns(), layer)]
            empty = pa.schema([schema.field(name) for name in names]).empty_table()
            return self._in_order(pa.concat_tables(parts) if parts else empty, layer)

        return self._rows.guard(read)

    def neuron(self, layer: int, neuron: int) -> dict[str, Any]:
        theirs = self._row_of(NeuronId(layer, neuron), needed_for(NEURONS.names))
        return self._rows.guard(lambda: neuron_rows(theirs, NEURONS.names, self._act)).to_pylist()[0]

    def examples(self, layer: int, neuron: int) -> pd.DataFrame:
        theirs = self._row_of(NeuronId(layer, neuron), list_columns())
        return unpack_lists(self._rows.guard(lambda: example_rows(theirs)))

    def samples(self, layer: int, neuron: int) -> pd.DataFrame:  # noqa: ARG002
        self._refuse("samples")

    def weights(self, layer: int, neuron: int) -> NeuronWeights:  # noqa: ARG002
        self._refuse("weights")

    def token_neurons(self, token: int) -> pd.DataFrame:  # noqa: ARG002
        self._refuse("tokens")

    def text(self, index: int) -> dict[str, object]:  # noqa: ARG002
        self._refuse("texts")

    @cached_property
    def vocab(self) -> pd.DataFrame:
        self._refuse("vocab")

    def _refuse(self, table: str) -> NoReturn:
        raise TableMissing(
            f"{self._where} has no table {table}, since the original program wrote statistics and lists only: compute "
            "it with `python -m compute`, or leave it out"
        )

    def to_fetch(self, *tables: str) -> list[Coming]:
        """Whoever wants figures of all neurons needs all files."""
        wanted = set(tables) & set(_TABLES)
        return [self._coming(name) for name in self._rows.missing()] if wanted else []

    def _coming(self, name: str) -> Coming:
        return Coming(NEURONS_TABLE.name, self.place.size(name), lambda: self.place.whole(name))

    @cached_property
    def _act(self) -> Activation:
        return activation(self.manifest.model.activation)

    def _row_groups(self, columns: Sequence[str], layer: int | None) -> Iterator[pa.Table]:
        def wanted(first: int, rows: int) -> bool:
            return layer is None or bool((self._layer[first : first + rows] == layer).any())

        for group in self._rows.groups(columns, wanted):
            yield group if layer is None else group.filter(pa.array(np.asarray(group.column(LAYER)) == layer))

    def _in_order(self, whole: pa.Table, layer: int | None) -> pa.Table:
        """By layer and neuron, as ours are, where they are not so already."""
        mine = self._neuron[self._layer == layer] if layer is not None else None
        order = self._order if mine is None else np.argsort(mine, kind="stable")
        return whole if np.array_equal(order, np.arange(len(order))) else whole.take(order)

    def _row_of(self, neuron: NeuronId, columns: Sequence[str]) -> pa.Table:
        found = np.flatnonzero((self._layer == neuron.layer) & (self._neuron == neuron.neuron))
        if not len(found):
            raise NoSuchNeuron(f"no neuron {neuron} in {self._where}: name one that `neurons()` lists")
        return self._rows.row(int(found[0]), columns)

    @property
    def _layer(self) -> np.ndarray:
        return self._keys[0]

    @property
    def _neuron(self) -> np.ndarray:
        return self._keys[1]

    @cached_property
    def _order(self) -> np.ndarray:
        return np.lexsort((self._neuron, self._layer))

    @cached_property
    def _keys(self) -> tuple[np.ndarray, np.ndarray]:
        """Layer and neuron of each row."""

        def read() -> tuple[np.ndarray, np.ndarray]:
            keys = pa.concat_tables(self._rows.groups([LAYER, NEURON], in_parts=True))
            if any(keys.column(name).null_count for name in (LAYER, NEURON)):
                raise ValueError("a row does not say which neuron it is of")
            layer, neuron = (keys.column(name).cast(pa.int32()).to_numpy() for name in (LAYER, NEURON))
            return layer, neuron

        layer, neuron = self._rows.guard(read)
        said = shape_said(self._rows)
        if said not in (None, shape := _shape_of(layer, neuron)) or shape is None:
            raise DatasetDamaged(f"{self._where} does not have each neuron of its layers once: fetch its files again")
        return layer, neuron

    @cached_property
    def _shape(self) -> Shape:
        return Shape(tuple(map(int, np.unique(self._layer))), int(self._neuron.max()) + 1)

    def _describe(self, card: str, place: Place) -> Manifest:
        """What card, names and rows say."""
        model, is_said = model_of(card, place.name)
        layers = self._said.layers
        facts = facts_of(model, layers[-1] + 1, self._said.width)
        remarks = ["The original program computed this dataset. Of each case it kept the extreme of larger magnitude."]
        if not is_said:
            remarks.append("Neither card nor name say which model this is; what stands for it is the folder's name.")
        if facts.activation is None and self._goes_down_as_silu():
            facts = replace(facts, activation="silu")
            remarks.append(SILU_REMARK)
        convention = convention_of(place.name, card, *names_in(place))
        if convention is SignConvention.UNKNOWN:
            remarks.append("Neither card nor name say whether the signs of w_in and w_out were aligned.")
        imported = ImportRecord(
            ImportSource.DATASET,
            len(self._rows),
            self._rows.fingerprint,
            convention,
            Coordinates.NORM_FOLDED,
            layers,
            None,
            list_length(self._rows),
            None,
            tuple(remarks),
        )
        return Manifest(FORMAT_VERSION, facts, None, None, None, None, 0, ("original",), (), imported).sealed()

    def _values(self, column: pa.ChunkedArray) -> np.ndarray:
        """Of lists, end to end."""
        return self._rows.guard(lambda: as_lists(column, pa.float32()).flatten().to_numpy(zero_copy_only=False))

    def _goes_down_as_silu(self) -> bool:
        """By the strongest negative act of all neurons, or of the first where the footers do not say."""
        lists = [ExampleList(case, Quantity.ACT).column(Field.VALUES) for case in CASES if case.gate_sign < 0]
        said = [least_said(self._rows, name) for name in lists]
        if None not in said:
            return goes_down_as_silu(min(filter(None, said), default=0.0))
        _, seen = self._rows.around(0, lists)
        values = [self._values(column) for column in seen.columns]
        return goes_down_as_silu(min((float(each.min(initial=0)) for each in values), default=0.0))


def _shape_of(layer: np.ndarray, neuron: np.ndarray) -> Shape | None:
    """Of each layer that is there all neurons are, once; else None. By how many there are first, since one row may
    name a neuron of any number."""
    layers, width = np.unique(layer), int(neuron.max(initial=-1)) + 1
    if not len(layer) == len(layers) * width > 0 <= layers[0]:
        return None
    shape, order = Shape(tuple(map(int, layers)), width), np.lexsort((neuron, layer))
    whole = np.repeat(layers, width), np.tile(np.arange(width), len(layers))
    return shape if shape.is_plausible and np.array_equal((layer[order], neuron[order]), whole) else None

"""Opening a dataset and reading from it: whole columns of all neurons, or the examples of one."""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa

from gluscope_core.columns import SampleColumn, VocabColumn
from gluscope_core.errors import (
    DatasetBeingUpdated,
    DatasetDamaged,
    JoinRefused,
    NoSuchNeuron,
    NoSuchRevision,
    NoSuchText,
    NotComputed,
    TableMissing,
)
from gluscope_core.ids import NeuronId
from gluscope_core.manifest import JOURNAL_NAME, Manifest, read_manifest
from gluscope_core.schema import (
    EXAMPLES_TABLE,
    NEURONS_TABLE,
    SAMPLES_TABLE,
    TEXTS_TABLE,
    TOKENS_TABLE,
    VOCAB_TABLE,
    WEIGHTS_TABLE,
    WINDOWS_TABLE,
)
from gluscope_core.tables import TableFile
from gluscope_core.unpack import NeuronWeights, unpack_index, unpack_lists, unpack_weights, unpack_windows, values_of

_Read = TypeVar("_Read")


class Dataset:
    """A dataset in a local folder. Nothing is read before it is asked for, and nothing damaged is returned."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        _refuse_while_updated(folder)
        self.manifest: Manifest = read_manifest(folder)
        self._files: dict[str, TableFile] = {}

    def __repr__(self) -> str:
        texts = f"{self.manifest.texts.texts} texts" if self.manifest.texts else "no texts"
        return f"Dataset({self.manifest.model.id!r}, {texts}, {self.folder})"

    def neurons(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """One row per neuron; `columns` limits what is read."""
        return self.read_table(NEURONS_TABLE.name, columns).to_pandas()

    def neuron(self, layer: int, neuron: int) -> dict[str, Any]:
        """All figures of one neuron."""
        return self._existing_row(NEURONS_TABLE.name, NeuronId(layer, neuron)).to_pylist()[0]

    def examples(self, layer: int, neuron: int) -> pd.DataFrame:
        """One row per example of one neuron: `case`, `quantity` (null in random lists), `rank`, `value`, `text`
        (its number) and `position`; with windows also `start`, `tokens`, `gate` and `in`."""
        neuron_id = NeuronId(layer, neuron)
        windows = self._row(WINDOWS_TABLE.name, neuron_id) if self.has(WINDOWS_TABLE.name) else None
        if windows is not None:
            return unpack_windows(windows)
        return unpack_lists(self._existing_row(EXAMPLES_TABLE.name, neuron_id))

    def samples(self, layer: int, neuron: int) -> pd.DataFrame:
        """(gate, in) of one neuron at the sampled positions, the same positions for every neuron."""
        row = self._existing_row(SAMPLES_TABLE.name, NeuronId(layer, neuron))
        names = {"text": SampleColumn.INDICES, "position": SampleColumn.POSITIONS}
        names |= {"gate": SampleColumn.GATE, "in": SampleColumn.IN}
        return pd.DataFrame({name: values_of(row, column) for name, column in names.items()})

    def weights(self, layer: int, neuron: int) -> NeuronWeights:
        """The tokens that a neuron's vectors point to, and the neurons whose weights have to do with its own."""
        return unpack_weights(self._existing_row(WEIGHTS_TABLE.name, NeuronId(layer, neuron)))

    def token_neurons(self, token: int) -> pd.DataFrame:
        """The neurons of a token: those whose `vector` points to it (`sign` 1) or away from it (-1) by a `matrix`
        (`value` is the cosine); and those whose strongest examples of a `case` fire on it, or right `before` it
        (`value` counts them)."""
        return unpack_index(self._numbered_row(TOKENS_TABLE.name, token, f"token {token}"))

    def text(self, index: int) -> dict[str, object]:
        """One text: its token ids, the string if there was one, and its source."""
        return self._numbered_row(TEXTS_TABLE.name, index, f"text {index}").to_pylist()[0]

    @cached_property
    def vocab(self) -> pd.DataFrame:
        """Token id to bytes and display string."""
        return self.read_table(VOCAB_TABLE.name).to_pandas().set_index(VocabColumn.ID.value)

    def has(self, table: str) -> bool:
        return bool(self.manifest.files_of(table))

    def read_table(self, table: str, columns: Sequence[str] | None = None, layer: int | None = None) -> pa.Table:
        """All rows of a table, or all of the files that hold a layer."""
        files = [file for file in self._files_of(table) if layer is None or file.record.holds(layer)]
        return self._settled(lambda: pa.concat_tables([file.read(columns) for file in files]))

    def _files_of(self, table: str) -> list[TableFile]:
        records = self.manifest.files_of(table)
        if not records:
            have = sorted({record.table for record in self.manifest.files})
            raise TableMissing(f"{self.folder} has no table {table}: it has {', '.join(have)}")
        return [self._file(record.path) for record in records]

    def _file(self, path: str) -> TableFile:
        if path not in self._files:
            record = next(record for record in self.manifest.files if record.path == path)
            self._files[path] = self._settled(lambda: TableFile(self.folder, record))
        return self._files[path]

    def _row(self, table: str, neuron_id: NeuronId) -> pa.Table | None:
        for record in self.manifest.files_of(table):
            if record.holds(neuron_id.layer):
                file = self._file(record.path)
                row = self._settled(lambda file=file: file.read_row(neuron_id))
                if row is not None:
                    return row
        return None

    def _numbered_row(self, table: str, number: int, what: str) -> pa.Table:
        """Of a table whose rows are numbered from 0."""
        first = 0
        for file in self._files_of(table):
            if first <= number < first + file.record.rows:
                return self._settled(lambda file=file, first=first: file.read_at(number - first))
            first += file.record.rows
        raise NoSuchText(f"{what} does not exist: {self.folder} has numbers 0 to {first - 1}")

    def _existing_row(self, table: str, neuron_id: NeuronId) -> pa.Table:
        self._files_of(table)
        row = self._row(table, neuron_id)
        if row is not None:
            return row
        if self.manifest.holds(neuron_id):
            raise NotComputed(f"{self.folder} has no {table} of neuron {neuron_id}, since it keeps those of some only")
        raise NoSuchNeuron(f"no neuron {neuron_id} in table {table} of {self.folder}")

    def _settled(self, read: Callable[[], _Read]) -> _Read:
        """Tells bytes that changed because tables were replaced under us from bytes that are damaged."""
        try:
            return read()
        except DatasetDamaged as error:
            _refuse_while_updated(self.folder)
            if read_manifest(self.folder).sha256 != self.manifest.sha256:
                raise DatasetBeingUpdated(f"{self.folder} was replaced since it was opened: open it again") from error
            raise


def open_dataset(
    path: str | Path, revision: str | None = None, *, weights: str | Path | None = None, texts: str | Path | None = None
) -> Dataset:
    """A dataset in a local folder: ours, or one that the original program wrote, with which `weights` (computed apart)
    and `texts` are joined, given or found beside it. `revision` belongs to datasets on the Hub; a folder has only what
    lies in it."""
    from gluscope_core.beside import open_beside, with_what_belongs  # noqa: PLC0415  # they build on this module

    if revision is not None:
        raise NoSuchRevision(f"{path} is opened as a local folder, which has no revisions: leave revision out")
    given = [None if each is None else Path(each) for each in (weights, texts)]
    if original := open_beside(Path(path), *given):
        return original
    dataset = Dataset(Path(path))
    if dataset.manifest.imported is None and any(given):
        raise JoinRefused(f"{path} needs nothing joined: `python -m compute weights --dataset {path}` adds to it")
    return dataset if dataset.manifest.imported is None else with_what_belongs(dataset, *given)


def _refuse_while_updated(folder: Path) -> None:
    if (folder / JOURNAL_NAME).exists():
        raise DatasetBeingUpdated(
            f"{folder} is being updated, or an update was cut off: repeat the command that wrote to it to complete it"
        )

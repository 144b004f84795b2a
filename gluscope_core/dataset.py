"""Opening a dataset and reading from it: whole columns of all neurons, or the examples of one."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from gluscope_core.columns import VocabColumn
from gluscope_core.errors import (
    DatasetDamaged,
    DatasetNotFound,
    NoSuchNeuron,
    NoSuchText,
    NotComputed,
    TableMissing,
)
from gluscope_core.ids import NeuronId
from gluscope_core.kept import Kept
from gluscope_core.manifest import Manifest
from gluscope_core.places import Folder, Place, find_place
from gluscope_core.records import FileRecord
from gluscope_core.schema import (
    EXAMPLES_TABLE,
    LAYER,
    NEURON,
    NEURONS_TABLE,
    SAMPLES_TABLE,
    TEXTS_TABLE,
    TOKENS_TABLE,
    VOCAB_TABLE,
    WEIGHTS_TABLE,
    WINDOWS_TABLE,
)
from gluscope_core.tables import TableFile, read_whole
from gluscope_core.unpack import (
    NeuronWeights,
    unpack_index,
    unpack_lists,
    unpack_samples,
    unpack_weights,
    unpack_windows,
)

_Read = TypeVar("_Read")


_MOST_FOOTERS = 12 * 2**20
"""Bytes of footers that are kept parsed, which takes about eleven times as much memory. Those of a table of weights of
352,256 neurons have 9.8 MB, and a search reads from all of them."""
_FILES: Kept[TableFile] = Kept(_MOST_FOOTERS, lambda file: file.footer_bytes)
"""Of all datasets that are open: however many they are, what they keep has one bound."""


@dataclass(frozen=True)
class Coming:
    """A file that comes over a network, whole, when it is first read."""

    table: str
    bytes: int
    fetch: Callable[[], object]


class Dataset:
    """A dataset at some place. Nothing is read before it is asked for, and nothing damaged is returned."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.manifest: Manifest = place.manifest()
        self._opened = object()
        """By which what is kept of it is told from what is kept of others."""

    def __repr__(self) -> str:
        texts = f"{self.manifest.texts.texts} texts" if self.manifest.texts else "no texts"
        revision = f", revision={self.revision!r}" if self.revision else ""
        return f"Dataset({self.manifest.model.id!r}, {texts}, {self.place}{revision})"

    @property
    def name(self) -> str:
        """The folder's name, or the id on the Hub."""
        return self.place.name

    @property
    def revision(self) -> str | None:
        """The commit, where the dataset is on the Hub."""
        return self.place.revision

    @property
    def folder(self) -> Path:
        """Of a local dataset."""
        if not isinstance(self.place, Folder):
            raise DatasetNotFound(f"{self.place} is no local folder: download it first")
        return self.place.path

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
        windows = self.windows(neuron_id)
        return unpack_lists(self._existing_row(EXAMPLES_TABLE.name, neuron_id)) if windows is None else windows

    def windows(self, neuron: NeuronId) -> pd.DataFrame | None:
        """The examples of a neuron that there are windows of."""
        row = self._row(WINDOWS_TABLE.name, neuron) if Dataset.has(self, WINDOWS_TABLE.name) else None
        return None if row is None else unpack_windows(row)

    def has_row(self, table: str, neuron: NeuronId) -> bool:
        return self._row(table, neuron) is not None

    def kept_neurons(self, table: str, layer: int) -> list[NeuronId]:
        """Those of a layer that a table has rows of."""
        rows = self.read_table(table, [LAYER, NEURON], layer)
        layers, neurons = (rows.column(name).to_numpy() for name in (LAYER, NEURON))
        return [NeuronId(layer, int(neuron)) for neuron in neurons[layers == layer]]

    def neuron_at(self, table: str, row: int) -> NeuronId:
        """Whose row stands at a place in a table."""
        found = self._numbered_row(table, row, f"row {row} of {table}")
        return NeuronId(*(found.column(name)[0].as_py() for name in (LAYER, NEURON)))

    def samples(self, layer: int, neuron: int) -> pd.DataFrame:
        """(gate, in) of one neuron at the sampled positions, the same positions for every neuron."""
        return unpack_samples(self._existing_row(SAMPLES_TABLE.name, NeuronId(layer, neuron)))

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
        vocab = self.read_table(VOCAB_TABLE.name).to_pandas()
        if not np.array_equal(vocab[VocabColumn.ID], np.arange(len(vocab))):
            raise DatasetDamaged(f"{self.place}: its vocabulary does not count from 0: {self.place.remedy}")
        return vocab.set_index(VocabColumn.ID.value)

    def has(self, table: str) -> bool:
        return bool(self.manifest.files_of(table))

    def to_fetch(self, *tables: str) -> list[Coming]:
        """The files of these tables that are still to come."""
        records = [record for table in tables for record in self.manifest.files_of(table) if read_whole(record)]
        missing = [record for record in records if not self.place.kept(record.path)]
        return [Coming(each.table, each.bytes, partial(self._fetch, each)) for each in missing]

    def _fetch(self, record: FileRecord) -> None:
        """Makes a local copy of a file, and holds all of it against the manifest."""
        where = self.place.locate(record.path)
        try:
            with self.place.whole(record.path).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError as error:
            raise DatasetDamaged(f"{where} is missing: {self.place.remedy}") from error
        if found != record.sha256:
            raise DatasetDamaged(f"{where} is not the file in the manifest: {self.place.remedy}")

    def read_table(self, table: str, columns: Sequence[str] | None = None, layer: int | None = None) -> pa.Table:
        """All rows of a table, or all of the files that hold a layer."""
        files = [self._file(each.path) for each in self._records_of(table) if layer is None or each.holds(layer)]
        found = self._settled(lambda: pa.concat_tables([file.read(columns) for file in files]))
        if table == NEURONS_TABLE.name and layer is None and {LAYER, NEURON} <= set(found.column_names):
            self._refuse_other_neurons(found)
        return found

    def _refuse_other_neurons(self, rows: pa.Table) -> None:
        """Who reads columns takes the place of a row for its neuron."""
        manifest, (layer, neuron) = self.manifest, (rows.column(name).to_numpy() for name in (LAYER, NEURON))
        if manifest.some_neurons is None:
            width = manifest.model.d_mlp
            wanted = np.repeat(manifest.layers, width), np.tile(np.arange(width), len(manifest.layers))
        else:
            wanted = np.array(manifest.some_neurons).T
        if not np.array_equal((layer, neuron), wanted):
            raise DatasetDamaged(
                f"{self.place}: its table {NEURONS_TABLE.name} does not have each neuron once, in order: "
                f"{self.place.remedy}"
            )

    def _records_of(self, table: str) -> tuple[FileRecord, ...]:
        """None of them opened yet: the footers of all layers may be more than are kept."""
        records = self.manifest.files_of(table)
        if not records:
            have = ", ".join(sorted({record.table for record in self.manifest.files})) or "an empty list of files"
            raise TableMissing(
                f"{self.place} has no table {table}, only {have}: name what there is, or add it with "
                "`python -m compute`"
            )
        return records

    def _file(self, path: str) -> TableFile:
        record = next(record for record in self.manifest.files if record.path == path)
        key = self._opened, path
        return _FILES.get(key, lambda: self._settled(lambda: TableFile(self.place, record, self._opened)))

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
        for record in self._records_of(table):
            if first <= number < first + record.rows:
                file = self._file(record.path)
                return self._settled(lambda file=file, first=first: file.read_at(number - first))
            first += record.rows
        raise NoSuchText.among(what, self.place, first)

    def _existing_row(self, table: str, neuron_id: NeuronId) -> pa.Table:
        self._records_of(table)
        row = self._row(table, neuron_id)
        if row is not None:
            return row
        if self.manifest.holds(neuron_id):
            raise NotComputed(
                f"{self.place} has no {table} of neuron {neuron_id}, since it keeps those of some only: name another, "
                f"or compute them by `python -m compute run` with `--layers {neuron_id.layer}`"
            )
        raise NoSuchNeuron(f"no neuron {neuron_id} in table {table} of {self.place}: name one that `neurons()` lists")

    def _settled(self, read: Callable[[], _Read]) -> _Read:
        """Tells bytes that changed because tables were replaced under us from bytes that are damaged."""
        try:
            return read()
        except DatasetDamaged:
            self.place.check_settled(self.manifest)
            raise


def open_dataset(
    path: str | Path,
    revision: str | None = None,
    *,
    weights: str | Path | None = None,
    texts: str | Path | None = None,
    beside: str | Path | None = None,
) -> Dataset:
    """A dataset in a local folder, or by its id on the Hub, `user/name`. There `revision`, a branch, tag or commit, is
    looked up once, and what is read is that commit's; a folder has no revisions. With one that the original program
    wrote, `weights` (computed apart: a folder, or an id on the Hub) and `texts` are joined, given, or found in it or
    beside it. A dataset on the Hub is taken to lie, by the last part of its id, in the folder `beside`."""
    from gluscope_core.beside import folders_in, opened  # noqa: PLC0415 - they build on this module

    given = texts if texts is None else Path(texts)
    return opened(find_place(path, revision), weights, given, folders_in(Path(beside)) if beside else ())

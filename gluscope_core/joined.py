"""Activations that the original program computed, together with what weights say and the texts that lists name."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from gluscope_core.columns import NeuronColumn, TextColumn, VocabColumn, WindowColumn
from gluscope_core.dataset import Coming, Dataset
from gluscope_core.errors import JoinRefused
from gluscope_core.flip import convert_weights, flip_index
from gluscope_core.ids import NeuronId
from gluscope_core.manifest import Manifest
from gluscope_core.original.names import short_name
from gluscope_core.original.texts import TextFiles
from gluscope_core.records import MismatchRecord, ModelFacts
from gluscope_core.schema import (
    COSINES,
    LAYER,
    NEURON,
    NEURONS,
    NEURONS_TABLE,
    TEXTS_TABLE,
    TOKENS_TABLE,
    VOCAB_TABLE,
    WEIGHT_FIELDS,
    WEIGHTS_TABLE,
    WINDOWS_TABLE,
)
from gluscope_core.token_means import FIGURES, compute
from gluscope_core.unpack import NeuronWeights
from gluscope_core.vocabulary import SignConvention

_OF_SIGNS = (NeuronColumn.COS_GATE_IN, NeuronColumn.COS_GATE_OUT, NeuronColumn.UNEMBED_SKEW)
"""Columns of the weights that change with the signs of w_in and w_out."""
_MINE = {field.name for field in WEIGHT_FIELDS} | {NeuronColumn.FLIPPED.value}
_OF_WEIGHTS = (WEIGHTS_TABLE.name, TOKENS_TABLE.name)
_MEAN_POST = next(figure for figure in FIGURES if figure.key == "mean_post")
_OF_MODEL = ("architecture", "d_model", "vocab_size", "context", "activation")
"""What the weights' model tells of the activations'."""
_KEY = [LAYER, NEURON]


class JoinedDataset(Dataset):
    """One dataset in which figures of the weights stand beside those of activations, in the latter's signs, and windows
    that were computed later beside the lists."""

    def __init__(
        self, base: Dataset, weights: Dataset | None, texts: TextFiles | None, windows: Dataset | None = None
    ) -> None:
        self.place = base.place
        self._base, self._weights, self._texts, self._windows = base, weights, texts, windows
        self.manifest = base.manifest if weights is None else _joined_manifest(base.manifest, weights.manifest)
        if windows is not None:
            self.manifest = _with_windows(self.manifest, windows.manifest)

    def __repr__(self) -> str:
        return f"JoinedDataset({self._base!r}, {self._weights!r})"

    def has(self, table: str) -> bool:
        if table == TEXTS_TABLE.name and self._texts is not None:
            return True
        if self._base.has(table) or (self._windows is not None and self._windows.has(table)):
            return True
        return self._weights is not None and table in (*_OF_WEIGHTS, VOCAB_TABLE.name) and self._weights.has(table)

    def has_row(self, table: str, neuron: NeuronId) -> bool:
        return self._base.has_row(table, neuron)

    def kept_neurons(self, table: str, layer: int) -> list[NeuronId]:
        return self._base.kept_neurons(table, layer)

    def neuron_at(self, table: str, row: int) -> NeuronId:
        return self._base.neuron_at(table, row)

    def to_fetch(self, *tables: str) -> list[Coming]:
        of_weights = self._weights.to_fetch(*tables) if self._weights is not None else []
        return [*self._base.to_fetch(*tables), *of_weights]

    def read_table(self, table: str, columns: Sequence[str] | None = None, layer: int | None = None) -> pa.Table:
        if self._windows is not None and table == WINDOWS_TABLE.name:
            return self._windows.read_table(table, columns, layer)
        if self._weights is None:
            return self._base.read_table(table, columns, layer)
        if table == NEURONS_TABLE.name:
            return self._neurons(list(columns) if columns is not None else NEURONS.names, layer)
        if table in _OF_WEIGHTS:
            return self._weights.read_table(table, columns, layer)
        return self._base.read_table(table, columns, layer)

    def neuron(self, layer: int, neuron: int) -> dict[str, Any]:
        row = self._base.neuron(layer, neuron)
        if self._weights is None:
            return row
        whole = self.read_table(NEURONS_TABLE.name, [*_KEY, *sorted(_MINE)], layer)
        mine = whole.filter(pa.array(np.asarray(whole.column(NEURON)) == neuron)).to_pylist()[0]
        return {**row, **mine}

    def examples(self, layer: int, neuron: int) -> pd.DataFrame:
        later = self._windows.windows(NeuronId(layer, neuron)) if self._windows is not None else None
        if later is not None:
            return later
        found = self._base.examples(layer, neuron)
        if WindowColumn.TOKENS.value not in found or self._ids is None:
            return found
        return found.assign(**{WindowColumn.TOKENS.value: [self._ids[each] for each in found[WindowColumn.TOKENS]]})

    def samples(self, layer: int, neuron: int) -> pd.DataFrame:
        return self._base.samples(layer, neuron)

    def weights(self, layer: int, neuron: int) -> NeuronWeights:
        if self._weights is None:
            return self._base.weights(layer, neuron)
        weights = self._weights.weights(layer, neuron)
        if not self._turns:
            return weights
        own = self._flipped(np.array([layer]), np.array([neuron]))[0] == 1
        return convert_weights(weights, own=bool(own), others=self._flipped)

    def token_neurons(self, token: int) -> pd.DataFrame:
        if self._weights is None:
            return self._base.token_neurons(token)
        found = self._weights.token_neurons(token)
        return flip_index(found, self._flipped) if self._turns else found

    def text(self, index: int) -> dict[str, object]:
        if self._texts is not None:
            return self._texts.text(index)
        text = self._base.text(index)
        ids = text[TextColumn.INPUT_IDS]
        if self._ids is None or not isinstance(ids, list):
            return text
        return {**text, TextColumn.INPUT_IDS.value: self._ids[np.asarray(ids, dtype=np.int64)].tolist()}

    @cached_property
    def vocab(self) -> pd.DataFrame:
        return self._vocabularies[0]

    @property
    def _ids(self) -> np.ndarray | None:
        """Of the base's own token ids: what they are in the vocabulary; None where they need no translation."""
        return self._vocabularies[1] if self._weights is not None and self._base.has(VOCAB_TABLE.name) else None

    @cached_property
    def _vocabularies(self) -> tuple[pd.DataFrame, np.ndarray | None]:
        """One for both: pages bring token strings without ids. Strings that no token of the model has go last."""
        known = next(
            (each.vocab for each in (self._weights, self._windows) if each and each.has(VOCAB_TABLE.name)), None
        )
        if known is None:
            return self._base.vocab, None
        if not self._base.has(VOCAB_TABLE.name):
            return known, None
        own = self._base.vocab
        number_of = {piece: number for number, piece in reversed(list(enumerate(known[VocabColumn.BYTES])))}
        found = np.array([number_of.get(piece, -1) for piece in own[VocabColumn.BYTES]], dtype=np.int64)
        new = found < 0
        found[new] = len(known) + np.arange(new.sum())
        more = own.loc[new].set_axis(found[new], axis="index")
        return pd.DataFrame(pd.concat([known, more])), found

    @property
    def _turns(self) -> bool:
        """Whether the weights are in the other signs."""
        theirs = self._weights.manifest.sign_convention if self._weights else None
        return theirs is not None and self.manifest.sign_convention not in (SignConvention.UNKNOWN, theirs)

    def _flipped(self, layers: np.ndarray, neurons: np.ndarray) -> np.ndarray:
        """1 for neurons whose signs differ between the weights and here."""
        wanted = pd.MultiIndex.from_arrays([layers, neurons], names=_KEY)
        return self._all_flipped.reindex(wanted).to_numpy()

    @cached_property
    def _all_flipped(self) -> pd.Series:
        weights = self._weights or self._base
        table = weights.neurons([*_KEY, NeuronColumn.FLIPPED])
        index = pd.MultiIndex.from_arrays([table[name] for name in _KEY], names=_KEY)
        return pd.Series(table[NeuronColumn.FLIPPED].to_numpy(dtype=np.float64, na_value=np.nan), index)

    def _neurons(self, columns: list[str], layer: int | None) -> pa.Table:
        """Their columns from where each is, by layer and neuron."""
        mine = [name for name in columns if name in _MINE]
        others = [name for name in columns if name not in _MINE]
        with_post = [*others, *_MEAN_POST.columns] if NeuronColumn.MEAN_POST_SKEW in mine else others
        theirs = self._base.read_table(NEURONS_TABLE.name, list(dict.fromkeys([*_KEY, *with_post])), layer)
        joined = {name: theirs.column(name) for name in others}
        if mine:
            joined |= self._of_weights(mine, theirs, layer)
        return pa.table({name: joined[name] for name in columns})

    def _of_weights(self, columns: list[str], theirs: pa.Table, layer: int | None) -> dict[str, pa.Array]:
        weights = self._weights
        if weights is None:
            raise JoinRefused(f"{self.place} has no weights joined to it: open it with weights=FOLDER")
        derived = (NeuronColumn.MEAN_POST_SKEW, NeuronColumn.EFFECTIVE_IO)
        needed = {*columns, NeuronColumn.FLIPPED, NeuronColumn.UNEMBED_SKEW} - set(derived)
        table = weights.read_table(NEURONS_TABLE.name, [*_KEY, *sorted(needed)], layer)
        rows = table.take(_places(table, theirs))
        found = {name: rows.column(name) for name in needed}
        unknown = self.manifest.sign_convention is SignConvention.UNKNOWN
        for name in _OF_SIGNS:
            # Classes and magnitudes follow from the weights' own cosines, in whichever signs all of them are.
            if name in found and not (unknown and name in COSINES):
                found[name] = self._in_our_signs(found[name], rows.column(NeuronColumn.FLIPPED))
        if unknown:
            found[NeuronColumn.FLIPPED] = pa.nulls(theirs.num_rows, pa.bool_())
        if NeuronColumn.MEAN_POST_SKEW in columns:
            product = compute(_MEAN_POST, theirs.to_pandas()) * _floats(found[NeuronColumn.UNEMBED_SKEW])
            found[NeuronColumn.MEAN_POST_SKEW] = pa.array(product, from_pandas=True)
        found[NeuronColumn.EFFECTIVE_IO] = pa.nulls(theirs.num_rows, pa.float64())
        return {name: found[name].cast(NEURONS.field(name).type) for name in columns}

    def _in_our_signs(self, column: pa.ChunkedArray, flipped: pa.ChunkedArray) -> pa.Array:
        if self.manifest.sign_convention is SignConvention.UNKNOWN:
            return pa.nulls(len(column), column.type)
        sign = np.where(np.asarray(flipped), -1, 1) if self._turns else 1
        return pa.array(_floats(column) * sign, from_pandas=True)


def _floats(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    return column.to_numpy(zero_copy_only=False).astype(np.float64)


def _places(table: pa.Table, wanted: pa.Table) -> np.ndarray:
    """Where the rows of some neurons stand in a table."""
    index = pd.MultiIndex.from_arrays([np.asarray(table.column(name)) for name in _KEY])
    places = index.get_indexer(pd.MultiIndex.from_arrays([np.asarray(wanted.column(name)) for name in _KEY]))
    if (places < 0).any():
        lacking = int((places < 0).sum())
        raise JoinRefused(f"the weights lack {lacking:,} neurons of the activations: compute them of the whole model")
    return places


def why_not_joined(base: Manifest, weights: Manifest) -> str | None:
    """Why a dataset of weights does not belong to activations; None where it may."""
    if weights.weights is None:
        return "it says nothing of weights"
    ours, theirs = base.model, weights.model
    if ours.d_mlp != theirs.d_mlp or max(base.layers) >= theirs.layers:
        return (
            f"it is of {theirs.layers} layers of {theirs.d_mlp:,} neurons, the activations of layers up to "
            f"{max(base.layers)} of {ours.d_mlp:,}"
        )
    if weights.coordinates is not base.coordinates:
        return f"its coordinates are {weights.coordinates}, those of the activations {base.coordinates}"
    if ours.activation is not None and theirs.activation != ours.activation:
        return f"its activation function is {theirs.activation}, that of the activations {ours.activation}"
    return None


def _in_any_signs(record: MismatchRecord) -> MismatchRecord:
    """Where the signs of some vectors change, so do those of their cosines: at least as many lie within ± the further
    end."""
    reach = {name: max(map(abs, getattr(record, name))) for name in ("gate_in", "gate_out", "in_out")}
    return replace(record, **{name: (-end, end) for name, end in reach.items()})


def _with_windows(base: Manifest, windows: Manifest) -> Manifest:
    if base.imported is None or windows.imported is None:
        return base
    both = hashlib.sha256(f"{base.imported.fingerprint} {windows.sha256}".encode()).hexdigest()
    remark = f"What is around examples was computed here, with {windows.model.id}, of some neurons."
    imported = replace(
        base.imported, window=windows.imported.window, fingerprint=both, remarks=(*base.imported.remarks, remark)
    )
    return replace(base, stages=(*base.stages, *windows.stages), imported=imported, sha256="").sealed()


def _joined_manifest(base: Manifest, weights: Manifest) -> Manifest:
    if (problem := why_not_joined(base, weights)) or weights.weights is None or base.imported is None:
        ours = base.model.id
        raise JoinRefused(f"the weights of {weights.model.id} do not fit {ours}: {problem}; give weights of {ours}")
    record, convention = weights.weights, base.sign_convention
    remarks = [*base.imported.remarks, f"What weights say was computed apart, of {weights.model.id}."]
    if short_name(weights.model.id) != short_name(base.model.id):
        remarks.append("It goes by another name than the activations' model; shapes agree.")
    if convention is SignConvention.UNKNOWN:
        remarks.append(
            f"Token lists, links and cosines with w_gate are in {record.sign_convention} signs. Those of the "
            "activations are not known, so skewness, which has a meaning with them only, is left out."
        )
    elif convention is not record.sign_convention:
        record = replace(record, sign_convention=convention, mismatched=tuple(map(_in_any_signs, record.mismatched)))
    known = {name: getattr(weights.model, name) for name in ("layers", *_OF_MODEL)}
    both = hashlib.sha256(f"{base.imported.fingerprint} {weights.sha256}".encode()).hexdigest()
    return replace(
        base,
        model=ModelFacts(**{**vars(base.model), **known}),
        weights=record,
        stages=(*base.stages, "weights"),
        imported=replace(base.imported, remarks=tuple(remarks), fingerprint=both),
        sha256="",
    ).sealed()

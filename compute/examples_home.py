"""Where `examples` adds windows: to a dataset of ours, or to a folder within one of the original program."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from compute.durable import PROGRESS, commit
from compute.loading import GatedModel
from compute.vocab import VOCAB_PATH, vocab_table
from compute.write import write_table
from gluscope_core.beside import EXAMPLES_FOLDER, TEXTS_FOLDER, original_in
from gluscope_core.columns import NeuronColumn
from gluscope_core.dataset import Dataset, open_dataset
from gluscope_core.errors import BadSettings
from gluscope_core.ids import NeuronId
from gluscope_core.manifest import MANIFEST_NAME
from gluscope_core.original.dataset import OriginalDataset
from gluscope_core.places import Folder
from gluscope_core.records import ModelFacts, ModelRecord
from gluscope_core.schema import EXAMPLES_TABLE, LAYER, NEURON, NEURONS_TABLE, TEXTS_TABLE, VOCAB_TABLE
from gluscope_core.vocabulary import SignConvention

STAGE = "examples"


class Home:
    """A dataset that has lists, and the one that windows go to, which is the same where it is ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.is_ours = not original_in(folder)
        self.windows_in = folder if self.is_ours else folder / EXAMPLES_FOLDER
        self._original: Dataset | None = None

    @property
    def listed_in(self) -> str:
        """A table with a row for each neuron that there are lists of."""
        return EXAMPLES_TABLE.name if self.is_ours else NEURONS_TABLE.name

    def lists(self) -> Dataset:
        """Of the original's, which nothing is written to, as it was first read: that takes seconds."""
        if self.is_ours:
            return open_dataset(self.folder)
        self._original = self._original or open_dataset(self.folder)
        return self._original

    def windows(self) -> Dataset:
        return Dataset(Folder(self.windows_in))

    def texts_of(self) -> Path:
        """The texts that the dataset itself has, none of them a link to what lies elsewhere on this machine."""
        names = [record.path for record in self.lists().manifest.files_of(TEXTS_TABLE.name)] if self.is_ours else []
        texts = (self.folder / names[0]).parent if names else self.folder / TEXTS_FOLDER
        if not names and (self.is_ours or not texts.is_dir()):
            raise BadSettings("--texts is missing, and the dataset holds none: give the texts that it was computed on")
        for file in texts.glob("*.parquet"):
            Folder(self.folder).whole(file.relative_to(self.folder).as_posix())
        return texts

    def facts_for(self, given: ModelRecord) -> ModelFacts:
        """What is known of the model. The original's rows say how many layers it has at least."""
        if (self.windows_in / MANIFEST_NAME).exists():
            return self.windows().manifest.model
        facts = self.lists().manifest.model
        return facts if facts.layers > given.layers else replace(facts, layers=given.layers)

    def begin(self, model: ModelRecord, tokenizer: PreTrainedTokenizerBase | None, window: int) -> None:
        """The first time, beside the original's files: whose windows they will be, and the model's tokens."""
        base = OriginalDataset(Folder(self.folder)).manifest
        if (self.windows_in / MANIFEST_NAME).exists() or base.imported is None:
            return
        staged = self.unfinished / "begun"
        vocab = write_table(staged, VOCAB_PATH, VOCAB_TABLE, [vocab_table(tokenizer, model.vocab_size)])
        imported = replace(base.imported, window=window)
        manifest = replace(base, model=model, stages=(), weights=None, files=(vocab,), imported=imported, sha256="")
        (staged / MANIFEST_NAME).write_bytes(manifest.to_json())
        commit(self.windows_in, staged, [VOCAB_PATH, MANIFEST_NAME])

    @property
    def unfinished(self) -> Path:
        return self.windows_in / PROGRESS / STAGE

    def leave(self) -> None:
        """Takes folders away that nothing was written to."""
        folders = (self.unfinished, self.unfinished.parent)
        for folder in folders if self.is_ours else (*folders, self.windows_in):
            with suppress(OSError):
                folder.rmdir()

    def signs(self, model: GatedModel, neurons: list[NeuronId]) -> list[np.ndarray]:
        """Which neurons may have signs that are not the model's own: all that is possible, the likelier first."""
        dataset = self.lists()
        convention, own = dataset.manifest.sign_convention, np.zeros(len(neurons), bool)
        if convention is SignConvention.RAW:
            return [own]
        known = dataset.neurons([LAYER, NEURON, NeuronColumn.FLIPPED]).set_index([LAYER, NEURON])
        flipped = known.loc[neurons, NeuronColumn.FLIPPED]
        if flipped.isna().any():
            coordinates = dataset.manifest.coordinates
            apart = {
                layer: model.mlps[layer].points_apart(coordinates).cpu() for layer in {each.layer for each in neurons}
            }
            aligned = np.array([bool(apart[layer][neuron]) for layer, neuron in neurons])
        else:
            aligned = flipped.to_numpy(bool)
        return [aligned] if convention is SignConvention.ALIGNED else [own, aligned]

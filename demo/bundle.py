"""From a whole dataset to the one that comes with this repository: `python -m demo.bundle WHOLE --out datasets/NAME`.

Everything about all neurons stays; examples, windows and samples stay for neurons that a rule chooses."""

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from compute.card import card
from compute.write import write_table
from demo.corpus import SOURCES_NAME
from gluscope_core.columns import NeuronColumn, StrikingColumn
from gluscope_core.dataset import Dataset, open_dataset
from gluscope_core.dataset_card import CARD_NAME, NOTICES_NAME
from gluscope_core.manifest import MANIFEST_NAME, Manifest
from gluscope_core.records import FileRecord
from gluscope_core.schema import (
    COSINES,
    EXAMPLES_TABLE,
    LAYER,
    NEURON,
    SAMPLES_TABLE,
    STRIKING_TABLE,
    TABLES,
    WINDOWS_TABLE,
)
from gluscope_core.tables import TableFile
from gluscope_core.vocabulary import CASES, Role

MODEL = """## The model

SmolLM2-135M-Instruct by Hugging Face, `HuggingFaceTB/SmolLM2-135M-Instruct`, under Apache-2.0; read from the file
`{id}.gguf`, in which its weights are quantised.
"""
MODEL_LICENCE = "Apache-2.0"
RULE = """## What was left out

Examples, windows and samples are kept of some neurons: in every layer, of each input-output class the one whose three
cosines are largest together, and six that a seed chose; of each role the four of highest score; and the first four
striking neurons of each case. All others have their statistics and weights.

## Texts
"""
_DRAWN = 6
_OF_ROLE, _STRIKING = 4, 4
_SOME = (EXAMPLES_TABLE.name, WINDOWS_TABLE.name, SAMPLES_TABLE.name)
_SCORES = {
    Role.PARTITION: NeuronColumn.UNEMBED_VARIANCE,
    Role.PREDICTION: NeuronColumn.UNEMBED_KURTOSIS,
    Role.SUPPRESSION: NeuronColumn.UNEMBED_KURTOSIS,
    Role.ENTROPY: NeuronColumn.ENTROPY_SHARE,
    Role.ATTENTION_DEACTIVATION: NeuronColumn.ATTENTION_NEXT_LAYER,
    Role.ATTENTION_ACTIVATION: NeuronColumn.ATTENTION_NEXT_LAYER,
}


def choose(neurons: pd.DataFrame, striking: pd.DataFrame, seed: int = 0) -> list[tuple[int, int]]:
    """Ids of the neurons that keep their examples, in order."""
    frames = [_drawn(neurons, seed), _of_classes(neurons), _of_roles(neurons)]
    frames += [striking[striking[StrikingColumn.CASE] == case.column].head(_STRIKING) for case in CASES]
    ids = {
        (int(layer), int(neuron)) for frame in frames for layer, neuron in zip(frame[LAYER], frame[NEURON], strict=True)
    }
    return sorted(ids)


def _drawn(neurons: pd.DataFrame, seed: int) -> pd.DataFrame:
    return pd.DataFrame(neurons.groupby(LAYER, group_keys=False).sample(_DRAWN, random_state=seed))


def _of_classes(neurons: pd.DataFrame) -> pd.DataFrame:
    strength = sum(neurons[name].abs() for name in COSINES)
    ranked = neurons.assign(strength=strength).sort_values("strength", ascending=False)
    return ranked.drop_duplicates([LAYER, NeuronColumn.IO_CLASS])


def _of_roles(neurons: pd.DataFrame) -> pd.DataFrame:
    """Of attention's roles those of largest magnitude."""
    frames = []
    for role, score in _SCORES.items():
        mine = neurons[neurons[role.column].fillna(value=False).astype(bool)]
        frames.append(mine.assign(score=mine[score].abs()).nlargest(_OF_ROLE, "score"))
    return pd.concat(frames)


def bundle(whole: Dataset, sources: Path, out: Path) -> None:
    """`sources` is the folder with what `demo.corpus` wrote."""
    striking = whole.read_table(STRIKING_TABLE.name).to_pandas()
    kept = choose(whole.neurons(), striking)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    files = []
    for record in whole.manifest.files:
        if record.table in _SOME:
            files += _write_some(whole, record, kept, out)
        else:
            (out / record.path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(whole.place.whole(record.path), out / record.path)
            files.append(record)
    manifest = replace(whole.manifest, files=tuple(sorted(files, key=lambda record: record.path))).sealed()
    texts = (sources / SOURCES_NAME).read_text(encoding="utf-8")
    (out / CARD_NAME).write_text(bundled_card(manifest, texts), encoding="utf-8")
    shutil.copyfile(sources / NOTICES_NAME, out / NOTICES_NAME)
    (out / MANIFEST_NAME).write_bytes(manifest.to_json())


def bundled_card(manifest: Manifest, texts: str) -> str:
    """`texts` is the table of sources."""
    return f"{card(manifest, MODEL_LICENCE)}\n{MODEL.format(id=manifest.model.id)}\n{RULE}\n\n{texts}"


def _write_some(whole: Dataset, record: FileRecord, kept: list[tuple[int, int]], out: Path) -> list[FileRecord]:
    """One of a table's files with the rows of some neurons, or none where it would be empty."""
    table = TABLES[record.table]
    rows = TableFile(whole.place, record).read()
    ids = list(zip(rows.column(LAYER).to_pylist(), rows.column(NEURON).to_pylist(), strict=True))
    wanted = set(kept)
    mine = rows.filter(pa.array(np.array([each in wanted for each in ids])))
    return [write_table(out, record.path, table, [mine])] if mine.num_rows else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("whole", type=Path, help="folder of a dataset with examples of all neurons, and weights")
    parser.add_argument("--sources", type=Path, required=True, help="folder with what `demo.corpus` wrote")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    bundle(open_dataset(arguments.whole), arguments.sources, arguments.out)


if __name__ == "__main__":
    main()

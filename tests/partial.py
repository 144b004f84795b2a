"""Datasets that keep lists, windows and samples of some neurons only, as the bundled one does."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from compute.write import write_table
from gluscope_core.dataset import open_dataset
from gluscope_core.manifest import MANIFEST_NAME
from gluscope_core.records import FileRecord
from gluscope_core.schema import EXAMPLES_TABLE, LAYER, NEURON, SAMPLES_TABLE, TABLES, WINDOWS_TABLE
from gluscope_core.tables import TableFile

OF_SOME = (EXAMPLES_TABLE.name, WINDOWS_TABLE.name, SAMPLES_TABLE.name)


def keep_some(folder: Path, kept: Collection[tuple[int, int]], tables: Collection[str] = OF_SOME) -> Path:
    """Takes all other neurons out of these tables."""
    dataset = open_dataset(folder)
    files: list[FileRecord] = []
    for record in dataset.manifest.files:
        if record.table not in tables:
            files.append(record)
            continue
        rows = TableFile(dataset.place, record).read()
        ids = zip(rows.column(LAYER).to_pylist(), rows.column(NEURON).to_pylist(), strict=True)
        mine = rows.filter(pa.array([each in kept for each in ids]))
        (folder / record.path).unlink()
        if mine.num_rows:
            files.append(write_table(folder, record.path, TABLES[record.table], [mine]))
    (folder / MANIFEST_NAME).write_bytes(replace(dataset.manifest, files=tuple(files)).to_json())
    return folder

"""Reads mutated files of a dataset in a process that may crash or hang: `python -m tests.fuzz_driver FOLDER SEED N`.

The hashes of what was changed are recomputed, so that the bytes are parsed. Prints one line for each try."""

import faulthandler
import hashlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gluscope_core.dataset import Dataset
from gluscope_core.errors import GluscopeError
from gluscope_core.footers import parse_footer, read_footer
from gluscope_core.manifest import MANIFEST_NAME, FileRecord, Manifest, read_manifest
from gluscope_core.places import Folder

SECONDS = 20
"""After which a try counts as hung."""
NUMBERS = (0, 1, 2, 127, 128, 255, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1)


def mutated(content: bytes, random: Random) -> bytes:
    """Every other time in the footer, which says where all else lies."""
    raw = bytearray(content)
    footer = int.from_bytes(raw[-8:-4], "little")
    low, high = (len(raw) - 8 - footer, len(raw) - 8) if random.random() < 0.5 else (4, len(raw) - 8 - footer)
    for _ in range(random.choice((1, 1, 2, 5, 20))):
        at = random.randrange(low, high)
        kind = random.randrange(4)
        if kind == 0:
            raw[at] ^= 1 << random.randrange(8)
        elif kind == 1:
            raw[at] = random.randrange(256)
        elif kind == 2:
            number = random.choice(NUMBERS).to_bytes(8, "little")[: random.choice((1, 2, 4, 8))]
            raw[at : at + len(number)] = number
        else:
            size = random.randint(1, 30)
            source = random.randrange(4, len(raw) - 8)
            raw[at : at + size] = raw[source : source + size]
    return bytes(raw[: len(content)])


def resealed(manifest: Manifest, folder: Path, record: FileRecord) -> None:
    """With what the manifest must say of a file for it to be parsed."""
    path = folder / record.path
    content = path.read_bytes()
    try:
        footer = read_footer(path)
        rows = parse_footer(footer).num_rows
    except (OSError, ValueError, pa.ArrowException):
        footer, rows = b"", record.rows
    hashes = [hashlib.sha256(part).hexdigest() for part in (content, footer)]
    new = replace(record, bytes=len(content), sha256=hashes[0], footer_sha256=hashes[1])
    if 0 <= rows < 2**31 and record.table != "neurons":
        new = replace(new, rows=rows)
    files = tuple(new if each is record else each for each in manifest.files)
    (folder / MANIFEST_NAME).write_bytes(replace(manifest, files=files).to_json())


READS: dict[str, Callable[[Dataset, Random], object]] = {
    "neurons": lambda dataset, random: (dataset.neurons(), dataset.neuron(1, random.randrange(24))),
    "windows": lambda dataset, random: dataset.examples(1, random.randrange(24)),
    "examples": lambda dataset, _: dataset.read_table("examples", layer=1).to_pandas(),
    "samples": lambda dataset, random: dataset.samples(1, random.randrange(24)),
    "weights": lambda dataset, random: dataset.weights(1, random.randrange(24)),
    "tokens": lambda dataset, random: dataset.token_neurons(random.randrange(61)),
    "texts": lambda dataset, random: dataset.text(random.randrange(22)),
    "vocab": lambda dataset, _: dataset.vocab,
    "striking": lambda dataset, _: dataset.read_table("striking").to_pandas(),
}


def without_checksums(folder: Path, record: FileRecord) -> bytes:
    """As an attacker writes it, who would not help us to find what was changed."""
    path = folder / record.path
    compression = "none" if len(record.path) % 2 else "zstd"
    pq.write_table(pq.read_table(path), path, row_group_size=16, compression=compression)
    return path.read_bytes()


def main(folder: Path, seed: int, tries: int) -> None:
    random = Random(seed)
    faulthandler.enable()
    manifest = read_manifest(folder)
    chosen = [next(each for each in manifest.files if each.table == table and (each.layers or (1, 1))[1] >= 1)
              for table in READS if manifest.files_of(table)]  # fmt: skip
    contents = {record: without_checksums(folder, record) for record in chosen}
    for record in chosen:
        resealed(manifest, folder, record)
        manifest = read_manifest(folder)
    chosen = [record for record in manifest.files if record.path in {each.path for each in contents}]
    whole = {record.path: content for record, content in contents.items()}
    for _ in range(tries):
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        record = random.choice(chosen)
        (folder / record.path).write_bytes(mutated(whole[record.path], random))
        resealed(manifest, folder, record)
        try:
            READS[record.table](Dataset(Folder(folder)), random)
        except GluscopeError as error:
            assert 20 < len(str(error)) < 2_000
            print("refused", record.table, flush=True)
        else:
            print("read", record.table, flush=True)
        (folder / record.path).write_bytes(whole[record.path])


if __name__ == "__main__":
    np.seterr(all="ignore")
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))

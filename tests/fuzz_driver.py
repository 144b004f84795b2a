"""Reads mutated files in a process that may crash or hang: `python -m tests.fuzz_driver KIND FOLDER SEED N`, where the
folder holds a dataset of ours, one of the original program, or pages of it.

The hashes of what was changed are recomputed, so that the bytes are parsed. Prints one line for each try."""

import faulthandler
import hashlib
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from compute.config import ImportConfig
from compute.imported import import_original
from gluscope_core.dataset import Dataset, open_dataset
from gluscope_core.errors import GluscopeError
from gluscope_core.footers import parse_footer, read_footer
from gluscope_core.manifest import MANIFEST_NAME, Manifest, read_manifest
from gluscope_core.places import Folder
from gluscope_core.records import FileRecord

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


TEXT = (
    b"[", b"]", b"[" * 2_000, b"{", b'"', b",", b"1e999", b"-1e308", b"9" * 400, b"0.0", b"null", b"true",
    b"\xff", b"\\u0000", b"\\ud800", b"nan", b"-inf", b"<", b">", b"</td>", b"<table>", b"<tr>" * 99, b"<!--",
    b"<![CDATA[", b"&#x110000;", b"&", b"Layer: ", b"gate+_in+", b"./../../x.json", b"_example_0", b"hook_pre", b"\x00",
    "\u202e\u0663".encode(),
)  # fmt: skip
"""Of JSON and HTML, what parsers mind."""


def mutated_text(content: bytes, random: Random) -> bytes:
    raw = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 5))):
        at, kind = random.randrange(len(raw)), random.randrange(4)
        if kind == 0:
            raw[at] = random.randrange(256)
        elif kind == 1:
            del raw[at : at + random.choice((1, 3, 40, 2_000))]
        elif kind == 2:
            raw[at:at] = random.choice(TEXT)
        else:
            raw[at:at] = raw[at : at + random.choice((1, 40, 2_000))]
    return bytes(raw)


@dataclass(frozen=True)
class Target:
    """A file to be mutated."""

    name: str
    path: Path
    mutate: Callable[[bytes, Random], bytes]
    read: Callable[[Random], object]
    """With whatever must be made to fit first."""


def without_checksums(path: Path) -> None:
    """As an attacker writes it, who would not help us to find what was changed."""
    compression = "none" if len(path.name) % 2 else "zstd"
    pq.write_table(pq.read_table(path), path, row_group_size=16, compression=compression)


def of_ours(folder: Path) -> list[Target]:
    manifest = read_manifest(folder)
    chosen = [next(each for each in manifest.files if each.table == table and (each.layers or (1, 1))[1] >= 1)
              for table in READS if manifest.files_of(table)]  # fmt: skip
    for record in chosen:
        without_checksums(folder / record.path)
        resealed(manifest, folder, record)
        manifest = read_manifest(folder)

    def target(record: FileRecord) -> Target:
        def read(random: Random) -> None:
            resealed(manifest, folder, record)
            READS[record.table](Dataset(Folder(folder)), random)

        return Target(record.table, folder / record.path, mutated, read)

    paths = {each.path for each in chosen}
    return [target(record) for record in manifest.files if record.path in paths]


def of_the_original(folder: Path) -> list[Target]:
    def read(random: Random) -> None:
        dataset = open_dataset(folder)
        dataset.neurons()
        dataset.neuron(1, random.randrange(24))
        dataset.examples(1, random.randrange(24))
        dataset.read_table("examples", layer=random.randrange(3)).to_pandas()
        if dataset.has("texts"):
            dataset.text(random.randrange(22))

    paths = sorted(folder.rglob("*.parquet"))
    for path in paths:
        without_checksums(path)
    return [Target(path.parent.name, path, mutated, read) for path in paths]


def of_pages(folder: Path) -> list[Target]:
    [page] = folder.rglob("vis.html")
    out = folder.with_name(f"{folder.name} imported")

    def read(random: Random) -> None:
        shutil.rmtree(out, ignore_errors=True)
        import_original(ImportConfig(folder, out))
        dataset = open_dataset(out)
        [neuron] = dataset.manifest.some_neurons or ()
        dataset.neuron(*neuron)
        dataset.examples(*neuron)
        dataset.text(random.randrange(9))

    examples = sorted(page.parent.glob("*.json"))
    return [Target("page", page, mutated_text, read)] + [
        Target("example", each, mutated_text, read) for each in examples
    ]


KINDS = {"ours": of_ours, "original": of_the_original, "pages": of_pages}


def main(kind: str, folder: Path, seed: int, tries: int) -> None:
    random = Random(seed)
    faulthandler.enable()
    targets = KINDS[kind](folder)
    names = sorted({target.name for target in targets})
    for _ in range(tries):
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        name = random.choice(names)
        target = random.choice([each for each in targets if each.name == name])
        whole = target.path.read_bytes()
        target.path.write_bytes(target.mutate(whole, random))
        try:
            target.read(random)
        except GluscopeError as error:
            assert 20 < len(str(error)) < 2_000
            print("refused", target.name, flush=True)
        else:
            print("read", target.name, flush=True)
        target.path.write_bytes(whole)


if __name__ == "__main__":
    np.seterr(all="ignore")
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))

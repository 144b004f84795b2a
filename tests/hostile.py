"""What attackers write: strings, addresses, and datasets whose hashes are right and whose content is not."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from compute.write import record_of
from gluscope_core.manifest import MANIFEST_NAME, _own_hash, read_manifest
from gluscope_core.schema import TABLES

ROOT = Path(__file__).parent.parent
ATTACKS = (
    "<script>fetch('http://attacker.invalid/')</script>",
    "<img src=http://attacker.invalid/i onerror=alert(1)>",
    '" onmouseover="alert(1)" x="',
    "' autofocus onfocus='alert(1)",
    "</span></div></style></title></textarea>",
    "<style>@import url(http://attacker.invalid/c)</style>",
    "![x](http://attacker.invalid/m)",
    "[x](javascript:alert(1))",
    "<http://attacker.invalid/a>",
    "$\\href{javascript:alert(1)}{x}$ :red[x] :material/home:",
    "| a | b |\n|---|---|\n# h\n> q\n```\n",
    "&lt;b&gt;&#x3C;script&#x3E;",
    "<svg/onload=alert(1)>",
    "<!--", "-->", "]]>", "<![CDATA[", "<?php", "<", ">", "&", '"', "'", "`", "\\", "=",
    '=HYPERLINK("http://attacker.invalid")', "+1", "@SUM(1)", "-2", "\t=1",
    "\u202e\u2066\u200f", "\u200b\ufeff", "\x00\x01\x1b[2J\x7f\x85", "\u2028\u2029", "\n", "\r\n", "\t", " ", "",
    "e\u0301" * 9, "\U0001f468\u200d\U0001f469", "\ud800".encode(errors="surrogatepass").decode(errors="replace"),
    "{{7*7}} ${7*7} #{7*7} %s %n {0.__class__}", "datum.x", "\\u003cscript\\u003e", "a" * 300,
)  # fmt: skip


def strings(random: Random) -> Iterator[str]:
    """Without end: attacks whole, cut, joined, and among random characters."""
    while True:
        parts = [
            random.choice(ATTACKS) if random.random() < 0.6 else noise(random) for _ in range(random.randint(1, 3))
        ]
        text = "".join(parts)
        yield text if random.random() < 0.7 else text[: random.randint(0, len(text))]


def noise(random: Random) -> str:
    kinds = ((0, 0x7F), (0, 0x2FF), (0x2000, 0x206F), (0x600, 0x6FF), (0xE000, 0xF8FF), (0x1F300, 0x1FAFF), (0, 0xD7FF))
    return "".join(chr(random.randint(*random.choice(kinds))) for _ in range(random.randint(0, 8)))


def rewrite(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """The manifest with a changed content and the hash that belongs to it."""
    content = msgspec.json.decode((folder / MANIFEST_NAME).read_bytes())
    change(content)
    seal(folder, content)


def seal(folder: Path, content: dict[str, Any]) -> None:
    content["sha256"] = _own_hash(content)
    (folder / MANIFEST_NAME).write_bytes(msgspec.json.encode(content))


def replace_table(folder: Path, path: str, content: bytes) -> None:
    """Other bytes for a file of a dataset, with all the hashes that belong to them."""
    (folder / path).write_bytes(content)
    reseal(folder, path)


def reseal(folder: Path, path: str) -> None:
    manifest = read_manifest(folder)
    old = next(record for record in manifest.files if record.path == path)
    try:
        new = record_of(folder, path, TABLES[old.table], old.layers)
    except (OSError, pa.ArrowException):  # it cannot be read at all, which the hashes need not tell
        return
    files = tuple(new if record.path == path else record for record in manifest.files)
    (folder / MANIFEST_NAME).write_bytes(replace(manifest, files=files).to_json())


def change_table(folder: Path, path: str, change: Callable[[pa.Table], pa.Table], **dialect: Any) -> None:
    """Other rows for a file of a dataset."""
    rows = change(pq.read_table(folder / path))
    options: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True, "store_schema": False} | dialect
    pq.write_table(rows, folder / path, **options)
    reseal(folder, path)


_LIMITED = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))
resource.setrlimit(resource.RLIMIT_CPU, ({seconds}, {seconds}))
from pathlib import Path
from gluscope_core import open_dataset
from gluscope_core.errors import GluscopeError
for code in {codes!r}:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        exec(code)
        said = ""
    except GluscopeError as error:
        said = f"{{type(error).__name__}}: {{error}}"
    print(json.dumps([said, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024]), flush=True)
"""


def in_bounds(*codes: str, limit: int = 6 * 2**30, seconds: int = 30) -> list[tuple[str, int]]:
    """What statements say that run in a process of little time and memory: the named error, if any, and by how many
    MB memory grew. Anything but a named error fails."""
    script = _LIMITED.format(codes=codes, limit=limit, seconds=seconds)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


@contextmanager
def little_memory(most: int) -> Iterator[None]:
    """Fails where this process takes so many MB more at some time within, whatever it took before."""
    forget = Path("/proc/self/clear_refs")
    if not forget.exists():  # some kernels have none
        yield
        return
    forget.write_text("5", encoding="ascii")  # the largest size so far is that of now
    before = memory_of("self", "VmRSS")
    yield
    grown = memory_of("self", "VmHWM") - before
    assert grown < most, f"{grown} MB more than the {before} MB before"


def memory_of(process: str, which: str) -> int:
    """In MB, as Linux tells it."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{which}:")) // 1024


def poison(folder: Path, *, imported: bool = False) -> None:
    """All words of a dataset are attacks: tokens, texts, sources, and whatever a manifest says in words."""
    words = [text for text in ATTACKS if text]
    pieces = [words[number % len(words)] for number in range(61)]

    def of_vocab(rows: pa.Table) -> pa.Table:
        return pa.table([rows.column(0), pa.array([each.encode() for each in pieces]), pa.array(pieces)],
                        schema=rows.schema)  # fmt: skip

    def of_texts(rows: pa.Table) -> pa.Table:
        said = [json.dumps({"place": each, "metadata": {"title": each}}) if number % 2 else each
                for number, each in enumerate((words * 9)[: rows.num_rows])]  # fmt: skip
        return pa.table([rows.column(0), rows.column(1), pa.array((words * 9)[: rows.num_rows]), pa.array(said)],
                        schema=rows.schema)  # fmt: skip

    change_table(folder, "vocab.parquet", of_vocab, store_schema=True)
    change_table(folder, "texts/texts_000.parquet", of_texts, store_schema=True)
    everything = " ".join(words)[:900]
    (folder / "README.md").write_text("\n\n".join(f"# {each}\n- {each}\n\n| {each} |\n\n{each}" for each in words))

    def of_manifest(content: dict[str, Any]) -> None:
        content["model"] |= dict.fromkeys(
            ("id", "revision", "quantisation", "architecture", "dtype", "fingerprint"), everything
        )
        content["texts"] |= dict.fromkeys(("id", "revision", "licence", "tokenizer", "bos_policy"), everything)
        content["environment"] |= dict.fromkeys(
            ("gluscope", "python", "torch", "transformers", "pyarrow", "device"), everything
        )
        content["run"]["batch_plan"] = content["texts"]["fingerprint"] = everything
        content["stages"] = words
        if content["weights"]:
            content["weights"]["parts"] = words
        if imported:
            run = content.pop("run")
            kept = {key: run[key] for key in ("sign_convention", "coordinates", "layers", "top_k", "window")}
            said = {"source": "pages", "files": 3, "fingerprint": everything, "neurons": None, "remarks": words}
            content |= {"run": None, "imported": kept | said}

    rewrite(folder, of_manifest)

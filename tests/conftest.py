"""Shapes are checked while tests run; models and datasets that several tests use are made once."""

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext

from jaxtyping import install_import_hook

COMPILED = "GLUSCOPE_TEST_COMPILED" in os.environ

with nullcontext() if COMPILED else install_import_hook(["compute"], "beartype.beartype"):
    import compute.merge
    import compute.run
    import compute.weights  # noqa: F401

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from compute.config import RunConfig, WeightsConfig
from compute.kernels import Kernels
from compute.reduce import Act
from compute.run import run
from compute.weights import weights
from gluscope_core.errors import GluscopeError, Stopped
from tests.messages import FOLDERS, ROOT, problem_with

torch.set_num_threads(1)

pytest_plugins = ["tests.hub_here", "tests.olah_here"]

VOCAB, CONTEXT = 61, 40


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full-counts", action="store_true", help="as many tries as are promised: `make test-slow`")


@pytest.fixture(scope="session")
def how_many(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """The first of two numbers of tries, or, where full counts are asked for, the second."""
    return lambda short, full: full if request.config.getoption("--full-counts") else short


@pytest.fixture(scope="session")
def _all_said_wrongly() -> Iterator[list[str]]:
    """Of the errors that our own code makes, those whose message breaks the rule of `tests/messages.py`."""
    found: list[str] = []

    def noted(error: GluscopeError, *given: object) -> None:
        Exception.__init__(error, *given)
        frame = sys._getframe(1)
        place = Path(frame.f_code.co_filename)
        ours = any(place.is_relative_to(ROOT / folder) for folder in FOLDERS)
        if ours and not isinstance(error, Stopped) and (problem := problem_with(str(error))):
            found.append(f"{place.relative_to(ROOT)}:{frame.f_lineno}: {problem}: {error}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GluscopeError, "__init__", noted)
        yield found


@pytest.fixture(autouse=True)
def said_wrongly(_all_said_wrongly) -> Iterator[list[str]]:
    """Every test fails that makes our code say an error without thing, reason and next step."""
    yield _all_said_wrongly
    problems = list(dict.fromkeys(_all_said_wrongly))
    _all_said_wrongly.clear()
    assert not problems


def tiny_llama(folder: Path, seed: int = 0) -> Path:
    """A random model with all the parts of a real one, but small."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=VOCAB,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        pad_token_id=0,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)
        for layer in model.model.layers:
            layer.post_attention_layernorm.weight.copy_(torch.rand(16) + 0.5)
        model.model.embed_tokens.weight[0] = torch.randn(16)  # the pad id is a token like any other
    model.save_pretrained(folder)
    return folder


def write_texts(path: Path, texts: list[list[int]], **columns: list) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"input_ids": pa.array(texts, pa.list_(pa.int32())), **columns}), path)
    return path


def odd_texts() -> list[list[int]]:
    """Lengths from nothing to beyond the context; the pad id among the tokens."""
    random = np.random.default_rng(7)
    lengths = [0, 1, 2, 5, 33, CONTEXT, CONTEXT + 25, 0, 12, 12, 7, 31, 20, 1, 18, 26, 9, 3, 14, 22, 30, 11]
    return [[2, *random.integers(0, VOCAB, length - 1)] if length else [] for length in lengths]


@cache
def kernels_of(act: Act, window: int) -> Kernels:
    """Eager, unless tests are to show that compiled ones do the same."""
    eager = Kernels.eager(act, window)
    return eager.compiled() if COMPILED else eager


def as_read(markdown: str) -> str:
    """Without the marks that keep words from being more than words."""
    return re.sub(r"\\(\W|_)", r"\1", markdown)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("model") / "tiny-llama")


@pytest.fixture(scope="session")
def texts_file(tmp_path_factory) -> Path:
    return write_texts(tmp_path_factory.mktemp("texts") / "odd.parquet", odd_texts())


@pytest.fixture(scope="session")
def config(model_folder, texts_file) -> RunConfig:
    return RunConfig(str(model_folder), texts_file, Path(), top_k=4, random_k=3, window=8, samples=32, batch_tokens=64)


@pytest.fixture(scope="session")
def finished(config, tmp_path_factory) -> Path:
    """A whole dataset of the tiny model; tests that change it copy it first."""
    out = tmp_path_factory.mktemp("finished") / "dataset"
    run(replace(config, out=out))
    return out


@pytest.fixture(scope="session")
def with_weights(finished, model_folder, tmp_path_factory) -> Path:
    """The same with what the weights say."""
    folder = tmp_path_factory.mktemp("with_weights") / "dataset"
    shutil.copytree(finished, folder)
    weights(WeightsConfig(dataset=folder, model=str(model_folder), top_neurons=4))
    return folder

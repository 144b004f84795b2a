"""Compiled, the figures are the same: up to the last bits of the activation function, which is compiled with them.

In processes of their own, where shape checks do not get into the compiler's way."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import compute.plan
from compute.run import run
from compute.verify import verify
from gluscope_core import open_dataset
from gluscope_core.vocabulary import LISTS, Field


def test_a_compiled_run_equals_an_eager_one(config, finished, tmp_path):
    command = [sys.executable, "-m", "compute", "run", "--compile", "--model", config.model, "--texts", config.texts]
    options = ["--out", tmp_path / "out", "--top-k", 4, "--random-k", 3, "--window", 8, "--samples", 32]
    environment = {"OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    subprocess.run([*map(str, [*command, *options, "--batch-tokens", 64])], check=True, env=environment)
    assert list(verify(tmp_path / "out")) == []
    compiled, eager = open_dataset(tmp_path / "out"), open_dataset(finished)
    assert compiled.manifest.run.compiled
    assert not eager.manifest.run.compiled
    one, other = compiled.neurons(), eager.neurons()
    for name in one.select_dtypes("number"):
        np.testing.assert_allclose(one[name], other[name], rtol=1e-6, atol=1e-7, equal_nan=True, err_msg=name)
    ours, theirs = (dataset.read_table("examples").to_pandas() for dataset in (compiled, eager))
    for each in LISTS:
        for field in (Field.INDICES, Field.POSITIONS):
            name = each.column(field)
            assert all(map(np.array_equal, ours[name], theirs[name])), name


@pytest.mark.parametrize("capability", ["default", "avx2"])
def test_each_kernel_compiled_equals_itself(capability):
    root = Path(__file__).parent.parent
    environment = {**os.environ, "ATEN_CPU_CAPABILITY": capability, "OMP_NUM_THREADS": "1"}
    if capability == "default":
        del environment["ATEN_CPU_CAPABILITY"]
    command = [sys.executable, "-m", "tests.kernel_driver"]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("compiler", "works"), [("exit 1", False), ('exec g++ "$@"', True)])
def test_whether_a_compiler_works_is_tried(tmp_path, compiler, works):
    path = tmp_path / "c++"
    path.write_text(f"#!/bin/sh\n{compiler}\n")
    path.chmod(0o755)
    program = "import torch; from compute.kernels import compiler_works; print(compiler_works(torch.device('cpu')))"
    environment = {**os.environ, "CXX": str(path), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "kept")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(works)


def test_a_run_without_a_compiler_says_so_and_goes_on(config, finished, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(compute.plan, "compiler_works", lambda _: False)
    run(replace(config, out=tmp_path / "out", compile=True))
    assert "no compiler works here: figures are collected without" in capsys.readouterr().err
    without, eager = open_dataset(tmp_path / "out"), open_dataset(finished)
    assert not without.manifest.run.compiled
    pd.testing.assert_frame_equal(without.neurons(), eager.neurons())


@pytest.mark.slow
def test_the_tests_of_the_state_pass_compiled():
    environment = {**os.environ, "GLUSCOPE_TEST_COMPILED": "1", "PYTEST_XDIST_WORKER": ""}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "tests/test_state.py"]
    root = Path(__file__).parent.parent
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout

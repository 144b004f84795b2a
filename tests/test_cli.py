"""The command line from outside: exit codes, one line per error, and what it says it can do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from compute.cli import main
from compute.options import Shard, parse_layers
from tests.faults import FullDisk

ROOT = Path(__file__).parent.parent


def test_from_model_and_texts_to_a_verified_dataset(config, tmp_path):
    arguments = ["run", "--model", config.model, "--texts", str(config.texts), "--out", str(tmp_path / "out")]
    command = [sys.executable, "-m", "compute", *arguments, "--layers", "0,2", "--skip-first", "1"]
    secret = "hf_sentinel-of-a-secret"
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, env={**os.environ, "HF_TOKEN": secret}
    )
    assert done.stdout == ""
    assert "tok/s" in done.stderr
    assert done.stderr.strip().endswith("complete, 317 tokens counted, 2 layers")
    assert main(["verify", str(tmp_path / "out")]) == 0
    assert secret not in done.stderr
    assert not [
        path for path in (tmp_path / "out").rglob("*") if path.is_file() and secret.encode() in path.read_bytes()
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--model", "/nowhere/model.gguf"],
        ["--top-k", "0"],
        ["--layers", "99"],
        ["--texts", "/nowhere"],
    ],
)
def test_an_error_is_one_line_and_exit_code_2(config, tmp_path, capsys, arguments):
    usual = {"--model": config.model, "--texts": str(config.texts), "--out": str(tmp_path / "out")}
    usual |= dict([arguments])
    try:
        code = main(["run", *(part for pair in usual.items() for part in pair)])
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert arguments[1] in error or arguments[0] in error


def test_a_write_that_fails_is_one_line_that_says_how_to_go_on(config, tmp_path, capsys):
    command = ["run", "--model", config.model, "--texts", str(config.texts), "--out", str(tmp_path / "out")]
    with FullDisk(tmp_path).refusing(9):
        assert main(command) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("error: [Errno 28] No space left on device")
    assert said.endswith(": mend that and repeat the command, which goes on where it was")
    assert main(command) == 0


@pytest.mark.parametrize(("text", "index", "count"), [("0/4", 0, 4), ("4/4", 0, 4), ("3/4", 3, 4), ("1/1", 0, 1)])
def test_shards_are_counted_from_0_or_from_1(text, index, count):
    assert Shard.parse(text) == Shard(index, count)


@pytest.mark.parametrize("text", ["5/4", "1/0", "-1/4", "1", "a/b", ""])
def test_what_is_no_shard(text):
    with pytest.raises(ValueError, match="not a shard"):
        Shard.parse(text)


def test_layers():
    assert parse_layers("29,0,14,0") == (0, 14, 29)
    for text in ("", "0-3", "-1", "0,,1"):
        with pytest.raises(ValueError, match="not a list of layers"):
            parse_layers(text)

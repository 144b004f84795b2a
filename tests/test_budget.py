"""What `run --plan` says, against what a run then takes."""

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaModel

from compute.budget import budget_of
from compute.checkpoint import Checkpoint
from compute.cli import main
from compute.durable import PROGRESS
from compute.options import Shard
from compute.plan import make_plan
from compute.run import run
from tests.conftest import write_texts


def test_flops_are_those_of_the_bare_decoder(config, model_folder, tmp_path):
    texts = [[7] * 30, [8] * 30]
    plan = make_plan(replace(config, texts=write_texts(tmp_path / "t.parquet", texts)))
    model = LlamaModel.from_pretrained(model_folder, attn_implementation="eager")  # whose products are all counted
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.tensor(texts), use_cache=False)
    # Rotary angles are products too, of the size of a head.
    assert budget_of(plan).flops == pytest.approx(counter.get_total_flops(), rel=0.02)


def test_state_is_what_a_part_saves(config, tmp_path):
    part = replace(config, out=tmp_path / "part", shard=Shard(0, 2))
    run(part)
    marker = Checkpoint(part.out / PROGRESS).marker()
    saved = [tmp_path / "part" / PROGRESS / marker.folder / name for name in marker.sha256]
    headers = 4096 * len(saved)
    said = budget_of(make_plan(part)).state_bytes
    assert said <= sum(path.stat().st_size for path in saved) <= said + headers


def test_the_command_writes_nothing(config, tmp_path, capsys):
    command = ["run", "--plan", "--model", config.model, "--texts", str(config.texts), "--out", str(tmp_path / "out")]
    assert main(command) == 0
    assert "H100" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()

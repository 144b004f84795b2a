from dataclasses import replace

import torch

from compute.loading import load_model
from compute.models import load_config
from compute.placement import choose_homes, fits, needs_several
from compute.plan import make_plan
from compute.state import Home

CPU = torch.device("cpu")


def test_only_a_model_too_large_for_one_gpu_goes_over_several():
    assert not needs_several(90, [100])  # there is no other
    assert not needs_several(70, [100, 100])
    assert needs_several(90, [100, 100])


def test_a_state_fits_only_beside_the_work_on_a_batch():
    assert fits(1000, 10, 2000)
    assert not fits(1000, 100, 2000)
    assert not fits(2000, 10, 2000)


def test_on_a_cpu_everything_lives_there(config, capsys):
    plan = make_plan(config)
    assert choose_homes(dict.fromkeys(plan.layers, CPU), plan.state_bytes, plan.pairs_at_once) == dict.fromkeys(
        plan.layers, Home(CPU, CPU)
    )
    assert capsys.readouterr().err == ""


def test_the_size_of_a_state_is_known_before_it_is_made(config):
    plan = make_plan(replace(config, samples=7))
    made = plan.empty_state(torch.zeros(plan.settings.model.d_mlp, dtype=torch.bool))
    assert made.nbytes == plan.state_bytes
    assert made.to(Home(CPU, CPU)).tensors().keys() == made.tensors().keys()


def test_batches_go_where_the_embedding_is(config):
    plan = make_plan(config)
    model = load_model(plan.source, load_config(plan.source), plan.settings.model, 0, CPU)
    assert model.input_device == CPU

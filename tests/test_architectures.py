"""Every architecture: the values its MLPs work with, what its weights mean, and the figures of a whole run."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformer_lens.model_bridge.sources.transformers import boot
from transformers import AutoConfig, AutoModel, Gemma3Config, LlavaConfig, PreTrainedTokenizerFast

from compute.architectures import ARCHITECTURES
from compute.loading import GatedModel, load_model
from compute.models import describe_model, find_model, load_config
from compute.run import run
from compute.verify import verify
from gluscope_core import open_dataset
from gluscope_core.vocabulary import Coordinates
from tests.architectures import VARIANTS, VOCAB, model_type, random_model, save_random_model
from tests.conftest import write_texts
from tests.outside import activations_of
from tests.reference import figures
from tests.test_run import assert_lists, assert_statistics

CPU = torch.device("cpu")
TEXTS = [[1, *np.random.default_rng(i).integers(3, VOCAB, length)] for i, length in enumerate((9, 30, 17, 1, 22, 14))]
NOT_IN_THE_BRIDGE = {"ministral", "seed_oss"}


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    home = tmp_path_factory.mktemp("architectures")
    return cache(lambda variant: save_random_model(variant, home / variant))


def loaded(folder: Path) -> GatedModel:
    source = find_model(str(folder), None)
    config = load_config(source)
    record = describe_model(source, config, "auto", "cpu")
    return load_model(source, config, record, record.layers - 1, CPU)


def test_every_architecture_is_tried():
    assert {model_type(variant) for variant in VARIANTS} == set(ARCHITECTURES)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_equals_the_model_seen_from_outside(saved, config, variant, tmp_path):
    texts = write_texts(tmp_path / "texts.parquet", TEXTS)
    config = replace(config, model=str(saved(variant)), texts=texts, out=tmp_path / "out")
    run(config)
    assert list(verify(config.out)) == []
    dataset = open_dataset(config.out)
    neurons = dataset.neurons().set_index(["layer", "neuron"])
    for layer, seen in enumerate(activations_of(saved(variant), TEXTS, aligned=True)):
        for neuron in (0, 13):
            wanted = figures(seen, neuron, skip_first=0, k=len(seen), window=config.window, seed=config.seed)
            assert_statistics(neurons.loc[layer, neuron], wanted, seen, 0)
            assert_lists(dataset.examples(layer, neuron), wanted, config, TEXTS)


def seen_by_observer(model: GatedModel, ids: list[int]) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """gate, in and post by layer, token × neuron."""
    found = []

    def observer(gate, linear, act):
        found.append((gate[:, 0].T, linear[:, 0].T, (act(gate) * linear)[:, 0].T))
        return act(gate) * linear

    for mlp in model.mlps:
        mlp.observe(lambda gate, linear, act=mlp.act: observer(gate, linear, act))
    with torch.no_grad():
        model.decoder(input_ids=torch.tensor([ids]), use_cache=False)
    return found


def any_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The bridge wants one, though it is given token ids, and reads it from a folder once more."""
    vocabulary = {f"token{i}": i for i in range(VOCAB)}
    model = Tokenizer(WordLevel(vocabulary, unk_token="token0"))
    special = {f"{name}_token": "token1" for name in ("bos", "eos", "pad")}
    PreTrainedTokenizerFast(tokenizer_object=model, **special).save_pretrained(folder)
    return PreTrainedTokenizerFast.from_pretrained(folder)


@pytest.mark.parametrize("variant", sorted(VARIANTS.keys() - NOT_IN_THE_BRIDGE))
def test_values_equal_those_of_transformer_lens(saved, variant, tmp_path):
    bridge = boot(str(saved(variant)), hf_model=random_model(variant), tokenizer=any_tokenizer(tmp_path))
    with torch.no_grad():
        _, cache = bridge.run_with_cache(torch.tensor([TEXTS[1]]))
    model = loaded(saved(variant))
    model.decoder.set_attn_implementation("eager")  # as the bridge does, since other ways differ in the last bits
    for layer, ours in enumerate(seen_by_observer(model, TEXTS[1])):
        for name, mine in zip(("hook_pre", "hook_pre_linear", "hook_post"), ours, strict=True):
            theirs = cache[f"blocks.{layer}.mlp.{name}"][0]
            torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-6, msg=lambda text, n=name: f"{n}: {text}")


@pytest.mark.parametrize("coordinates", Coordinates)
@pytest.mark.parametrize("variant", VARIANTS)
def test_weights_reproduce_what_the_mlp_reads_and_writes(saved, variant, coordinates):
    """gate and in from the normalised residual stream, before its norm's scale; and what reaches the stream, up to
    the length that a norm after the MLP gives it."""
    model, config = loaded(saved(variant)), AutoConfig.from_pretrained(saved(variant))
    architecture = ARCHITECTURES[model_type(variant)]
    seen: list[dict[str, torch.Tensor]] = [{} for _ in model.mlps]
    for layer, kept in zip(model.decoder.layers, seen, strict=True):
        before = architecture.norm_of(layer)
        entry = layer.get_submodule(before.path) if before else layer.mlp
        entry.register_forward_pre_hook(lambda _, inputs, kept=kept: kept.update(read=inputs[0][0]))
        layer.mlp.register_forward_hook(lambda _, __, out, kept=kept: kept.update(out=out[0]))
        if architecture.norm_after:
            after = layer.get_submodule(architecture.norm_after.path)
            after.register_forward_hook(lambda _, __, out, kept=kept: kept.update(written=out[0]))
    values = seen_by_observer(model, TEXTS[1])
    for layer, mlp, kept, (gate, linear, post) in zip(model.decoder.layers, model.mlps, seen, values, strict=True):
        w_gate, w_in, w_out = mlp.weights(coordinates, dtype=torch.float32)
        before = architecture.norm_of(layer)
        x = normalised(kept["read"], centred=before.centres, config=config) if before else kept["read"]
        shift = getattr(layer.get_submodule(before.path), "bias", None) if before else None
        for values_of, weight, projection in ((gate, w_gate, mlp._gate), (linear, w_in, mlp._linear)):
            wanted = x @ weight.T
            if shift is not None:
                wanted = wanted + projection.weight @ shift
            if projection.bias is not None:
                wanted = wanted + projection.bias
            torch.testing.assert_close(values_of, wanted, rtol=1e-4, atol=1e-4)
        wrote = kept["written"] if coordinates is Coordinates.EFFECTIVE and "written" in kept else kept["out"]
        mine = post @ w_out
        if coordinates is Coordinates.EFFECTIVE and before and before.centres:
            wrote = wrote - wrote.mean(dim=1, keepdim=True)  # what every later norm of this model takes away
        if layer.mlp.get_submodule(architecture.out).bias is None:
            alike = torch.nn.functional.cosine_similarity(mine, wrote, dim=1)
            torch.testing.assert_close(alike, torch.ones_like(alike), rtol=1e-4, atol=1e-4)


def normalised(x: torch.Tensor, *, centred: bool, config) -> torch.Tensor:
    eps = next((getattr(config, name) for name in ("rms_norm_eps", "layer_norm_eps") if hasattr(config, name)), 1e-5)
    x = x - x.mean(dim=1, keepdim=True) if centred else x
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + eps)


@pytest.mark.parametrize("variant", ["gemma3_text", "phi3", "olmo2", "stablelm"])
def test_aligned_and_raw_are_the_same_function(saved, variant):
    ids = torch.tensor([TEXTS[1]])
    raw, aligned = loaded(saved(variant)), loaded(saved(variant))
    for mlp in aligned.mlps:
        flipped = mlp.points_apart(Coordinates.NORM_FOLDED)
        assert 0 < flipped.sum() < len(flipped)
        mlp.flip(flipped)
        assert not mlp.points_apart(Coordinates.NORM_FOLDED).any()
    with torch.no_grad():
        one, other = (model.decoder(input_ids=ids).last_hidden_state for model in (raw, aligned))
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_signs_may_differ_where_a_layer_norm_centres(saved):
    mlp = loaded(saved("olmo")).mlps[0]
    assert (mlp.points_apart(Coordinates.NORM_FOLDED) != mlp.points_apart(Coordinates.EFFECTIVE)).any()


VISION = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}


@pytest.mark.parametrize(("composite", "variant"), [(Gemma3Config, "gemma3_text"), (LlavaConfig, "llama")])
def test_of_a_model_that_sees_the_text_tower_is_taken(composite, variant, tmp_path):
    text = random_model(variant).config
    vision = {**VISION, "image_size": 28, "patch_size": 14}
    torch.manual_seed(0)
    whole = AutoModel.from_config(composite(text_config=text.to_dict(), vision_config=vision)).eval()
    whole.save_pretrained(tmp_path / "whole")
    model = loaded(tmp_path / "whole")
    assert len(model.mlps) == text.num_hidden_layers
    assert model.mlps[0].neurons == text.intermediate_size
    ids = torch.tensor([TEXTS[1]])
    with torch.no_grad():
        ours, theirs = (m(input_ids=ids).last_hidden_state for m in (model.decoder, whole))
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)

"""What the weights say, held against the plainest computation on a tiny model of every architecture."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from compute.config import WeightsConfig
from compute.verify import verify
from compute.weights import weights
from gluscope_core.dataset import Dataset, open_dataset
from gluscope_core.vocabulary import SIGNS, TOKEN_LISTS, Relation, Role, Vector
from tests import weights_reference as plainly
from tests.architectures import VARIANTS, random_model
from tests.weights_reference import NORMED_QUERIES, Plain, cosine

HALF = 2e-3
"""What float16 leaves of a cosine."""
K, NEURONS_OF_TOKEN, RELATED = 5, 4, 3


@cache
def analysed(variant: str, folder: Path, *, tied: bool = False) -> tuple[Plain, Dataset, object]:
    """A tiny model, plainly, and the dataset of its weights."""
    model = random_model(variant)
    if tied:
        model.config.tie_word_embeddings = True
        model.tie_weights()
    name = f"{variant}-tied" if tied else variant
    model.save_pretrained(folder / name)
    out = folder / f"{name}-weights"
    weights(
        WeightsConfig(
            model=str(folder / name),
            out=out,
            top_tokens=K,
            top_neurons=NEURONS_OF_TOKEN,
            related=RELATED,
            partition_share=0.1,
        )
    )
    return Plain.of(model), open_dataset(out), model


@pytest.fixture(scope="module")
def shelf(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("weights")


@pytest.mark.parametrize("variant", VARIANTS)
def test_figures_of_every_architecture(variant, shelf):
    plain, dataset, model = analysed(variant, shelf)
    check_cosines(plain, dataset)
    check_token_lists(plain, dataset)
    check_token_index(plain, dataset)
    check_moments(plain, dataset)
    check_relations(plain, dataset)
    check_attention(plain, dataset, model)
    assert not list(map(str, verify(dataset.folder)))


def test_tied_embeddings(shelf):
    plain, dataset, _ = analysed("llama", shelf, tied=True)
    assert dataset.manifest.weights.tied
    check_token_lists(plain, dataset)
    check_token_index(plain, dataset)
    assert not analysed("llama", shelf)[1].manifest.weights.tied


def check_cosines(plain: Plain, dataset: Dataset) -> None:
    neurons = dataset.neurons()
    assert np.array_equal(neurons["flipped"], plain.flipped)
    for name, (one, other) in {
        "cos_gate_in": (plain.gate, plain.linear),
        "cos_gate_out": (plain.gate, plain.out),
        "cos_in_out": (plain.linear, plain.out),
    }.items():
        wanted = (plainly.unit(one) * plainly.unit(other)).sum(axis=1)
        np.testing.assert_allclose(neurons[name], wanted, atol=1e-6)
    for name, vectors in {"norm_gate": plain.gate, "norm_in": plain.linear, "norm_out": plain.out}.items():
        np.testing.assert_allclose(neurons[name], np.linalg.norm(vectors, axis=1), rtol=1e-6)
    assert (neurons["cos_gate_in"] >= 0).all()  # aligned


def check_token_lists(plain: Plain, dataset: Dataset) -> None:
    for row in range(0, len(plain.layer), 7):
        listed = dataset.weights(int(plain.layer[row]), row % dataset.manifest.model.d_mlp).tokens
        for each in TOKEN_LISTS:
            vector, matrix = plain.vectors[each.vector][row], plain.matrices[each.matrix]
            dots = matrix @ vector
            wanted = np.argsort(-each.sign * dots)[:K]
            mine = listed[(listed["vector"] == each.vector) & (listed["matrix"] == each.matrix)]
            mine = mine[mine["sign"] == each.sign]
            assert mine["token"].tolist() == wanted.tolist()
            np.testing.assert_allclose(mine["dot"], dots[wanted], rtol=HALF, atol=1e-6)
            norms = np.linalg.norm(matrix[wanted], axis=1) * np.linalg.norm(vector)
            np.testing.assert_allclose(mine["cosine"], dots[wanted] / norms, rtol=HALF, atol=1e-6)


def check_token_index(plain: Plain, dataset: Dataset) -> None:
    for token in range(0, dataset.manifest.model.vocab_size, 9):
        found = dataset.token_neurons(token)
        for each in TOKEN_LISTS:
            cosines = cosine(plain.vectors[each.vector], plain.matrices[each.matrix][[token]])[:, 0]
            wanted = np.argsort(-each.sign * cosines)[:NEURONS_OF_TOKEN]
            mine = found[(found["vector"] == each.vector) & (found["matrix"] == each.matrix)]
            mine = mine[mine["sign"] == each.sign]
            assert (mine["layer"] * dataset.manifest.model.d_mlp + mine["neuron"]).tolist() == wanted.tolist()
            np.testing.assert_allclose(mine["value"], cosines[wanted], rtol=HALF, atol=1e-6)


def check_moments(plain: Plain, dataset: Dataset) -> None:
    neurons = dataset.neurons()
    variance, skew, kurtosis = plainly.moments(plain)
    np.testing.assert_allclose(neurons["unembed_variance"], variance, rtol=1e-5)
    np.testing.assert_allclose(neurons["unembed_skew"], skew, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(neurons["unembed_kurtosis"], kurtosis, rtol=1e-4, atol=1e-4)
    count = round(0.1 * len(variance))
    assert neurons["is_partition"].sum() == count
    assert set(np.flatnonzero(neurons["is_partition"])) == set(np.argsort(-variance)[:count])
    _, _, weakest = np.linalg.svd(plain.unembed)
    last = plain.layer == plain.layer.max()
    share = (plainly.unit(plain.out[last]) @ weakest[-1]) ** 2
    np.testing.assert_allclose(neurons["entropy_share"][last], share, rtol=1e-4, atol=1e-7)
    assert neurons["entropy_share"][~last].isna().all()


def check_relations(plain: Plain, dataset: Dataset) -> None:
    gate, linear, out = (cosine(each, each) for each in (plain.gate, plain.linear, plain.out))
    out_gate, out_in = cosine(plain.out, plain.gate), cosine(plain.out, plain.linear)
    later = plain.layer[:, None] < plain.layer[None, :]
    own = np.eye(len(gate), dtype=bool)
    wanted = {
        Relation.NEAR_GATE: (gate, gate, ~own),
        Relation.NEAR_IN: (linear, np.abs(linear), ~own),
        Relation.NEAR_OUT: (out, np.abs(out), ~own),
        Relation.NEAR_ALL: ((gate + np.abs(linear + out)) / 3, (gate + np.abs(linear + out)) / 3, ~own),
        Relation.READ_BY_GATE: (out_gate, np.abs(out_gate), later),
        Relation.READ_BY_IN: (out_in, np.abs(out_in), later),
        Relation.GATE_READS: (out_gate.T, np.abs(out_gate.T), later.T),
        Relation.IN_READS: (out_in.T, np.abs(out_in.T), later.T),
    }
    width = dataset.manifest.model.d_mlp
    for row in range(0, len(gate), 5):
        found = dataset.weights(int(plain.layer[row]), row % width).related
        for relation, (signed, strength, allowed) in wanted.items():
            order = np.argsort(-np.where(allowed[row], strength[row], -np.inf))[: min(RELATED, allowed[row].sum())]
            mine = found[found["relation"] == relation]
            assert (mine["layer"] * width + mine["neuron"]).tolist() == order.tolist(), (relation, row)
            np.testing.assert_allclose(mine["cosine"], signed[row, order], rtol=HALF, atol=1e-6)


def check_attention(plain: Plain, dataset: Dataset, model: object) -> None:
    neurons = dataset.neurons()
    heads = plainly.seeking(model, model.config.bos_token_id)
    if heads is None:
        assert model.config.model_type in NORMED_QUERIES
        assert neurons["attention_next_layer"].isna().all()
        return
    layers = len(heads)
    for layer in range(layers):
        mine = plain.layer == layer
        for name, others in {
            "attention_next_layer": heads[layer + 1 : layer + 2],
            "attention_later_layers": heads[layer + 1 :],
        }.items():
            if not others:
                assert neurons[name][mine].isna().all()
                continue
            scores = cosine(plain.out[mine], np.concatenate(others))
            strongest = scores[np.arange(len(scores)), np.abs(scores).argmax(axis=1)]
            sign = np.sign((plain.gate[mine] * plain.linear[mine]).sum(axis=1))
            np.testing.assert_allclose(neurons[name][mine], strongest * sign, rtol=1e-4, atol=1e-5)


def test_double_checks(shelf):
    plain, dataset, _ = analysed("llama", shelf)
    neurons = dataset.neurons()
    for row in range(0, len(neurons), 5):
        shared = [0.0]
        for gate_sign in SIGNS:
            for in_sign in SIGNS:
                gate, linear = plain.unembed @ plain.gate[row], plain.unembed @ plain.linear[row]
                both = set(np.argsort(-gate_sign * gate)[:K]) & set(np.argsort(-in_sign * linear)[:K])
                shared += [
                    min(
                        abs(cosine(plain.gate[[row]], plain.unembed[[token]]).item()),
                        abs(cosine(plain.linear[[row]], plain.unembed[[token]]).item()),
                    )
                    for token in both
                ]
        wanted = max(shared) if abs(neurons["cos_gate_in"][row]) <= 0.5 else np.nan
        np.testing.assert_allclose(neurons["double_check"][row], wanted, rtol=1e-4)
    assert (neurons["double_check"] > 0).any()


def test_signs_move_what_they_should_and_nothing_else(shelf):
    _, aligned, _ = analysed("llama", shelf)
    out = shelf / "raw"
    settings = {"top_tokens": K, "top_neurons": NEURONS_OF_TOKEN, "related": RELATED, "partition_share": 0.1}
    weights(WeightsConfig(model=str(shelf / "llama"), out=out, sign_convention="raw", **settings))
    raw = open_dataset(out)
    one, other = aligned.neurons(), raw.neurons()
    sign = np.where(one["flipped"], -1, 1)
    assert one["flipped"].any()
    for name in ("cos_gate_in", "cos_gate_out", "unembed_skew"):
        np.testing.assert_allclose(other[name] * sign, one[name], rtol=1e-5)
    for name in ("cos_in_out", "norm_in", "unembed_kurtosis", "attention_next_layer", "double_check"):
        np.testing.assert_allclose(other[name], one[name], rtol=1e-5)
    for name in ("io_class", "role", "flipped", *(role.column for role in Role)):
        pd.testing.assert_series_equal(one[name], other[name])
    for row in range(0, len(one), 11):
        mine, theirs = (each.weights(*divmod(row, 24)) for each in (aligned, raw))
        turned = theirs.tokens.copy()
        turns = turned["vector"].isin([Vector.IN, Vector.OUT]) & (sign[row] < 0)
        turned.loc[turns, ["sign", "dot", "cosine"]] *= -1
        keys = ["vector", "matrix", "sign", "rank"]
        pd.testing.assert_frame_equal(
            mine.tokens.sort_values(keys, ignore_index=True), turned.sort_values(keys, ignore_index=True)
        )
        others = theirs.related["layer"] * 24 + theirs.related["neuron"]
        assert (mine.related["layer"] * 24 + mine.related["neuron"]).tolist() == others.tolist()
        turns = [turn_of(Relation(each)) for each in theirs.related["relation"]]
        turned = [turn(sign[row], sign[other]) for turn, other in zip(turns, others, strict=True)]
        np.testing.assert_allclose(mine.related["cosine"], theirs.related["cosine"] * turned)


def turn_of(relation: Relation):
    """How a cosine changes with the signs of the two neurons."""
    if not relation.changes_sign:
        return lambda _mine, _theirs: 1
    if relation is Relation.READ_BY_GATE:
        return lambda mine, _theirs: mine
    if relation is Relation.GATE_READS:
        return lambda _mine, theirs: theirs
    return lambda mine, theirs: mine * theirs


def test_a_model_in_several_files(shelf, tmp_path):
    model = random_model("llama")
    model.save_pretrained(tmp_path / "sharded", max_shard_size="8KB")
    assert len(list((tmp_path / "sharded").glob("*.safetensors"))) > 2
    weights(WeightsConfig(model=str(tmp_path / "sharded"), out=tmp_path / "out", parts=()))
    whole = analysed("llama", shelf)[1].neurons(["cos_in_out", "norm_gate", "io_class"])
    pd.testing.assert_frame_equal(open_dataset(tmp_path / "out").neurons(list(whole)), whole)


def test_regions_of_mismatched_pairs(shelf):
    """From the eight neurons that follow each, going round within the layer."""
    plain, dataset, _ = analysed("llama", shelf)
    for record in dataset.manifest.weights.mismatched:
        mine = plain.layer == record.layer
        gate, linear, out = (plainly.unit(each[mine]) for each in (plain.gate, plain.linear, plain.out))
        for region, one, other in (
            (record.gate_in, gate, linear),
            (record.gate_out, gate, out),
            (record.in_out, linear, out),
        ):
            pairs = [(np.roll(one, -shift, axis=0) * other).sum(axis=1) for shift in range(1, 9)]
            np.testing.assert_allclose(region, np.quantile(np.concatenate(pairs), [0.025, 0.975]), atol=1e-5)

"""The dataset that comes with this repository: what is promised of it, and the rule by which it was chosen."""

from pathlib import Path

import pandas as pd
import pytest

from demo.bundle import bundled_card, choose
from gluscope_core.dataset import Dataset, open_dataset
from gluscope_core.dataset_card import CARD_NAME, read_card
from gluscope_core.schema import EXAMPLES_TABLE, LAYER, NEURON, SAMPLES_TABLE, STRIKING_TABLE, WINDOWS_TABLE
from gluscope_core.vocabulary import CASES, IOClass, Role

BUNDLED = Path(__file__).parent.parent / "datasets" / "smollm2-135m-instruct"
MEGABYTE = 10**6


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return open_dataset(BUNDLED)


def ids_of(frame: pd.DataFrame) -> list[tuple[int, int]]:
    return list(zip(frame[LAYER].tolist(), frame[NEURON].tolist(), strict=True))


def test_it_is_small():
    sizes = [path.stat().st_size for path in BUNDLED.rglob("*") if path.is_file()]
    assert sum(sizes) <= 100 * MEGABYTE
    assert max(sizes) <= 45 * MEGABYTE


def test_what_is_kept_is_what_the_rule_chooses(dataset):
    chosen = choose(dataset.neurons(), dataset.read_table(STRIKING_TABLE.name).to_pandas())
    for table in (EXAMPLES_TABLE, WINDOWS_TABLE, SAMPLES_TABLE):
        assert ids_of(dataset.read_table(table.name, [LAYER, NEURON]).to_pandas()) == chosen


def test_examples_are_of_all_layers_classes_and_roles(dataset):
    kept = dataset.read_table(WINDOWS_TABLE.name, [LAYER, NEURON]).to_pandas()
    mine = dataset.neurons().merge(kept, on=[LAYER, NEURON])
    assert len(mine) == len(kept) >= 400
    assert set(mine[LAYER]) == set(range(30))
    assert set(mine["io_class"]) == set(IOClass)
    for role in Role:
        existing = dataset.neurons()[role.column].sum()
        assert mine[role.column].sum() >= min(4, existing), role


def test_the_rule_takes_the_strongest_of_each():
    cosines = ("cos_gate_in", "cos_gate_out", "cos_in_out")
    neurons = pd.DataFrame({LAYER: [0] * 20 + [1] * 20, NEURON: [*range(20)] * 2, "io_class": "orthogonal output"})
    neurons = neurons.assign(**dict.fromkeys(cosines, 0.1), **{role.column: False for role in Role})
    scores = ("unembed_variance", "unembed_kurtosis", "entropy_share", "attention_next_layer", "attention_later_layers")
    neurons = neurons.assign(**dict.fromkeys(scores, 0.0))
    neurons.loc[3, ["io_class", "cos_in_out"]] = ["depletion", -0.9]
    neurons.loc[4, ["io_class", "cos_in_out"]] = ["depletion", -0.8]
    neurons.loc[25, cosines[0]] = 0.5
    neurons.loc[30:36, Role.ATTENTION_ACTIVATION.column] = True
    neurons.loc[30:36, "attention_next_layer"] = [-0.1, -0.9, -0.8, -0.2, -0.7, -0.6, -0.3]
    striking = pd.DataFrame(
        [(case.column, rank, 0, 10 + rank) for case in CASES for rank in range(6)],
        columns=pd.Index(["case", "rank", LAYER, NEURON]),
    )
    without_draw = {(0, 3), (1, 5), (1, 11), (1, 12), (1, 14), (1, 15), *((0, 10 + rank) for rank in range(4))}
    drawn = [set(choose(neurons, striking, seed)) for seed in range(30)]
    always = set.intersection(*drawn)
    assert without_draw <= always
    assert not {(0, 4), (1, 10)} & always
    assert all(len(each) <= len(without_draw) + 1 + 12 for each in drawn)  # one more is the first of orthogonal output
    assert choose(neurons, striking) == sorted(choose(neurons, striking)) == choose(neurons, striking, 0)


def test_its_card_is_what_is_written_now(dataset):
    written = (BUNDLED / CARD_NAME).read_text(encoding="utf-8")
    _, heading, texts = written.partition("\n## Texts\n\n\n")
    assert heading
    assert written == bundled_card(dataset.manifest, texts)


def test_its_card_names_the_model_and_its_licence(dataset):
    card = read_card(dataset.place)
    assert "of the model: Apache-2.0" in card
    assert "`HuggingFaceTB/SmolLM2-135M-Instruct`" in card

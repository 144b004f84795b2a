"""Cases that are rare and strong, against a loop over neurons and examples."""

from dataclasses import replace

import numpy as np

from compute.run import run
from compute.striking import STRONG, striking_in_layer, striking_rows
from compute.verify import verify
from gluscope_core.dataset import open_dataset
from gluscope_core.vocabulary import CASES, Quantity


def halves(examples, case):
    """Strongest |post| in texts of even and of odd number."""
    mine = examples[(examples["case"] == case.column) & (examples["quantity"] == Quantity.POST)]
    return [mine[mine["text"] % 2 == half]["value"].abs().max() for half in (0, 1)]


def test_against_a_loop(finished, monkeypatch):
    monkeypatch.setattr("compute.striking.RARE", 0.2)  # so few tokens have no case that is rare
    dataset = open_dataset(finished)
    frame, wanted = dataset.neurons(), []
    for row in frame.itertuples():
        examples = dataset.examples(row.layer, row.neuron)
        found = {case: halves(examples, case) for case in CASES}
        whole = [np.nanmax([found[case][half] for case in CASES]) for half in (0, 1)]
        for case in CASES:
            freq = frame[f"{case.column}_freq"][row.Index]
            share = found[case][0] / whole[0]
            if freq <= 0.2 and share >= STRONG:
                wanted.append((case.column, row.layer, row.neuron, freq, share, found[case][1] / whole[1]))
    layers = [
        striking_in_layer(dataset.read_table("examples", layer=layer), of_layer(dataset.read_table("neurons"), layer))
        for layer in dataset.manifest.layers
    ]
    mine = [tuple(row) for layer in layers for row in layer.itertuples(index=False)]
    assert len(mine) > 20
    assert [row[:3] for row in sorted(mine)] == [row[:3] for row in sorted(wanted)]
    np.testing.assert_allclose(*[[row[3:] for row in sorted(rows)] for rows in (mine, wanted)], rtol=1e-6)
    table = striking_rows(layers).to_pandas()
    for _, part in table.groupby("case"):
        assert part["found"].is_monotonic_decreasing
        assert part["rank"].tolist() == list(range(len(part)))


def of_layer(table, layer):
    return table.filter(np.asarray(table.column("layer")) == layer)


def test_a_run_writes_those_there_are(finished, config, tmp_path, monkeypatch):
    assert not open_dataset(finished).has("striking")
    monkeypatch.setattr("compute.striking.RARE", 0.2)
    run(replace(config, out=tmp_path))
    table = open_dataset(tmp_path).read_table("striking").to_pandas()
    assert (table["freq"] <= 0.2).all()
    assert (table["found"] >= STRONG).all()
    assert not list(map(str, verify(tmp_path)))

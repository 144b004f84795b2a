"""Worked examples: their figures against pandas and scipy, their verdicts by rule, and what is said where they fail."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gluscope_core.activations import silu
from gluscope_core.baselines import random_cosine_bound
from gluscope_core.dataset import open_dataset
from gluscope_core.findings import Evidence, Finding, Verdict, partial, ranked, together, why_not
from gluscope_core.findings_texts import GAIN, RARELY_OPEN, WEAK_CASES, sampled_gains
from gluscope_core.findings_weights import LENGTHS, OF_WEIGHTS
from gluscope_core.formats import fixed, percent
from tests.test_io_views import shown

BUNDLED = Path(__file__).parent.parent / "datasets" / "smollm2-135m-instruct"
ALL = (*OF_WEIGHTS, RARELY_OPEN, WEAK_CASES, GAIN, LENGTHS)
BY_KEY = {finding.key: finding for finding in ALL}


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    dataset = open_dataset(BUNDLED)
    columns = sorted({str(name) for finding in ALL for name in finding.columns})
    striking, samples = (dataset.read_table(name).to_pandas() for name in ("striking", "samples"))
    return Evidence(dataset.manifest, dataset.neurons([*columns, "io_class"]), striking, samples)


def text(key: str, evidence: Evidence) -> str:
    outcome = BY_KEY[key].try_on(evidence)
    assert outcome
    return outcome.text


def drawn(key: str, evidence: Evidence, field: str) -> pd.DataFrame:
    """The data of the chart's marks that show a field."""
    outcome = BY_KEY[key].try_on(evidence)
    assert outcome
    assert outcome.chart
    return shown(outcome.chart, field)


def opened(frame: pd.DataFrame) -> pd.Series:
    return frame["gate+_in+_freq"] + frame["gate+_in-_freq"]


@pytest.mark.parametrize("finding", ALL, ids=lambda finding: finding.key)
def test_every_one_has_a_chart_and_links(evidence, finding):
    outcome = finding.try_on(evidence)
    assert outcome is not None
    assert outcome.chart
    assert outcome.links
    assert outcome.caveat
    assert "nan" not in outcome.text
    json.dumps(outcome.chart, allow_nan=False)


def test_medians_by_layer(evidence):
    medians = evidence.neurons.groupby("layer")["cos_in_out"].median()
    said = text("enrichment-early-depletion-late", evidence)
    assert f"largest in layer {medians.idxmax()} ({fixed(medians.max())})" in said
    assert f"ends at {fixed(medians.iloc[-1])}" in said
    after = medians.loc[medians.idxmax() :]
    assert (
        f"first falls below 0 in layer {after.index[after < 0][0]};" in said
        or f"layer {after.index[after < 0][0]}," in said
    )
    line = drawn("enrichment-early-depletion-late", evidence, "median").set_index("layer")["median"]
    assert line.to_dict() == pytest.approx(medians.to_dict())


def test_shares_of_classes(evidence):
    frame = evidence.neurons
    writing = frame[frame["io_class"] != "orthogonal output"]
    said = text("input-manipulators", evidence)
    assert percent(len(writing) / len(frame)) in said
    early = writing[writing["layer"] < 15]["io_class"] == "conditional enrichment"
    assert percent(early.mean()) in said
    late = writing[writing["layer"] >= 22]["io_class"].value_counts(normalize=True)
    assert f"most are {late.index[0]} ({percent(late.iloc[0])})" in said
    shares = (frame["io_class"] != "orthogonal output").groupby(frame["layer"]).mean()
    assert f"of layer {shares.idxmax()} {percent(shares.max())}" in said
    overall = (writing["io_class"] == "conditional enrichment").mean()
    assert f"{percent(overall)} in all" in said
    bars = drawn("input-manipulators", evidence, "bottom")
    wanted = frame.groupby("layer")["io_class"].value_counts()
    assert bars.set_index(["layer", "class"])["neurons"].to_dict() == wanted.to_dict()


def test_right_angles(evidence):
    values = evidence.neurons["cos_gate_in"].abs()
    said = text("right-angles", evidence)
    assert f"{values.median():.3f}" in said
    assert percent((values > 0.5).mean()) in said
    bound = random_cosine_bound(576)
    assert f"{percent((values <= bound).mean())} of neurons lie within the band of random directions" in said
    assert f"(±{bound:.3f})" in said
    medians = values.groupby(evidence.neurons["layer"]).median()
    assert f"largest median of a layer is {medians.max():.3f}, in layer {medians.idxmax()}" in said
    boxes = drawn("right-angles", evidence, "median").set_index("layer")["median"]
    assert boxes.to_dict() == pytest.approx(medians.to_dict())


def test_no_prototypes(evidence):
    cosines = evidence.neurons["cos_in_out"]
    beyond = (cosines.abs() > 0.8).sum()
    said = text("no-prototypes", evidence)
    assert f"{beyond:,} ({percent(beyond / 46_080)})" in said
    assert f"the largest is {cosines.abs().max():.2f}" in said
    medians = cosines.groupby(evidence.neurons["layer"]).median()
    assert f"layer {medians.idxmax()}, where the median is largest, it is {fixed(medians.max())}" in said
    points = BY_KEY["no-prototypes"].try_on(evidence).data
    here = evidence.neurons[evidence.neurons["layer"] == medians.idxmax()]
    assert points["y"].to_numpy() == pytest.approx(here["cos_in_out"].to_numpy())
    assert points["x"].to_numpy() == pytest.approx(here["cos_gate_out"].to_numpy())


def test_roles(evidence):
    frame = evidence.neurons
    writing = frame[frame["role"].isin(["prediction", "suppression"])]
    said = text("roles-of-depletion", evidence)
    assert f"{len(writing)} prediction and suppression neurons {percent((writing['layer'] >= 24).mean())}" in said
    depletion = frame[frame["io_class"] == "depletion"]["role"]
    assert f"Of {len(depletion)} depletion" in said
    assert f"({percent(depletion.isin(['prediction', 'partition']).mean())})" in said
    assert f"{depletion.eq('suppression').sum()} suppression neurons" in said
    among_all = [frame["role"].isin(kinds).mean() for kinds in (["prediction", "partition"], ["suppression"])]
    assert f"that is {percent(among_all[0])} and {percent(among_all[1])}" in said
    assert BY_KEY["roles-of-depletion"].try_on(evidence).verdict is Verdict.PARTLY
    bars = drawn("roles-of-depletion", evidence, "bottom")
    counts = frame.groupby("layer")["role"].value_counts()
    assert bars.set_index(["layer", "name"])["count"].to_dict() == counts.to_dict()
    assert (bars["top"] - bars["bottom"]).tolist() == bars["count"].tolist()
    assert bars.groupby("layer")["top"].max().to_dict() == counts.groupby("layer").sum().to_dict()


def test_rarely_open(evidence):
    frame = evidence.neurons
    said = text("rarely-open", evidence)
    assert fixed(stats.pearsonr(frame["cos_in_out"], opened(frame)).statistic) in said
    apart = [each - each.groupby(frame["layer"]).transform("mean") for each in (frame["cos_in_out"], opened(frame))]
    assert f"**{fixed(stats.pearsonr(*apart).statistic)}**" in said
    by_layer = pd.Series({layer: opened(each).corr(each["cos_in_out"]) for layer, each in frame.groupby("layer")})
    assert f"strongest in layer {by_layer.idxmin()} ({fixed(by_layer.min())}) and {fixed(by_layer[29])} in" in said
    line = drawn("rarely-open", evidence, "value").set_index("layer")["value"]
    assert line.to_dict() == pytest.approx(by_layer.to_dict())
    ranks = frame.assign(opened=opened(frame)).groupby("layer")[["cos_in_out", "opened", "norm_in"]].rank(pct=True)
    ranks -= ranks.groupby(frame["layer"]).transform("mean")
    residuals = [
        ranks[name] - np.polyval(np.polyfit(ranks["norm_in"], ranks[name], 1), ranks["norm_in"])
        for name in ("cos_in_out", "opened")
    ]
    assert f"{fixed(stats.pearsonr(*residuals).statistic)} is left" in said
    assert f"Ranks give {fixed(stats.pearsonr(ranks['cos_in_out'], ranks['opened']).statistic)} within" in said


def test_weak_cases(evidence):
    closed = evidence.striking[evidence.striking["case"].isin(["gate-_in+", "gate-_in-"])]
    said = text("weak-cases", evidence)
    assert f"**{percent((closed['again'] >= 0.1).mean())}**" in said
    assert f"{len(closed):,} neurons were chosen" in said
    assert f"{closed['found'].median():.2f} when found, and {closed['again'].median():.2f} when" in said
    points = drawn("weak-cases", evidence, "again")
    key = ["neuron", "case"]
    named = closed.assign(
        neuron=[f"{row.layer}.{row.neuron}" for row in closed.itertuples()], case=closed["case"].str.replace("_", " ")
    )
    named["case"] = named["case"].str.replace("-", "−")
    for name in ("found", "again"):
        wanted = named.set_index(key)[name].astype(float).to_dict()
        assert points.set_index(key)[name].to_dict() == pytest.approx(wanted, abs=1e-6)
    links = WEAK_CASES.try_on(evidence).links
    known = {(f"{row.layer}.{row.neuron}") for row in closed.itertuples()}
    assert {link.state["neuron"] for link in links} <= known


def test_mean_gain(evidence):
    frame = evidence.neurons
    here = frame[frame["io_class"] == "conditional enrichment"]
    said = text("mean-gain", evidence)
    assert f"**{percent((here['mean_gain'] < 0).mean())}** of the {len(here):,}" in said
    assert f"(mean {fixed(here['mean_gain'].mean())})" in said
    written = {
        case: (here[f"{case}_post_in"].fillna(0) * here[f"{case}_count"]).sum()
        for case in ("gate+_in+", "gate+_in-", "gate-_in+", "gate-_in-")
    }
    along = sum(each for each in written.values() if each > 0) / sum(map(abs, written.values()))
    assert f"{percent(along)} is along" in said
    assert f"open at {percent(opened(here).median())} of the tokens (median)" in said
    others = frame[frame["io_class"] == "conditional depletion"]["mean_gain"]
    assert f"{percent((others > 0).mean())} of {len(others):,} have a positive gain" in said
    cells = drawn("mean-gain", evidence, "mean").set_index(["layer", "class"])["mean"]
    assert cells.to_dict() == pytest.approx(frame.groupby(["layer", "io_class"])["mean_gain"].mean().to_dict())


def test_the_split_of_texts(evidence):
    frame = evidence.neurons[["layer", "neuron", "io_class"]]
    sampled = evidence.samples.merge(frame.query("io_class == 'conditional enrichment'"))
    negative = {0: [], 1: []}
    for row in sampled.to_dict("records"):
        tokens = pd.DataFrame({"gate": row["gate"], "in": row["in"], "half": row["indices"] % 2}).astype(float)
        tokens["post_in"] = silu(tokens["gate"].to_numpy()) * tokens["in"] ** 2
        for half, part in tokens.groupby("half"):
            negative[int(half)].append(part["post_in"].sum() / (part["in"] ** 2).sum() < 0)
    caveat = GAIN.try_on(evidence).caveat
    assert f"{percent(np.mean(negative[0]))} of the {len(sampled)} neurons" in caveat
    assert f"{percent(np.mean(negative[1]))} in the odd" in caveat


def test_gains_of_samples_are_by_text():
    even, odd = sampled_gains(np.array([1.0, -0.1, 2.0]), np.array([1.0, 3.0, -1.0]), np.array([0, 1, 2]))
    assert (even, odd) == pytest.approx((1.5, -0.1))


def test_lengths(evidence):
    frame = evidence.neurons
    said = text("lengths", evidence)
    assert f"is {fixed(stats.spearmanr(frame['cos_in_out'], frame['norm_in']).statistic)}" in said
    by_layer = frame.groupby("layer")[["cos_in_out", "norm_in"]].apply(lambda part: part.corr("spearman").iloc[0, 1])
    assert f"in layer {by_layer.idxmax()} it is {fixed(by_layer.max())}" in said
    assert f"above 0 in {(by_layer > 0).sum()} of 30 layers" in said
    ranks = frame.groupby("layer")[["cos_in_out", "norm_in", "norm_out"]].rank()
    ranks -= ranks.groupby(frame["layer"]).transform("mean")
    within = ranks.corr()["cos_in_out"]
    assert f"within layers **{fixed(within['norm_in'])}**" in said
    assert f"With ‖w_out‖ it is {fixed(within['norm_out'])} within layers" in said
    caveat = LENGTHS.try_on(evidence).caveat
    for half in (0, 1):
        part = frame[frame["neuron"] % 2 == half]
        centred = ranks.loc[part.index] - ranks.loc[part.index].groupby(part["layer"]).transform("mean")
        assert fixed(centred.corr()["cos_in_out"]["norm_in"]) in caveat
    lines = drawn("lengths", evidence, "value")
    for name, column in (("with ‖w_in‖", "norm_in"), ("with ‖w_out‖", "norm_out")):
        wanted = {layer: each["cos_in_out"].corr(each[column], "spearman") for layer, each in frame.groupby("layer")}
        line = lines[lines["name"] == name].set_index("layer")["value"]
        assert line.to_dict() == pytest.approx(wanted)


def test_together_is_pearsons_r():
    random = np.random.default_rng(1)
    layer = np.repeat([0, 4], [30, 50])
    x, y = random.normal(size=(2, 80)) + layer
    y[3] = np.nan
    known = np.isfinite(y)
    found = together(layer, x, y)
    assert found.pooled == pytest.approx(stats.pearsonr(x[known], y[known]).statistic)
    for name in (0, 4):
        here = known & (layer == name)
        assert found.by_layer[name] == pytest.approx(stats.pearsonr(x[here], y[here]).statistic)
    assert found.by_layer[found.highest] >= found.by_layer[found.lowest]


def test_ranks_and_partial_correlations():
    layer = np.array([0, 0, 0, 1, 1])
    assert ranked(layer, np.array([3.0, 1, 2, 9, 8]))[0].tolist() == pytest.approx([1, 1 / 3, 2 / 3, 1, 0.5])
    assert partial(0.25, 0.5, 0.5) == pytest.approx(0)


def test_verdicts():
    assert Verdict.of(True) is Verdict.HOLDS
    assert [Verdict.of(*held) for held in ((True, False), (False, False))] == [Verdict.PARTLY, Verdict.FAILS]


def test_the_other_way_round_is_seen(evidence):
    """Of a model whose neurons deplete early and enrich late, the same rules say so."""
    turned = evidence.neurons.assign(cos_in_out=-evidence.neurons["cos_in_out"])
    found = BY_KEY["enrichment-early-depletion-late"].try_on(replace(evidence, neurons=turned))
    assert found.verdict is Verdict.FAILS
    for finding in (RARELY_OPEN, LENGTHS):
        assert finding.try_on(evidence).verdict is Verdict.HOLDS
        assert finding.try_on(replace(evidence, neurons=turned)).verdict is Verdict.FAILS
    gained = evidence.neurons.assign(mean_gain=1.0)
    assert GAIN.try_on(evidence).verdict is Verdict.HOLDS
    assert GAIN.try_on(replace(evidence, neurons=gained)).verdict is Verdict.FAILS


@pytest.mark.parametrize("finding", ALL, ids=lambda finding: finding.key)
def test_what_a_dataset_lacks_is_said(evidence, finding: Finding):
    assert why_not(finding, evidence.manifest) is None
    without = replace(evidence.manifest, run=None, weights=None, files=())
    said = why_not(finding, without)
    assert said is not None
    assert said.startswith("Not tried on this dataset")
    nobody = evidence.neurons.head(0)
    assert finding.try_on(Evidence(evidence.manifest, nobody, None, None)) is None


def test_text_and_figures_are_apart():
    """Prose has no figures of a dataset: what a claim says of a number comes from a paper."""
    for finding in ALL:
        assert not re.search(r"[−-]0\.\d\d", finding.claim + finding.title)

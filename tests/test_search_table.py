"""Found neurons as rows and files; hostile tokens stay text."""

import json
from io import BytesIO

import pandas as pd
import pytest

from gluscope_core.dataset import open_dataset
from gluscope_core.ids import NeuronId
from gluscope_core.query import parse
from gluscope_core.search import apply, metrics_of
from gluscope_core.search_table import results_csv, results_html, results_json, top_tokens
from gluscope_core.token_text import TokenTexts
from gluscope_core.vocabulary import CASES, Vector, freq_column


@pytest.fixture(scope="module")
def searched(with_weights):
    dataset = open_dataset(with_weights)
    query = parse({"token": "x", "cos_in_out": "-1..", "sort": "-freq_pn"}, dataset.manifest).query
    return dataset, query, apply(query, dataset, 7).neurons


def test_rows(searched):
    _, query, neurons = searched
    hostile = {Vector.OUT: ["<script>alert(1)</script>", "=1"]}
    first = NeuronId(int(neurons["layer"][0]), int(neurons["neuron"][0]))
    html = results_html(neurons, metrics_of(query), lambda neuron: f'neuron?n={neuron}&x="<', {first: hostile})
    assert html.count("<tr>") == len(neurons) + 1
    assert html.count("<svg") == len(neurons)
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert f'href="neuron?n={first}&amp;x=&quot;&lt;" data-go>{first}</a>' in html
    assert "cos(w_in, w_out)" in html


def test_without_tokens_or_lists_there_are_no_such_columns(searched):
    dataset, _, _ = searched
    query = parse({"layers": "1"}, dataset.manifest).query
    html = results_html(apply(query, dataset).neurons, [], str, {})
    assert html.count('<th scope="col"') == 3


def test_top_tokens(searched):
    dataset, _, _ = searched
    tokens = dataset.weights(1, 3).tokens
    texts = TokenTexts(dataset.vocab)
    listed = tokens[(tokens["vector"] == "w_out") & (tokens["matrix"] == "W_U") & (tokens["sign"] == 1)]
    assert top_tokens(tokens, texts)[Vector.OUT] == [texts.one(token) for token in listed["token"][:4]]


def test_files_hold_all_of_it_in_full(searched):
    dataset, query, neurons = searched
    table = pd.read_csv(BytesIO(results_csv(neurons)))
    content = json.loads(results_json(neurons, query, dataset.manifest))
    assert content["query"] == query.params()
    assert content["dataset_sha256"] == dataset.manifest.sha256
    for rows in (table, pd.DataFrame(content["neurons"])):
        assert rows[["layer", "neuron"]].to_numpy().tolist() == neurons[["layer", "neuron"]].to_numpy().tolist()
        for name in (*map(freq_column, CASES), "cos_in_out", "freq_pn"):
            assert rows[name].to_numpy(float) == pytest.approx(neurons[name].to_numpy(float), rel=1e-12)
    assert all("w_" in text or "×" in text for text in table["lists"])

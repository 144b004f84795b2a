"""What the original program writes, made of our datasets or of nothing: its parquet table, summary and pages."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from gluscope_core import open_dataset
from gluscope_core.vocabulary import CASES, QUANTITIES

CASE_NAMES = ("gate+_in+", "gate+_in-", "gate-_in+", "gate-_in-")
HOOKS = ("hook_post", "hook_pre_linear", "hook_pre", "swish")
assert tuple(case.column for case in CASES) == CASE_NAMES
assert tuple(QUANTITIES) == HOOKS


def listed(case: str) -> tuple[str, ...]:
    return HOOKS[:3] if case.startswith("gate+") else HOOKS


def their_figures(folder: Path, k: int) -> dict[str, np.ndarray]:
    """By their column names: layer, neuron, shares and means, and lists padded with zeros to k."""
    dataset = open_dataset(folder)
    ours, lists = dataset.neurons(), dataset.read_table("examples")
    columns: dict[str, np.ndarray] = {name: ours[name].to_numpy(np.int64) for name in ("layer", "neuron")}
    for case in CASE_NAMES:
        columns[f"{case}_freq"] = ours[f"{case}_freq"].to_numpy(np.float32)
        for hook in HOOKS:
            if hook in listed(case):
                for field, kind in (("values", np.float32), ("indices", np.int64)):
                    name = f"{case}_{hook}_max_{field}"
                    rows = lists.column(name).to_pylist()
                    columns[name] = np.array([row + [0] * (k - len(row)) for row in rows], dtype=kind)
            columns[f"{case}_{hook}_mean"] = ours[f"{case}_{hook}_mean"].to_numpy(np.float32)
    return columns


def write_original(source: Path, folder: Path, k: int, *, files: int = 1, order: np.ndarray | None = None) -> Path:
    columns = their_figures(source, k)
    table = pa.table({name: list(values) if values.ndim > 1 else values for name, values in columns.items()})
    table = table if order is None else table.take(order)
    (folder / "data").mkdir(parents=True)
    bounds = np.linspace(0, table.num_rows, files + 1).astype(int)
    for number, (start, stop) in enumerate(pairwise(bounds)):
        path = folder / "data" / f"train-{number:05d}-of-{files:05d}.parquet"
        pq.write_table(table.slice(start, stop - start), path, row_group_size=17)
    return folder


def write_summary(source: Path, path: Path, k: int, *, mean: str = "sum") -> Path:
    columns = their_figures(source, k)
    shape = (len(set(columns["layer"])), len(set(columns["neuron"])))
    summary: dict = {}
    for case in CASE_NAMES:
        summary[case, "freq"] = torch.tensor(columns[f"{case}_freq"]).reshape(shape)
        for hook in HOOKS:
            summary[case, hook, mean] = torch.tensor(columns[f"{case}_{hook}_mean"]).reshape(shape)
            if hook in listed(case):
                values, indices = (
                    torch.tensor(columns[f"{case}_{hook}_max_{field}"]).T.reshape(k, *shape)
                    for field in ("values", "indices")
                )
                summary[case, hook, "max"] = {"values": values, "indices": indices}
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(summary, path)
    return path


def silu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))


class Site:
    """Random texts, and a page for each neuron with the strongest of them in each case."""

    def __init__(self, seed: int = 0, texts: int = 12, k: int = 3) -> None:
        self.random = np.random.default_rng(seed)
        pieces = [
            "<script>alert(1)</script>",
            " again",
            "once",
            "\n",
            "\ufffd",
            "日本",
            "</td>",
            " of",
            ",",
            "'\"&amp;",
        ]
        lengths = self.random.integers(5, 60, texts)
        self.texts = [["<|endoftext|>", *self.random.choice(pieces, length)] for length in lengths]
        self.k = k

    def write_page(self, folder: Path, layer: int, neuron: int) -> Path:
        page = folder / "Model" / f"L{layer}" / f"N{neuron}"
        page.mkdir(parents=True)
        runs = []
        for tokens in self.texts:
            gate, linear = (self.random.normal(0, 2, len(tokens)).astype(np.float32) for _ in range(2))
            act = silu(gate.astype(np.float64))
            runs.append({"hook_post": act * linear, "hook_pre_linear": linear, "hook_pre": gate, "swish": act})
        figures = {}
        for case in CASE_NAMES:
            masks = [inside(run, case) for run in runs]
            total = sum(map(len, masks))
            figures[case, "freq"] = sum(mask.sum() for mask in masks) / total
            for hook in HOOKS:
                values = np.concatenate([run[hook][mask] for run, mask in zip(runs, masks, strict=True)])
                figures[case, hook] = values[np.abs(values).argmax()], values.mean()
        named = [self._write_examples(page, runs, case, hook) for case in CASE_NAMES for hook in listed(case)]
        html = page_html(layer, neuron, figures, [name for names in named for name in names])
        (page / "vis.html").write_text(html, encoding="utf-8")
        return page

    def _write_examples(self, page: Path, runs: list[dict], case: str, hook: str) -> list[str]:
        best = []
        for text, run in enumerate(runs):
            size = np.where(inside(run, case), np.abs(run[hook]), 0)
            if size.any():
                best.append((-size.max(), text, int(size.argmax())))
        names = []
        for number, (_, text, position) in enumerate(sorted(best)[: self.k]):
            stop = position + 3
            own = [hook, *(["swish"] if case.startswith("gate+") and hook == "hook_pre" else [])]
            mask = inside(runs[text], case)
            columns = [np.where(mask, runs[text][name], 0) for name in own] + [runs[text][name] for name in HOOKS]
            content = {
                "tokens": self.texts[text][:stop],
                "values": np.stack(columns, axis=1)[:stop].tolist(),
                "labels": [*(f"{case}_{name}" for name in own), *HOOKS],
            }
            names.append(f"{case}_{hook}_example_{number}.json")
            (page / names[-1]).write_text(json.dumps(content), encoding="utf-8")
        return names


def inside(run: dict, case: str) -> np.ndarray:
    gate, linear = (1 if case[at] == "+" else -1 for at in (4, -1))
    return (run["hook_pre"] * gate > 0) & (run["hook_pre_linear"] * linear > 0)


def page_html(layer: int, neuron: int, figures: dict, examples: list[str]) -> str:
    head = "".join(f"<td><h4>{case}</h4></td>\n" for case in CASE_NAMES)
    freq = "".join(f"<td>Frequency: <b>{figures[case, 'freq']:.2%}</b>.</td>\n" for case in CASE_NAMES)
    rows = "".join(f"<tr>\n{''.join(cell(hook, *figures[case, hook]) for case in CASE_NAMES)}</tr>\n" for hook in HOOKS)
    body = "".join(
        f'<details><summary><h4>Example</h4></summary><div class="circuit-viz" data-url="./{name}"></div></details>\n'
        for name in examples
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><title>GLUscope</title></head><body>\n'
        "<h1>Model: <b>allenai/OLMo-7B-0424-hf</b></h1>\n"
        f"<h2>Layer: <b>{layer}</b>. Neuron Index: <b>{neuron}</b></h2>\n"
        f"<table><tr>\n{head}</tr><tr>\n{freq}</tr>\n{rows}</table>\n{body}</body></html>\n"
    )


def cell(hook: str, extreme: float, mean: float) -> str:
    high, low = max(extreme, 0), min(extreme, 0)
    return (
        f"<td>\n <b>{hook}</b>:<br>\n Max: <b>{high:.2f}</b>;<br>\n Min: <b>{low:.2f}</b>;<br>\n"
        f" Avg: <b>{mean:.2f}</b>.\n</td>\n"
    )

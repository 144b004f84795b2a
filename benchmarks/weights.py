"""W1 and W2: what the stage `weights` takes, on SmolLM2-135M.

W1 is the seconds of `weights --parts none` as a user starts it. W2 is the time of everything over that of the products
and selections that it cannot do without, as torch has them, for two of its layers and all of its tokens."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks.figures import Figures, summary
from benchmarks.whole_runs import find_smollm2
from compute.weights.directions import Directions
from compute.weights.relations import LINKS, NEAR, relate
from compute.weights.tokens import TokenDirections, list_tokens, moments
from gluscope_core.vocabulary import MATRICES, VECTORS

PAIRS = 5
LAYERS, PER_LAYER, D_MODEL, TOKENS = 2, 1536, 576, 49152
K, RELATED = 16, 8
_AT_ONCE = 1024


def measure() -> Iterator[tuple[str, Figures]]:
    with tempfile.TemporaryDirectory() as name:
        yield "W1", summary([_seconds_of_cosines(Path(name)) for _ in range(PAIRS)])
        yield "W2", summary(_everything_against_products(Path(name)))


def _seconds_of_cosines(folder: Path) -> float:
    out = folder / "weights"
    command = [sys.executable, "-m", "compute", "weights", "--model", str(find_smollm2()), "--out", str(out)]
    began = time.perf_counter()
    subprocess.run(
        [*command, "--parts", "none"],
        check=True,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    took = time.perf_counter() - began
    shutil.rmtree(out)
    return took


def _everything_against_products(folder: Path) -> list[float]:
    torch.manual_seed(0)
    directions = Directions.within(folder / "directions", LAYERS, PER_LAYER, D_MODEL)
    for vector in VECTORS:
        values = torch.nn.functional.normalize(torch.randn(directions.neurons, D_MODEL), dim=1)
        directions.unit[vector][:] = values.numpy()
        directions.norm[vector][:] = 1
    vectors = {matrix: torch.randn(TOKENS, D_MODEL) for matrix in MATRICES}
    norms = {matrix: values.norm(dim=1) for matrix, values in vectors.items()}
    tokens = TokenDirections(torch.arange(TOKENS), vectors, norms)

    def everything() -> None:
        list_tokens(directions, tokens, K, K)
        moments(directions, tokens)
        relate(directions, RELATED, NEAR + LINKS, torch.device("cpu"))

    def needed() -> None:
        _products_with_tokens(directions, vectors)
        _products_with_neurons(directions)

    return [_seconds(everything) / _seconds(needed) for _ in range(PAIRS)]


def _products_with_tokens(directions: Directions, vectors: dict) -> None:
    """Each vector with each matrix, the furthest both ways and of both signs; w_out once more for its moments."""
    for start in range(0, directions.neurons, _AT_ONCE):
        rows = slice(start, min(start + _AT_ONCE, directions.neurons))
        for vector in VECTORS:
            for matrix in MATRICES:
                dots = directions.of(vector, rows) @ vectors[matrix].t()
                by_token = dots.t().contiguous()
                for largest in (True, False):
                    dots.topk(K, dim=1, largest=largest)
                    by_token.topk(K, dim=1, largest=largest)
        directions.of(VECTORS[-1], rows) @ vectors[MATRICES[0]].t()


def _products_with_neurons(directions: Directions) -> None:
    """Every pair of layers once: three products and four selections both ways, and in later layers two of each."""
    for layer in range(directions.layers):
        mine = [directions.of(vector, directions.rows(layer)) for vector in VECTORS]
        for other in range(layer, directions.layers):
            theirs = [directions.of(vector, directions.rows(other)) for vector in VECTORS]
            products = [one @ two.t() for one, two in zip(mine, theirs, strict=True)]
            products.append(products[0] + (products[1] + products[2]).abs())
            if other > layer:
                products += [mine[-1] @ two.t() for two in theirs[:2]]
            for each in products:
                each.topk(RELATED, dim=1)
                if other > layer:
                    each.t().contiguous().topk(RELATED, dim=1)


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    for name, found in measure():
        print(name, {key: np.round(value, 3) for key, value in found.items()})


if __name__ == "__main__":
    main()

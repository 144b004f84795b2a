"""`make bench` and `make bench-app`: every measure of this folder as a table, and in `build/bench.json`."""

import json
import sys
from itertools import chain
from pathlib import Path

from benchmarks import added_examples, collecting, dashboard, exactness, many_neurons, reading, weights, whole_runs

RESULTS = Path("build/bench.json")
GROUPS = {
    "compute": (collecting, exactness, whole_runs, weights),
    "app": (reading, dashboard, many_neurons, added_examples),
}


def main(group: str) -> None:
    """Figures of the other group stay."""
    RESULTS.parent.mkdir(exist_ok=True)
    figures = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name, found in chain.from_iterable(each.measure() for each in GROUPS[group]):
        figures[name] = found
        spread = f"{found['min']:.3g} to {found['max']:.3g}, {found['pairs']} pairs"
        print(f"{name:14} {found['median']:<8.3g} {spread}", flush=True)
        RESULTS.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])

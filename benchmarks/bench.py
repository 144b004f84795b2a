"""`make bench`: every measure of this folder as a table, and in `build/bench.json`."""

import json
from itertools import chain
from pathlib import Path

from benchmarks import added_examples, collecting, dashboard, exactness, many_neurons, reading, weights, whole_runs

RESULTS = Path("build/bench.json")


def main() -> None:
    figures = {}
    measures = (collecting, exactness, reading, weights, dashboard, many_neurons, whole_runs, added_examples)
    for name, found in chain.from_iterable(each.measure() for each in measures):
        figures[name] = found
        spread = f"{found['min']:.3g} to {found['max']:.3g}, {found['pairs']} pairs"
        print(f"{name:14} {found['median']:<8.3g} {spread}", flush=True)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()

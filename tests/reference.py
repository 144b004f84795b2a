"""The same figures by slow, obvious loops: the oracle that the fast code is held against."""

import math
from dataclasses import dataclass, field

import numpy as np

from compute.chance import priorities
from gluscope_core.vocabulary import CASES, LISTS, Case, ExampleList, Quantity


@dataclass
class Text:
    """What one layer did on one text: arrays of token × neuron, float32."""

    number: int
    gate: np.ndarray
    linear: np.ndarray
    act: np.ndarray


@dataclass
class CaseFigures:
    count: int = 0
    per_text: dict[int, int] = field(default_factory=dict)
    values: dict[Quantity, list[float]] = field(default_factory=lambda: {quantity: [] for quantity in Quantity})
    post_in: list[float] = field(default_factory=list)


@dataclass
class Entry:
    """One place in a list."""

    value: float
    text: int
    position: int
    gate: list[float]
    linear: list[float]


@dataclass
class NeuronFigures:
    cases: dict[Case, CaseFigures] = field(default_factory=lambda: {case: CaseFigures() for case in CASES})
    zero: int = 0
    nonfinite: int = 0
    counted: int = 0
    gained: list[float] = field(default_factory=list)
    read: list[float] = field(default_factory=list)
    lists: dict[ExampleList, list[Entry]] = field(default_factory=dict)


def case_of(gate: float, linear: float) -> Case | None:
    if gate == 0 or linear == 0:
        return None
    return Case((1 if gate > 0 else -1, 1 if linear > 0 else -1))


def quantities(gate: np.float32, linear: np.float32, act: np.float32) -> dict[Quantity, float]:
    with np.errstate(all="ignore"):
        post = np.float32(act) * np.float32(linear)
    return {
        Quantity.POST: float(post),
        Quantity.IN: float(linear),
        Quantity.GATE: float(gate),
        Quantity.ACT: float(act),
    }


def figures(texts: list[Text], neuron: int, *, skip_first: int, k: int, window: int, seed: int) -> NeuronFigures:
    found = NeuronFigures()
    offers: dict[ExampleList, list[tuple[tuple, Entry]]] = {each: [] for each in LISTS}
    for text in texts:
        best: dict[ExampleList, tuple[tuple, Entry]] = {}
        for position in range(skip_first, len(text.gate)):
            _count(found, text, position, neuron, best, window, seed)
        for each, offer in best.items():
            offers[each].append(offer)
    for each, offered in offers.items():
        found.lists[each] = [entry for _, entry in sorted(offered, key=lambda offer: offer[0])[:k]]
    return found


def _count(found, text, position, neuron, best, window, seed) -> None:
    gate, linear, act = (array[position, neuron] for array in (text.gate, text.linear, text.act))
    values = quantities(gate, linear, act)
    found.counted += 1
    if not all(map(math.isfinite, (gate, linear, values[Quantity.POST]))):
        found.nonfinite += 1
        return
    found.gained.append(values[Quantity.POST] * float(linear))
    found.read.append(float(linear) ** 2)
    case = case_of(gate, linear)
    if case is None:
        found.zero += 1
        return
    figures_of_case = found.cases[case]
    figures_of_case.count += 1
    figures_of_case.per_text[text.number] = figures_of_case.per_text.get(text.number, 0) + 1
    figures_of_case.post_in.append(values[Quantity.POST] * float(linear))
    for quantity, value in values.items():
        figures_of_case.values[quantity].append(value)
    for each in LISTS:
        value = values[each.valued]
        if each.case is not case or value == 0:
            continue
        chance = float(priorities(np.array(text.number), np.array(position), seed))
        rank = chance if each.is_random else abs(value)
        key = (-rank, text.number, position)
        if each not in best or key < best[each][0]:
            best[each] = (key, entry_at(text, position, neuron, value, window))


def entry_at(text: Text, position: int, neuron: int, value: float, window: int) -> Entry:
    start = max(0, position - window * 3 // 4)
    stop = min(len(text.gate), position - window * 3 // 4 + window)
    with np.errstate(over="ignore"):
        gate, linear = (
            np.clip(array[start:stop, neuron], -65504, 65504).astype(np.float16).tolist()
            for array in (text.gate, text.linear)
        )
    return Entry(value, text.number, position, gate, linear)

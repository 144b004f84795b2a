"""Any split, order, grouping and resume of the same activations gives the same figures: those of plain loops."""

from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from compute.chance import priorities, sample_positions
from compute.reduce import Activations, Reduced
from compute.state import LayerState
from compute.watch import sample_slots
from gluscope_core.vocabulary import CASES, LISTS, QUANTITIES, RANDOM_LISTS, TOP_LISTS, Quantity
from tests.conftest import kernels_of
from tests.reference import Text, figures

NEURONS, K, RANDOM_K, WINDOW, SAMPLES = 3, 3, 2, 6, 7
ODD_VALUES = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 1e-30, 7e4, -7e4, 3e38, np.nan, np.inf, -np.inf]


@dataclass
class Run:
    texts: list[Text]
    seed: int
    skip_first: int

    @property
    def lengths(self) -> np.ndarray:
        return np.array([len(text.gate) for text in self.texts])


def leaky(x: torch.Tensor) -> torch.Tensor:
    """An activation function that a CPU rounds alike wherever a value stands, unlike those with an exponential."""
    return torch.where(x < 0, x * 0.125, x)


@st.composite
def runs(draw) -> Run:
    lengths = draw(st.lists(st.integers(0, 9), min_size=1, max_size=7))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    odd = draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    texts = []
    for number, length in enumerate(lengths):
        gate, linear = (values(random, (length, NEURONS), odd) for _ in range(2))
        act = leaky(torch.from_numpy(gate)).numpy()
        texts.append(Text(number, gate, linear, act))
    return Run(texts, draw(st.integers(0, 2**40)), draw(st.integers(0, 2)))


def values(random: np.random.Generator, shape: tuple[int, ...], odd: float) -> np.ndarray:
    usual = random.normal(size=shape).astype(np.float32).round(1)
    return np.where(random.random(shape) < odd, random.choice(ODD_VALUES, shape), usual).astype(np.float32)


def empty_state() -> LayerState:
    nothing = torch.zeros(NEURONS, dtype=torch.bool)
    return LayerState.none(nothing, top_k=K, random_k=RANDOM_K, window=WINDOW, samples=SAMPLES)


def observe(state: LayerState, run: Run, numbers: list[int], act=leaky) -> LayerState:
    """One batch, padded with values that would show if they counted."""
    texts = [run.texts[number] for number in numbers]
    width = max(len(text.gate) for text in texts)

    def padded(name: str) -> torch.Tensor:
        batch = np.full((len(texts), width, NEURONS), 9.0, np.float32)
        for row, text in enumerate(texts):
            batch[row, : len(text.gate)] = getattr(text, name)
        return torch.from_numpy(batch.transpose(2, 0, 1).copy())

    chosen, lengths, place = np.array(numbers), run.lengths[numbers], np.arange(width)
    counted = (place < lengths[:, None]) & (place >= run.skip_first)
    priority = torch.from_numpy(np.where(counted, priorities(chosen[:, None], place, run.seed), np.float32(0)))
    kernels = kernels_of(act, WINDOW)
    gate, linear = padded("gate"), padded("linear")
    reduced = Reduced(*kernels.reduce(gate, linear, priority))
    seen = Activations(
        gate, linear, reduced.act, reduced.post, priority, torch.from_numpy(chosen), torch.from_numpy(lengths)
    )
    sampled = sample_positions(run.lengths, run.skip_first, SAMPLES, run.seed)
    first = np.flatnonzero(run.lengths)[:1]
    slots = sample_slots(chosen, width, *sampled), sample_slots(chosen, width, first, np.zeros(1, int))
    return state.observe(reduced, seen, kernels, *slots)


def saved_and_loaded(state: LayerState) -> LayerState:
    with TemporaryDirectory() as folder:
        save_file({name: tensor.contiguous() for name, tensor in state.tensors().items()}, Path(folder) / "state")
        return LayerState.from_tensors(load_file(Path(folder) / "state"))


def ranked(state: LayerState) -> LayerState:
    """Lists best first, as merging leaves them."""
    return state.merge(empty_state())


def assert_same_state(one: LayerState, other: LayerState) -> None:
    one, other = ranked(one).tensors(), ranked(other).tensors()
    for name, tensor in one.items():
        theirs = other[name]
        if tensor.dtype == torch.float64:
            torch.testing.assert_close(tensor, theirs, rtol=1e-12, atol=0)
        else:
            assert torch.equal(torch.nan_to_num(tensor, 12345), torch.nan_to_num(theirs, 12345)), name


def groups(draw, numbers: list[int]) -> list[list[int]]:
    """The numbers in any order, cut anywhere."""
    order = draw(st.permutations(numbers))
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=4)))
    return [list(order[a:b]) for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True) if a < b]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_split_order_sharding_and_resume(data):
    run = data.draw(runs())
    numbers = [int(number) for number in np.flatnonzero(run.lengths)]
    whole = empty_state()
    for number in numbers:
        whole = observe(whole, run, [number])
    shards = []
    for shard in groups(data.draw, numbers):
        state = empty_state()
        for batch in groups(data.draw, shard):
            state = observe(state, run, batch)
            if data.draw(st.booleans()):
                state = saved_and_loaded(state)
        shards.append(state)
    joined = empty_state()
    for state in data.draw(st.permutations(shards)):
        joined = joined.merge(state) if data.draw(st.booleans()) else state.merge(joined)
    assert_same_state(whole, joined)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_equals_plain_loops(data):
    run = data.draw(runs())
    state = empty_state()
    for batch in groups(data.draw, [int(number) for number in np.flatnonzero(run.lengths)]):
        state = observe(state, run, batch)
    assert_equals_loops(state, run)


def assert_equals_loops(state: LayerState, run: Run) -> None:
    state = ranked(state)
    for neuron in range(NEURONS):
        options = {"skip_first": run.skip_first, "window": WINDOW, "seed": run.seed}
        wanted = figures(run.texts, neuron, k=K, **options)
        assert_moments(state, neuron, wanted, run)
        for i, each in enumerate(TOP_LISTS):
            assert entries(state.top, i, neuron, run) == wanted_entries(wanted.lists[each])
        few = figures(run.texts, neuron, k=RANDOM_K, **options)
        for i, each in enumerate(RANDOM_LISTS):
            assert entries(state.random, i, neuron, run) == wanted_entries(few.lists[each])
    assert_samples(state, run)


def assert_moments(state: LayerState, neuron: int, wanted, run: Run) -> None:
    moments = state.moments
    counted = np.maximum(run.lengths - run.skip_first, 0)
    assert moments.zero[neuron] == wanted.zero
    assert moments.nonfinite[neuron] == wanted.nonfinite
    for c, case in enumerate(CASES):
        mine = wanted.cases[case]
        assert moments.count[c, neuron] == mine.count
        assert moments.count_squared[c, neuron] == sum(n * n for n in mine.per_text.values())
        assert moments.count_by_length[c, neuron] == sum(n * counted[text] for text, n in mine.per_text.items())
        assert moments.post_in[c, neuron].item() == pytest.approx(sum(mine.post_in), rel=1e-12, abs=0)
        for q, quantity in enumerate(QUANTITIES):
            listed = mine.values[quantity]
            assert moments.total[c, q, neuron].item() == pytest.approx(sum(listed), rel=1e-12, abs=0)
            squares = sum(value * value for value in listed)
            assert moments.squares[c, q, neuron].item() == pytest.approx(squares, rel=1e-12, abs=0)
            assert moments.smallest[c, q, neuron].item() == min(map(abs, listed), default=np.inf)
            assert moments.largest[c, q, neuron].item() == max(map(abs, listed), default=0)
    gained = moments.post_in[:, neuron].sum() + moments.zero_post_in[neuron]
    assert gained.item() == pytest.approx(sum(wanted.gained), abs=1e-12 * sum(map(abs, wanted.gained)))
    read = moments.squares[:, QUANTITIES.index(Quantity.IN), neuron].sum() + moments.zero_in_squares[neuron]
    assert read.item() == pytest.approx(sum(wanted.read), rel=1e-12, abs=0)


def entries(lists, i: int, neuron: int, run: Run) -> list[tuple]:
    found = []
    for place in range(lists.k):
        if lists.key[i, neuron, place] == 0:
            continue
        text, position = int(lists.texts[i, neuron, place]), int(lists.position[i, neuron, place])
        start = position - WINDOW * 3 // 4
        inside = slice(max(0, -start), min(WINDOW, len(run.texts[text].gate) - start))
        windows = (str(tensor[i, neuron, place, inside].tolist()) for tensor in (lists.gate, lists.linear))
        found.append((lists.value[i, neuron, place].item(), text, position, *windows))
    return found


def wanted_entries(listed) -> list[tuple]:
    return [(entry.value, entry.text, entry.position, str(entry.gate), str(entry.linear)) for entry in listed]


def assert_samples(state: LayerState, run: Run) -> None:
    texts, positions = sample_positions(run.lengths, run.skip_first, SAMPLES, run.seed)
    assert len(texts) == min(SAMPLES, int(np.maximum(run.lengths - run.skip_first, 0).sum()))
    assert len(set(zip(texts, positions, strict=True))) == len(texts)
    for slot, (text, position) in enumerate(zip(texts, positions, strict=True)):
        assert position >= run.skip_first
        np.testing.assert_array_equal(state.samples.gate[:, slot], run.texts[text].gate[position])
        np.testing.assert_array_equal(state.samples.linear[:, slot], run.texts[text].linear[position])


def test_samples_are_a_uniform_choice():
    lengths = np.array([50, 0, 10, 40])
    hits = np.zeros(100)
    for seed in range(2000):
        text, position = sample_positions(lengths, 0, 10, seed)
        hits[np.concatenate([[0], np.cumsum(lengths)])[text] + position] += 1
    assert abs(hits.mean() - 200) < 1e-9
    assert hits.min() > 120
    assert hits.max() < 280


def test_lists_hold_no_zero_and_no_padding():
    """act underflows to 0 far below, post with it: they stay in the case but enter no list."""
    gate = np.full((4, NEURONS), -200.0, np.float32)
    linear = np.ones((4, NEURONS), np.float32)
    run = Run([Text(0, gate, linear, np.zeros_like(gate))], 0, 0)
    state = observe(empty_state(), run, [0], act=lambda x: x * 0)
    assert state.moments.count[2].tolist() == [4] * NEURONS
    sizes = {each.column("values"): int((state.top.key[i] > 0).sum()) for i, each in enumerate(TOP_LISTS)}
    assert {name for name, size in sizes.items() if size} == {
        "gate-_in+_hook_pre_max_values",
        "gate-_in+_hook_pre_linear_max_values",
    }
    assert not (state.random.key > 0).any()


def test_every_field_of_the_state_is_saved():
    state = empty_state()
    assert len(state.tensors()) == sum(len(fields(getattr(state, part.name))) for part in fields(state))
    assert len(LISTS) == 18

"""Running a model over the texts of some lists once more, as far as they are needed, for what is around each entry."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from compute.batches import BatchPlan, make_batch, plan_batches
from compute.kernels import cut_windows
from compute.listed import UNKNOWN, Listed
from compute.loading import GatedModel
from compute.reduce import Act, by_quantity, usable
from compute.rows import PackedEntries
from compute.saved import Work
from compute.token_texts import TokenTexts
from compute.windows import tokens_before
from gluscope_core.vocabulary import LISTS, QUANTITIES

_BANDS = 6
"""Of depths. More would make batches smaller."""
_TRAITS = tuple(
    torch.tensor(trait)
    for trait in zip(
        *((each.case.gate_sign, each.case.in_sign, QUANTITIES.index(each.valued), each.is_random) for each in LISTS),
        strict=True,
    )
)
"""Of each list: signs of gate and in, number of the quantity, and whether it is a random choice."""


@dataclass(frozen=True)
class Scope:
    """What of the texts counts, and how much is kept."""

    window: int
    skip_first: int
    batch_tokens: int


@dataclass(frozen=True)
class Revisited:
    """Of each entry, in the order of the lists."""

    positions: np.ndarray
    computed: np.ndarray
    """What the model gives, where the lists hold `values`; NaN where no token of the text is of the case."""
    gate: np.ndarray
    linear: np.ndarray

    def entries(self, listed: Listed) -> PackedEntries:
        """The lists' own values, with what is around them."""
        return PackedEntries(listed.values, listed.texts, self.positions, self.gate, self.linear)

    def errors(self, listed: Listed) -> np.ndarray:
        """How far what is computed lies from what is listed, as a share of the neuron's scale."""
        off = np.abs(self.computed - listed.values) / listed.scales()
        return np.where(np.isnan(off), np.inf, off)


def revisit(
    model: GatedModel,
    listed: Listed,
    turned: np.ndarray,
    texts: TokenTexts,
    scope: Scope,
    *,
    work: Work | None = None,
) -> Revisited:
    """`turned`: which neurons have the sign of w_in and w_out changed. A text is run up to the last token that is
    needed of it, and a batch up to the deepest layer."""
    needed, plan = _batches(listed, texts, scope)
    visit = _Visit(listed, turned, scope)
    tokens = [int(needed.lengths[chosen].sum()) for chosen in plan]
    with visit.attached(model), torch.inference_mode():
        for chosen in (work or Work()).through("examples", plan, visit.tensors(), tokens):
            batch = make_batch(needed, chosen, scope.skip_first, seed=0).to(model.input_device)
            visit.begin(chosen, batch.lengths)
            with suppress(_DeepEnough):
                model.decoder(input_ids=batch.ids, use_cache=False)
    return Revisited(*(each.numpy() for each in (visit.positions, visit.computed, visit.gate, visit.linear)))


def texts_at_once(listed: Listed, texts: TokenTexts, scope: Scope) -> int:
    """In the batch of most texts."""
    return max(map(len, _batches(listed, texts, scope)[1]))


def _batches(listed: Listed, texts: TokenTexts, scope: Scope) -> tuple[TokenTexts, BatchPlan]:
    """As much of each text as is needed, and which go together."""
    needed = texts.cut_each(_tokens_needed(listed, texts.lengths, scope.window))
    return needed, _plan(listed, needed.lengths, scope.batch_tokens)


def _tokens_needed(listed: Listed, lengths: np.ndarray, window: int) -> np.ndarray:
    """Of each text, up to the end of the last window in it; all of it where a position is unknown."""
    stops = listed.positions - tokens_before(window) + window
    stops = np.where(listed.positions == UNKNOWN, lengths[listed.texts], np.minimum(stops, lengths[listed.texts]))
    needed = np.zeros(len(lengths), np.int64)
    np.maximum.at(needed, listed.texts, stops)
    return needed


def _plan(listed: Listed, lengths: np.ndarray, batch_tokens: int) -> BatchPlan:
    """Texts together that are needed about as deep: a batch goes as deep as the deepest of its texts."""
    depths = np.full(len(lengths), -1)
    np.maximum.at(depths, listed.texts, listed.layers)
    bands = depths * _BANDS // (depths.max() + 1)
    plans = (plan_batches(np.where(bands == band, lengths, 0), batch_tokens, seed=0) for band in range(_BANDS))
    return tuple(batch for plan in plans for batch in plan)


class _DeepEnough(Exception):  # no error: it ends a forward pass
    """All layers that a batch has entries of have been seen."""


class _Visit:
    """The entries while batches run; each is filled in when its text passes its layer."""

    def __init__(self, listed: Listed, turned: np.ndarray, scope: Scope) -> None:
        entries = len(listed.values)
        self.positions = torch.from_numpy(listed.positions.copy())
        self.computed = torch.full((entries,), torch.nan)
        self.gate = torch.zeros((entries, scope.window), dtype=torch.float16)
        self.linear = torch.zeros_like(self.gate)
        self._scope = scope
        self._values = torch.tensor(listed.values)
        self._lists = torch.from_numpy(listed.lists)
        self._texts, self._layers = listed.texts, listed.layers
        own, owners = np.array([each.layer for each in listed.ids]), listed.owners
        self._neurons = {layer: np.flatnonzero(own == layer) for layer in sorted(set(own))}
        """By layer: numbers of its neurons."""
        self._row = np.concatenate([np.arange(len(each)) for each in self._neurons.values()])[owners]
        self._ids = torch.tensor([each.neuron for each in listed.ids])
        self._signs = torch.from_numpy(np.where(turned, -1.0, 1.0)).float()

    def tensors(self) -> dict[str, Tensor]:
        """All that batches change."""
        return {
            "positions": self.positions,
            "computed": self.computed,
            "gate": self.gate,
            "linear": self.linear,
        }

    @contextmanager
    def attached(self, model: GatedModel) -> Iterator[None]:
        hooks = []
        for layer, numbers in self._neurons.items():
            mlp = model.mlps[layer]
            hooks.append(mlp.look_at(self._ids[numbers].to(mlp.device), partial(self._take, layer, mlp.act)))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def begin(self, texts: np.ndarray, lengths: Int[Tensor, "text"]) -> None:
        """Says which texts the next activations belong to."""
        self._here = np.flatnonzero(np.isin(self._texts, texts))
        place = np.zeros(int(texts.max()) + 1, np.int64)
        place[texts] = np.arange(len(texts))
        self._place, self._lengths = place, lengths

    def _take(self, layer: int, act_of: Act, gate: Tensor, linear: Tensor) -> None:
        layers = self._layers[self._here]
        entries = self._here[layers == layer]
        if len(entries):
            turn = self._signs[self._neurons[layer]].to(linear)
            self._fill(entries, act_of, gate, linear * turn[:, None, None])
        if layer == layers.max():
            raise _DeepEnough

    def _fill(self, entries: np.ndarray, act_of: Act, gate: Tensor, linear: Tensor) -> None:
        device, slot = gate.device, torch.from_numpy(entries)
        neuron = torch.from_numpy(self._row[entries]).to(device)
        text = torch.from_numpy(self._place[self._texts[entries]]).to(device)
        lengths, token = self._lengths.to(device), torch.arange(gate.shape[2], device=device)
        counted = (token >= self._scope.skip_first) & (token < lengths[text, None])
        asked = _Asked(*(each[slot].to(device) for each in (self._lists, self._values, self.positions)))
        position, computed = asked.find(gate[neuron, text], linear[neuron, text], act_of, counted)
        gates, linears = cut_windows(gate, linear, neuron, text, position, lengths, window=self._scope.window)
        for kept, found in (
            (self.positions, position),
            (self.computed, computed),
            (self.gate, gates),
            (self.linear, linears),
        ):
            kept[slot] = found.cpu()


@dataclass(frozen=True)
class _Asked:
    """Some entries: list, listed value, and position where it is known."""

    lists: Int[Tensor, "entry"]
    values: Float[Tensor, "entry"]
    positions: Int[Tensor, "entry"]

    def find(
        self,
        gate: Float[Tensor, "entry token"],
        linear: Float[Tensor, "entry token"],
        act_of: Act,
        counted: Bool[Tensor, "entry token"],
    ) -> tuple[Int[Tensor, "entry"], Float[Tensor, "entry"]]:
        """Position and value. An unknown position is that of the case's largest magnitude; in a list that is a random
        choice, of the value nearest to the listed one."""
        act = act_of(gate)
        post = act * linear
        values = by_quantity(gate, linear, act, post)
        every, entry = torch.stack([values[quantity] for quantity in QUANTITIES]), torch.arange(len(self.lists))
        gate_sign, in_sign, valued, is_random = (each.to(gate.device)[self.lists] for each in _TRAITS)
        sought = every[valued, entry.to(gate.device)]
        fits = counted & (gate * gate_sign[:, None] > 0) & (linear * in_sign[:, None] > 0) & usable(gate, post)
        near = torch.where(is_random[:, None], -(sought - self.values[:, None]).abs(), sought.abs())
        best = torch.where(fits, near, -torch.inf).argmax(dim=1)
        known = self.positions != UNKNOWN
        position = torch.where(known, self.positions, best)
        there = known | fits[entry, best]
        return position, torch.where(there, sought[entry, position], torch.nan)

"""The batch plan: which texts run together, in which order; and each batch as padded tensors."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from compute.chance import priorities
from compute.token_texts import TokenTexts

BatchPlan = tuple[np.ndarray, ...]
"""Text numbers of each batch."""


def plan_batches(lengths: np.ndarray, batch_tokens: int, seed: int) -> BatchPlan:
    """Texts of similar length together, at most `batch_tokens` tokens with padding (or one text). The largest batch
    comes first, so that a run that does not fit fails at once; the others follow in random order, so that progress
    tells the time left."""
    order = np.lexsort((np.arange(len(lengths)), -lengths))
    order = order[lengths[order] > 0]
    batches = []
    while len(order):
        size = max(1, batch_tokens // int(lengths[order[0]]))
        batches.append(order[:size])
        order = order[size:]
    shuffled = np.random.default_rng(seed).permutation(np.arange(1, len(batches)))
    return tuple(batches[i] for i in [0, *shuffled][: len(batches)])


def plan_fingerprint(plan: BatchPlan) -> str:
    digest = hashlib.sha256()
    for batch in plan:
        digest.update(np.int64(len(batch)).tobytes() + batch.astype(np.int64).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Batch:
    """Some texts side by side. Padding is on the right, where causal attention keeps it from changing anything, and
    repeats the text's last token: another token could be one whose embedding is not finite, and 0 times NaN is NaN."""

    ids: Int[Tensor, "text token"]
    texts: Int[Tensor, "text"]
    lengths: Int[Tensor, "text"]
    priority: Float[Tensor, "text token"]
    """Chance of a token to enter a random list: the highest do. 0: it does not count, being padding or skipped."""

    def to(self, device: torch.device) -> "Batch":
        return Batch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


def make_batch(texts: TokenTexts, chosen: np.ndarray, skip_first: int, seed: int) -> Batch:
    lengths = texts.lengths[chosen]
    width = int(lengths.max())
    ids = np.empty((len(chosen), width), np.int64)
    for row, text in enumerate(chosen):
        ids[row, : lengths[row]] = texts[text]
        ids[row, lengths[row] :] = texts[text][-1]
    place = np.arange(width)
    counted = (place < lengths[:, None]) & (place >= skip_first)
    priority = np.where(counted, priorities(chosen[:, None], place, seed), np.float32(0))
    return Batch(*map(torch.from_numpy, (ids, chosen.astype(np.int64), lengths, priority)))


def batches_of(texts: TokenTexts, plan: BatchPlan, skip_first: int, seed: int) -> Iterator[Batch]:
    return (make_batch(texts, chosen, skip_first, seed) for chosen in plan)

"""The largest values along a matrix's rows or columns, and of matrices that come piece by piece."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

_CHUNK = {0: 16, 1: 64}
"""Values compared at once: along columns a CPU compares row with row, whatever their number."""
_WORTH_CHUNKS = {0: 8, 1: 16}
"""Times as many chunks as are looked into: with fewer, `topk` alone is faster."""


def furthest(
    matrix: Float[Tensor, "row column"], k: int, dim: int, sign: int
) -> tuple[Float[Tensor, "line k"], Int[Tensor, "line k"]]:
    """The k largest values (sign 1) or smallest (sign -1) of each column (dim 0) or row (dim 1), furthest first, and
    where. What `topk` gives, in half of its time or less: the k largest lie in the k chunks with the largest maxima."""
    length, chunk = matrix.shape[dim], _CHUNK[dim]
    whole = length // chunk * chunk
    lines = matrix if dim == 1 else matrix.t()
    if whole < _WORTH_CHUNKS[dim] * k * chunk:
        return lines.contiguous().topk(min(k, length), dim=1, largest=sign > 0)
    chunks = matrix.narrow(dim, 0, whole).unflatten(dim, (-1, chunk))
    extremes = chunks.amax(dim=dim + 1) if sign > 0 else chunks.amin(dim=dim + 1)
    by_line = extremes if dim == 1 else extremes.t().contiguous()
    best = by_line.topk(k, dim=1, largest=sign > 0).indices
    place = (best[:, :, None] * chunk + torch.arange(chunk, device=best.device)).flatten(1)
    if whole < length:
        place = torch.cat([place, torch.arange(whole, length, device=best.device).expand(len(place), -1)], dim=1)
    values, among = lines.gather(1, place).topk(k, dim=1, largest=sign > 0)
    return values, place.gather(1, among)


@dataclass(frozen=True)
class Best:
    """For each line the k largest of all values offered so far (sign 1), or the smallest (-1), furthest first, and
    which they were. Where fewer were offered, the rest is infinite, and which is -1."""

    values: Float[Tensor, "line k"]
    which: Int[Tensor, "line k"]
    sign: int

    @classmethod
    def none(cls, lines: int, k: int, device: torch.device | str = "cpu", sign: int = 1) -> "Best":
        nobody = torch.full((lines, k), -1, dtype=torch.int32, device=device)
        return cls(torch.full((lines, k), -sign * torch.inf, device=device), nobody, sign)

    def tensors(self) -> dict[str, Tensor]:
        return {"values": self.values, "which": self.which}

    def offer(self, lines: slice, matrix: Float[Tensor, "row column"], dim: int, first: int) -> None:
        """Takes up, in place, a matrix whose rows (dim 1) or columns (dim 0) are some of the lines; the other way it
        goes over the values from number `first` on."""
        k = self.values.shape[1]
        values, place = furthest(matrix, k, dim, self.sign)
        both = torch.cat([self.values[lines], values], dim=1)
        which = torch.cat([self.which[lines], (place + first).int()], dim=1)
        self.values[lines], best = both.topk(k, dim=1, largest=self.sign > 0)
        self.which[lines] = which.gather(1, best)


def tensors_of(best: Mapping[Any, Best]) -> dict[str, Tensor]:
    """All of them, the same memory, in their order."""
    found = enumerate(best.values())
    return {f"{number} {name}": each for number, one in found for name, each in one.tensors().items()}


def split(count: int, at_once: int, start: int = 0) -> list[slice]:
    """The numbers from `start` up to `count`, in pieces."""
    return [slice(first, min(first + at_once, count)) for first in range(start, count, at_once)]

"""Which neurons have weights like another's, which read what it writes, and which write what it reads."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from compute.saved import Work
from compute.weights.directions import Directions
from compute.weights.tops import Best, split, tensors_of
from gluscope_core.vocabulary import Relation, Vector

_ROWS_AT_ONCE = 2048
_COLUMNS_AT_ONCE = 4096
NEAR = (Relation.NEAR_GATE, Relation.NEAR_IN, Relation.NEAR_OUT, Relation.NEAR_ALL)
LINKS = (Relation.READ_BY_GATE, Relation.READ_BY_IN, Relation.GATE_READS, Relation.IN_READS)


@dataclass(frozen=True)
class _Tile:
    """Some neurons against some that do not come before them."""

    rows: slice
    columns: slice
    later_layer: bool
    """Whether all columns lie in later layers than all rows."""

    @property
    def is_square(self) -> bool:
        return self.rows == self.columns


def relate(
    directions: Directions, k: int, wanted: tuple[Relation, ...], device: torch.device, work: Work | None = None
) -> dict[Relation, Best]:
    """For each neuron, by each relation, those with the strongest cosine: its magnitude counts, save that a w_gate of
    opposite direction is not near. Every product of two vectors is made once and looked at from both sides."""
    tiles = [tile for tile in _tiles(directions) if tile.later_layer or set(wanted) & set(NEAR)]
    found = {relation: Best.none(directions.neurons, k, device) for relation in wanted}
    for tile in (work or Work()).through("relations", tiles, tensors_of(found)):
        rows, columns = (
            {vector: directions.of(vector, part, device) for vector in Vector} for part in (tile.rows, tile.columns)
        )
        if set(wanted) & set(NEAR):
            _offer_near(found, tile, rows, columns)
        if tile.later_layer and set(wanted) & set(LINKS):
            _offer_links(found, tile, rows[Vector.OUT], columns)
    return found


def _offer_near(
    found: dict[Relation, Best], tile: _Tile, rows: dict[Vector, Tensor], columns: dict[Vector, Tensor]
) -> None:
    gate, linear, out = (rows[vector] @ columns[vector].t() for vector in (Vector.GATE, Vector.IN, Vector.OUT))
    strength = {
        Relation.NEAR_ALL: (gate + (linear + out).abs_()).div_(3),
        Relation.NEAR_GATE: gate,
        Relation.NEAR_IN: linear.abs_(),
        Relation.NEAR_OUT: out.abs_(),
    }
    for relation, values in strength.items():
        if tile.is_square:
            values.fill_diagonal_(-torch.inf)
        found[relation].offer(tile.rows, values, 1, tile.columns.start)
        if not tile.is_square:
            found[relation].offer(tile.columns, values, 0, tile.rows.start)


def _offer_links(found: dict[Relation, Best], tile: _Tile, out: Tensor, columns: dict[Vector, Tensor]) -> None:
    for vector, forwards, backwards in (
        (Vector.GATE, Relation.READ_BY_GATE, Relation.GATE_READS),
        (Vector.IN, Relation.READ_BY_IN, Relation.IN_READS),
    ):
        strength = (out @ columns[vector].t()).abs_()
        found[forwards].offer(tile.rows, strength, 1, tile.columns.start)
        found[backwards].offer(tile.columns, strength, 0, tile.rows.start)


def signed_cosines(directions: Directions, relation: Relation, best: Best, rows: slice) -> Tensor:
    """The cosines by which some neurons were related, with their signs; NaN in empty places. For nearness by all three
    vectors it is their mean, in the signs of w_in and w_out that bring the two neurons closest."""
    there = best.which[rows] >= 0
    other = torch.where(there, best.which[rows], 0).long().cpu().numpy()

    def cosine(mine: Vector, theirs: Vector) -> Tensor:
        unit = directions.of(mine, rows)
        return torch.einsum("nd,nkd->nk", unit, torch.from_numpy(directions.unit[theirs][other]))

    if relation is Relation.NEAR_ALL:
        gate, linear, out = (cosine(vector, vector) for vector in (Vector.GATE, Vector.IN, Vector.OUT))
        found = (gate + (linear + out).abs()) / 3
    else:
        found = cosine(*_VECTORS[relation])
    return torch.where(there.cpu(), found, torch.nan)


_VECTORS = {
    Relation.NEAR_GATE: (Vector.GATE, Vector.GATE),
    Relation.NEAR_IN: (Vector.IN, Vector.IN),
    Relation.NEAR_OUT: (Vector.OUT, Vector.OUT),
    Relation.READ_BY_GATE: (Vector.OUT, Vector.GATE),
    Relation.READ_BY_IN: (Vector.OUT, Vector.IN),
    Relation.GATE_READS: (Vector.GATE, Vector.OUT),
    Relation.IN_READS: (Vector.IN, Vector.OUT),
}


def _tiles(directions: Directions) -> Iterator[_Tile]:
    """Every pair of neurons once: squares on the diagonal, the rest of a layer, later layers."""
    for layer in range(directions.layers):
        own = directions.rows(layer)
        for rows in split(own.stop, _ROWS_AT_ONCE, own.start):
            yield _Tile(rows, rows, later_layer=False)
            for columns in split(own.stop, _COLUMNS_AT_ONCE, rows.stop):
                yield _Tile(rows, columns, later_layer=False)
            for columns in split(directions.neurons, _COLUMNS_AT_ONCE, own.stop):
                yield _Tile(rows, columns, later_layer=True)

"""What weights say in tokens: each neuron's nearest tokens, each token's nearest neurons, and the moments of w_out's
effect on all tokens."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from compute.gated import Scale
from compute.saved import Work
from compute.streamed import StreamedModel
from compute.weights.directions import Directions
from compute.weights.tops import Best, split, tensors_of
from gluscope_core.errors import ModelRefused
from gluscope_core.vocabulary import MATRICES, SIGNS, TOKEN_LISTS, VECTORS, Matrix, TokenList, Vector

NEURONS_AT_ONCE, TOKENS_AT_ONCE = 4096, 24576
_NEURONS_IN_CACHE, _TOKENS_IN_CACHE = 512, 4096


@dataclass(frozen=True)
class TokenDirections:
    """Of the tokens that a text can hold: ids that no token uses are left out, and embeddings that are not finite."""

    ids: Int[Tensor, "token"]
    vectors: dict[Matrix, Float[Tensor, "token d_model"]]
    norms: dict[Matrix, Float[Tensor, "token"]]

    @classmethod
    def of(cls, model: StreamedModel, ids: np.ndarray, device: torch.device, *, centred: bool) -> "TokenDirections":
        chosen = torch.from_numpy(ids)
        norm = model.architecture.norm_final
        unembedding = Scale.of(model.final_norm(), norm).folded_into(model.unembedding()[chosen])
        embedding = model.embedding()[chosen]
        finite = unembedding.isfinite().all(dim=1) & embedding.isfinite().all(dim=1)
        if not finite.all():
            chosen, unembedding, embedding = (each[finite] for each in (chosen, unembedding, embedding))
        if not len(chosen):
            raise ModelRefused(
                f"none of {len(ids):,} tokens has embeddings that are finite numbers: leave out the parts roles and "
                "tokens"
            )
        if centred:
            unembedding = unembedding - unembedding.mean(dim=0, dtype=torch.float64).float()
        vectors = {Matrix.UNEMBED: unembedding.to(device), Matrix.EMBED: embedding.to(device)}
        norms = {matrix: values.norm(dim=1) for matrix, values in vectors.items()}
        return cls(chosen.to(device), vectors, norms)


@dataclass(frozen=True)
class TokenLists:
    """Of every neuron, in the order of TOKEN_LISTS, furthest along first."""

    tokens: Int[np.ndarray, "neuron list k"]
    dots: Float[np.ndarray, "neuron list k"]
    cosines: Float[np.ndarray, "neuron list k"]

    @classmethod
    def empty(cls, neurons: int, k: int) -> "TokenLists":
        shape = (neurons, len(TOKEN_LISTS), k)
        return cls(np.zeros(shape, np.int32), np.zeros(shape, np.float32), np.zeros(shape, np.float32))

    @property
    def k(self) -> int:
        return self.tokens.shape[-1]

    def tensors(self) -> dict[str, Tensor]:
        """The same memory."""
        return {name: torch.from_numpy(values) for name, values in vars(self).items()}

    def put(self, rows: slice, each: TokenList, found: Best, tokens: "TokenDirections", norm: Tensor) -> None:
        """Takes up what was found for some neurons, whose vectors of length 1 were `norm` long."""
        place, number = found.which.long(), TOKEN_LISTS.index(each)
        self.tokens[rows, number] = tokens.ids[place].cpu()
        self.dots[rows, number] = (found.values * norm[:, None]).cpu()
        self.cosines[rows, number] = _over(found.values, tokens.norms[each.matrix][place]).cpu()


@dataclass(frozen=True)
class NeuronLists:
    """Of every token (row of its directions), in the order of TOKEN_LISTS, largest cosine first."""

    neurons: Int[np.ndarray, "token list k"]
    cosines: Float[np.ndarray, "token list k"]


@dataclass(frozen=True)
class UnembedMoments:
    """Of cos(w_out, W_U) over tokens: what tells roles apart."""

    variance: Float[np.ndarray, "neuron"]
    skew: Float[np.ndarray, "neuron"]
    kurtosis: Float[np.ndarray, "neuron"]
    """Excess."""


def list_tokens(
    directions: Directions, tokens: TokenDirections, top_tokens: int, top_neurons: int, work: Work | None = None
) -> tuple[TokenLists, NeuronLists]:
    """Both ways in one product of all neurons with all tokens for each vector and matrix. Dots of unit vectors order a
    neuron's tokens as its dots do, and a token's neurons as its cosines do."""
    count, neurons, device = len(tokens.ids), directions.neurons, tokens.ids.device
    lists = TokenLists.empty(neurons, min(top_tokens, count))
    by_token = {each: Best.none(count, min(top_neurons, neurons), device, each.sign) for each in TOKEN_LISTS}
    blocks, columns = split(neurons, NEURONS_AT_ONCE), split(count, TOKENS_AT_ONCE)
    room = torch.empty(NEURONS_AT_ONCE * TOKENS_AT_ONCE, device=device)
    state = {**lists.tensors(), **tensors_of(by_token)}
    for rows, vector, matrix in (work or Work()).through("tokens", list(product(blocks, VECTORS, MATRICES)), state):
        unit = directions.of(vector, rows, device)
        by_neuron = {sign: Best.none(len(unit), lists.k, device, sign) for sign in SIGNS}
        for part in columns:
            dots = _product(unit, tokens.vectors[matrix][part], room)
            for sign in SIGNS:
                by_neuron[sign].offer(slice(None), dots, 1, part.start)
                by_token[TokenList(vector, matrix, sign)].offer(part, dots, 0, rows.start)
        norm = torch.from_numpy(directions.norm[vector][rows]).to(unit)
        for sign in SIGNS:
            lists.put(rows, TokenList(vector, matrix, sign), by_neuron[sign], tokens, norm)
    return lists, _neuron_lists(by_token, tokens)


def _neuron_lists(best: dict[TokenList, Best], tokens: TokenDirections) -> NeuronLists:
    cosines = [_over(found.values, tokens.norms[each.matrix][:, None]) for each, found in best.items()]
    neurons = torch.stack([found.which for found in best.values()], dim=1)
    return NeuronLists(neurons.cpu().numpy(), torch.stack(cosines, dim=1).cpu().numpy())


def moments(directions: Directions, tokens: TokenDirections, work: Work | None = None) -> UnembedMoments:
    """Around the mean, which is known beforehand; sums of whole rows, in memory that is used again and again."""
    unit = torch.nn.functional.normalize(tokens.vectors[Matrix.UNEMBED], dim=1)
    centre = unit.mean(dim=0, dtype=torch.float64)
    blocks, columns = split(directions.neurons, _NEURONS_IN_CACHE), split(len(unit), _TOKENS_IN_CACHE)
    rooms = [torch.empty(_NEURONS_IN_CACHE * _TOKENS_IN_CACHE, device=unit.device) for _ in range(3)]
    sums = torch.zeros(3, directions.neurons, dtype=torch.float64)
    for rows in (work or Work()).through("roles", blocks, {"sums": sums}):
        out = directions.of(Vector.OUT, rows, unit.device)
        mean = (out.double() @ centre).float()[:, None]
        for part in columns:
            cosines = _product(out, unit[part], rooms[0]).sub_(mean)
            squares, powers = (room[: cosines.numel()].view_as(cosines) for room in rooms[1:])
            torch.mul(cosines, cosines, out=squares)
            sums[0, rows] += squares.sum(dim=1).cpu()
            sums[1, rows] += torch.mul(squares, cosines, out=powers).sum(dim=1).cpu()
            sums[2, rows] += torch.mul(squares, squares, out=powers).sum(dim=1).cpu()
    second, third, fourth = (sums / len(unit)).numpy()
    with np.errstate(divide="ignore", invalid="ignore"):  # of a vector of length 0
        return UnembedMoments(second, third / second**1.5, fourth / second**2 - 3)


def _product(rows: Tensor, columns: Tensor, room: Tensor) -> Tensor:
    """In memory that is there already: to get and clear it anew takes as long as half of the product."""
    return torch.mm(rows, columns.t(), out=room[: len(rows) * len(columns)].view(len(rows), len(columns)))


def null_space_share(
    directions: Directions, tokens: TokenDirections, layer: int, weakest: int
) -> Float[np.ndarray, "neuron"]:
    """How much of w_out's length lies in the directions that W_U hardly turns into logits, in one layer."""
    vectors = tokens.vectors[Matrix.UNEMBED].double()
    _, by_strength = torch.linalg.eigh(vectors.t() @ vectors)
    inside = directions.of(Vector.OUT, directions.rows(layer), vectors.device).double() @ by_strength[:, :weakest]
    return (inside**2).sum(dim=1).cpu().numpy()


def double_checks(lists: TokenLists, gate_in: np.ndarray, threshold: float) -> np.ndarray:
    """The largest cosine that w_gate and w_in both have with one token of W_U, of those among the tokens listed for
    both, where the two vectors themselves are nearly orthogonal; 0 where they share none."""
    score = np.zeros(len(gate_in), np.float32)
    for gate_sign in SIGNS:
        for in_sign in SIGNS:
            gate = TOKEN_LISTS.index(TokenList(Vector.GATE, Matrix.UNEMBED, gate_sign))
            linear = TOKEN_LISTS.index(TokenList(Vector.IN, Matrix.UNEMBED, in_sign))
            shared = lists.tokens[:, gate, :, None] == lists.tokens[:, linear, None, :]
            both = np.minimum(np.abs(lists.cosines[:, gate, :, None]), np.abs(lists.cosines[:, linear, None, :]))
            score = np.maximum(score, np.where(shared, both, 0).max(axis=(1, 2), initial=0))
    return np.where(np.abs(gate_in) <= threshold, score, np.nan)


def _over(values: Tensor, norms: Tensor) -> Tensor:
    """0 where a token has no direction."""
    return torch.where(norms > 0, values / norms, 0.0)

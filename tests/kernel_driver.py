"""Compares each compiled kernel with itself as it is, on tensors of odd sizes; a process of its own for each kind of
CPU, which share what a compiler keeps for later."""

import torch

from compute.capture import traits_of
from compute.kernels import Kernels
from compute.reduce import Reduced
from gluscope_core.vocabulary import LISTS, QUANTITIES, RANDOM_LISTS, TOP_LISTS

SHAPES = [(1536, 8, 64), (100, 5, 33), (7, 3, 300)]


def main() -> None:
    eager = Kernels.eager(torch.nn.functional.silu, window=32)
    compiled = eager.compiled()
    for neurons, texts, tokens in SHAPES:
        compare(eager, compiled, neurons, texts, tokens)


def compare(eager: Kernels, compiled: Kernels, neurons: int, texts: int, tokens: int) -> None:
    torch.manual_seed(0)
    gate, linear = torch.randn(neurons, texts, tokens), torch.randn(neurons, texts, tokens)
    gate[:, 0, 2], linear[:, 1, 3] = torch.nan, torch.inf
    priority = torch.rand(texts, tokens) + 0.1
    priority[0, tokens // 2 :] = 0
    both = [Reduced(*each.reduce(gate, linear, priority)) for each in (eager, compiled)]
    for name in Reduced.__dataclass_fields__:
        one, other = (getattr(each, name) for each in both)
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6, equal_nan=True, msg=name)
    seen = (gate, linear, both[1].act, both[1].post, priority)
    top, random = both[1].bids.split([len(TOP_LISTS), len(RANDOM_LISTS)])
    entries = torch.randint(0, neurons, (50,)), torch.randint(0, texts, (50,))
    which = torch.randint(0, len(LISTS), (50,))
    asked = (*entries, traits_of(LISTS, gate.device)[which], both[1].bids[which, *entries])
    weakest = both[1].bids.view(torch.int32).long().amax(dim=2) << 32
    for name, arguments in {
        "entering": (both[1].bids, torch.arange(texts), weakest - 2**32 * (torch.rand(weakest.shape) < 0.5)),
        "locate": (*seen, *asked),
        "locate_top": (*seen, top),
        "locate_random": (*seen, random),
        "values_at": (*seen[:4], which % len(QUANTITIES), *entries, torch.arange(50) % tokens),
        "cut_windows": (gate, linear, *entries, torch.arange(50) % tokens, torch.full((texts,), tokens)),
    }.items():
        one, other = (getattr(each, name)(*arguments) for each in (eager, compiled))
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True, msg=name)


if __name__ == "__main__":
    with torch.inference_mode():
        main()

"""The same figures as a straightforward engineer would collect them: two passes, nothing fused, nothing compiled.

The first pass adds up statistics and keeps the best texts of each list, the second runs the model again for positions
and windows. It stands here to show what the care in `compute/` gains, and is tested nowhere else."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from gluscope_core.vocabulary import CASES, QUANTITIES, Case

K, WINDOW = 16, 32


@dataclass
class Collected:
    """Of one layer."""

    total: dict = field(default_factory=dict)
    best: dict = field(default_factory=dict)
    windows: dict = field(default_factory=dict)


class TwoPasses:
    """Watches the MLPs of a model through forward hooks."""

    def __init__(self, mlps: list[nn.Module]) -> None:
        self.layers = [Collected() for _ in mlps]
        self._seen: list[dict[str, Tensor]] = [{} for _ in mlps]
        self._hooks = [
            getattr(mlp, part).register_forward_hook(
                lambda _, __, out, seen=seen, part=part: seen.__setitem__(part, out.clone())
            )
            for mlp, seen in zip(mlps, self._seen, strict=True)
            for part in ("gate_proj", "up_proj", "act_fn")
        ]

    def first_pass(self) -> None:
        for layer, seen in zip(self.layers, self._seen, strict=True):
            for case in CASES:
                inside, values = _of_case(case, seen)
                layer.total[case, "count"] = layer.total.get((case, "count"), 0) + inside.sum(dim=(0, 1))
                for quantity, value in values.items():
                    exact = value.double()
                    layer.total[case, quantity, "sum"] = layer.total.get((case, quantity, "sum"), 0) + exact.sum((0, 1))
                    layer.total[case, quantity, "squares"] = layer.total.get((case, quantity, "squares"), 0) + (
                        exact.square().sum((0, 1))
                    )
                    magnitude = value.abs().amax(dim=1)  # text × neuron
                    best = (
                        torch.cat([layer.best[case, quantity], magnitude])
                        if (case, quantity) in layer.best
                        else magnitude
                    )
                    layer.best[case, quantity] = best.topk(min(K, len(best)), dim=0).values

    def second_pass(self) -> None:
        for layer, seen in zip(self.layers, self._seen, strict=True):
            for case in CASES:
                _, values = _of_case(case, seen)
                for quantity, value in values.items():
                    position = value.abs().argmax(dim=1, keepdim=True)  # text × 1 × neuron
                    place = position + torch.arange(WINDOW)[None, :, None] - WINDOW * 3 // 4
                    place = place.clamp(0, value.shape[1] - 1)
                    layer.windows[case, quantity] = [seen[part].gather(1, place).half() for part in seen]

    def remove(self) -> None:
        for hook in self._hooks:
            hook.remove()


def _of_case(case: Case, seen: dict[str, Tensor]) -> tuple[Tensor, dict]:
    gate, linear, act = seen["gate_proj"], seen["up_proj"], seen["act_fn"]
    inside = (gate * case.gate_sign > 0) & (linear * case.in_sign > 0)
    values = dict(zip(QUANTITIES, (act * linear, linear, gate, act), strict=True))
    return inside, {quantity: torch.where(inside, value, 0) for quantity, value in values.items()}

"""Where a run's model and state live: layers on one GPU or several, what is kept of them there or in host memory."""

from collections.abc import Mapping, Sequence

import torch

from compute.progress import say
from compute.state import Home
from gluscope_core.errors import BadSettings

_BYTES_AT_WORK = 48
"""For each pair of token and neuron of a batch: its values in float32, and the windows cut from them."""
_SHARE_FOR_WEIGHTS = 0.8
"""Of a GPU's memory."""


def choose_device(name: str | None) -> torch.device:
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    except RuntimeError as error:
        raise BadSettings(f"--device {name}: there is no such device; give cpu or cuda") from error
    if device.type not in ("cpu", "cuda") or (device.type == "cuda" and not torch.cuda.is_available()):
        raise BadSettings(f"--device {name}: not usable here; give cpu, or cuda where there is a GPU")
    return device


def needs_several(weights: int, memories: Sequence[int]) -> bool:
    """Whether a model goes over several GPUs: only where one is too small, since they work one after the other."""
    return len(memories) > 1 and weights > _SHARE_FOR_WEIGHTS * memories[0]


def gpu_memories() -> list[int]:
    return [torch.cuda.get_device_properties(i).total_memory for i in range(torch.cuda.device_count())]


def choose_homes(devices: Mapping[int, torch.device], state_bytes: int, pairs: int) -> dict[int, Home]:
    """Where each layer's state lives, given the device of its MLP, the size of one state, and the pairs of token and
    neuron in a batch. Says so where there was a choice."""
    homes = {}
    for device in sorted(set(devices.values()), key=str):
        layers = [layer for layer, its in devices.items() if its == device]
        bulk = device
        if device.type == "cuda":
            size, (free, _) = state_bytes * len(layers), torch.cuda.mem_get_info(device)
            bulk = device if fits(size, pairs, free) else torch.device("cpu")
            where = device if bulk == device else f"host memory, since {device} has {free / 1e9:.1f} GB left"
            say(f"lists and samples of {len(layers)} layers, {size / 1e9:.1f} GB, are kept in {where}")
        homes |= dict.fromkeys(layers, Home(device, bulk))
    return homes


def fits(state_bytes: int, pairs: int, free: int) -> bool:
    return state_bytes + _BYTES_AT_WORK * pairs <= free

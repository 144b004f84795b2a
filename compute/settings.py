"""What identifies a run: two runs with equal settings give equal bytes, and only such a run may resume another."""

import platform
from dataclasses import dataclass, fields
from enum import Enum

import pyarrow as pa
import torch
import transformers

import gluscope_core
from gluscope_core.errors import ResumeRefused
from gluscope_core.manifest import EnvironmentRecord, ModelRecord, RunRecord, TextsRecord
from gluscope_core.schema import FORMAT_VERSION


@dataclass(frozen=True)
class Settings:
    format_version: int
    model: ModelRecord
    texts: TextsRecord
    run: RunRecord
    environment: EnvironmentRecord


def current_settings(model: ModelRecord, texts: TextsRecord, run: RunRecord, device: torch.device) -> Settings:
    return Settings(FORMAT_VERSION, model, texts, run, current_environment(device))


def current_environment(device: torch.device) -> EnvironmentRecord:
    return EnvironmentRecord(
        gluscope=gluscope_core.__version__,
        python=platform.python_version(),
        torch=str(torch.__version__),
        transformers=transformers.__version__,
        pyarrow=pa.__version__,
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        threads=torch.get_num_threads(),
    )


class Strictness(Enum):
    """What may differ between a run and another that is taken for it, as parts and names of settings."""

    SAME_BYTES = frozenset({"environment.threads"})
    """For a resume, which goes on with the threads that the run began with."""
    SAME_SOFTWARE = frozenset({"environment.threads", "environment.device"})
    """For parts, which different machines may have computed."""
    SAME_FIGURES = frozenset({"environment." + field.name for field in fields(EnvironmentRecord)})
    """For a finished dataset, which later software need not compute again."""


def refuse_other_settings(found: Settings, wanted: Settings, where: object, strictness: Strictness) -> None:
    """Names every setting that differs, with both values."""
    differing = [
        f"{part.name}.{key} was {old!r}, is {new!r}"
        for part in fields(Settings)
        for key, old, new in _pairs(getattr(found, part.name), getattr(wanted, part.name))
        if old != new and f"{part.name}.{key}" not in strictness.value
    ]
    if differing:
        raise ResumeRefused(
            f"{where} holds a run with other settings: {'; '.join(differing)}. "
            "Repeat that run's command, or choose another --out"
        )


def _pairs(found: object, wanted: object) -> list[tuple[str, object, object]]:
    if not hasattr(found, "__dataclass_fields__"):
        return [("", found, wanted)]
    return [(key, old, getattr(wanted, key)) for key, old in vars(found).items()]

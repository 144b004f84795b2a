"""What identifies a run: two runs with equal settings give equal bytes, and only such a run may resume another."""

import platform
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import torch
import transformers

import gluscope_core
from gluscope_core.errors import ResumeRefused
from gluscope_core.records import EnvironmentRecord, ModelRecord, RunRecord, TextsRecord
from gluscope_core.schema import FORMAT_VERSION

_Begun = TypeVar("_Begun")
"""A dataclass of what decides the bytes of some work."""


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
    remedy = "Repeat that run's command, or choose another --out"
    _refuse(found, wanted, strictness.value, f"{where} holds a run", remedy)


def refuse_other_work(found: _Begun, wanted: _Begun, where: Path, what: str) -> None:
    """The same for what a stage has begun to add to a dataset."""
    remedy = f"Repeat that command, or remove {where} to begin anew"
    _refuse(found, wanted, Strictness.SAME_BYTES.value, f"{where} holds {what}, unfinished,", remedy)


def _refuse(found: _Begun, wanted: _Begun, may_differ: frozenset[str], holds: str, remedy: str) -> None:
    differing = [
        f"{name} was {old!r}, is {new!r}"
        for part in fields(found)  # pyright: ignore[reportArgumentType]
        for name, old, new in _pairs(part.name, getattr(found, part.name), getattr(wanted, part.name))
        if old != new and name not in may_differ
    ]
    if differing:
        raise ResumeRefused(f"{holds} with other settings: {'; '.join(differing)}. {remedy}")


def _pairs(name: str, found: object, wanted: object) -> list[tuple[str, object, object]]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        return [(f"{name}.{key}", found.get(key), wanted.get(key)) for key in sorted({*found, *wanted})]
    if not hasattr(found, "__dataclass_fields__"):
        return [(name, found, wanted)]
    return [(f"{name}.{key}", old, getattr(wanted, key)) for key, old in vars(found).items()]

"""Options of the command line that are more than a number or a word, and how a wrong one is refused."""

import re
from dataclasses import dataclass
from typing import Annotated

import tyro

from gluscope_core.errors import BadSettings

WEIGHT_PARTS = ("roles", "tokens", "neighbours", "links")
"""What `weights` computes beside cosines."""


@dataclass(frozen=True, order=True)
class Shard:
    """One part of a run: of `count` parts, the one that takes every batch whose number is `index` modulo `count`."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> "Shard":
        match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        if match is None or int(match[2]) == 0 or int(match[1]) > int(match[2]):
            raise ValueError(f"{text!r} is not a shard: write i/n, such as 0/4 (0/4 and 4/4 are the same part)")
        return cls(int(match[1]) % int(match[2]), int(match[2]))


WHOLE = Shard(0, 1)
"""A run that is not split."""


def parse_layers(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"[0-9]{1,6}(,[0-9]{1,6})*", text):
        raise ValueError(f"{text!r} is not a list of layers: write numbers and commas, such as 0,14,29")
    return tuple(sorted({int(part) for part in text.split(",")}))


def parse_parts(text: str) -> tuple[str, ...]:
    parts = [] if text == "none" else text.split(",")
    unknown = [part for part in parts if part not in WEIGHT_PARTS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no part: write some of {','.join(WEIGHT_PARTS)}, or none")
    return tuple(part for part in WEIGHT_PARTS if part in parts)


PartsOption = Annotated[
    tuple[str, ...],
    tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="PART,PART,…",
        instance_from_str=lambda args: parse_parts(args[0]),
        is_instance=lambda value: isinstance(value, tuple),
        str_from_instance=lambda value: [",".join(value) or "none"],
    ),
]
ShardOption = Annotated[
    Shard,
    tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="I/N",
        instance_from_str=lambda args: Shard.parse(args[0]),
        is_instance=lambda value: isinstance(value, Shard),
        str_from_instance=lambda value: [str(value)],
    ),
]
LayersOption = Annotated[
    tuple[int, ...],
    tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="N,N,…",
        instance_from_str=lambda args: parse_layers(args[0]),
        is_instance=lambda value: isinstance(value, tuple),
        str_from_instance=lambda value: [",".join(map(str, value)) or "all"],
    ),
]


def flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def require(holds: object, message: str) -> None:
    if not holds:
        raise BadSettings(message)

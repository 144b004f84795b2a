"""The table of sources, `sources.toml`, read and checked: what is taken from which package, under which licence."""

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("sources.toml")

LICENCES = frozenset(
    {
        "Apache-2.0",
        "BSD-3-Clause",
        "CC-BY-3.0",
        "MIT",
        "MIT AND PSF-2.0",
        "PSF-2.0",
        "Vim",
        "public domain",
    }
)
"""All that the texts may be under: each allows to pass them on, and none asks for the same licence."""


class Kind(StrEnum):
    NARRATIVE = "narrative"
    EXPOSITORY = "expository"
    TECHNICAL = "technical"
    DIALOGUE = "dialogue"
    CODE = "code"
    STRUCTURED = "structured"
    LANGUAGES = "languages"


class Registry(StrEnum):
    PYPI = "pypi"
    DEBIAN = "debian"


@dataclass(frozen=True)
class Package:
    name: str
    registry: Registry
    notice: str
    """The member that holds its licence."""
    version: str = ""
    """Of PyPI. Debian gives the one it has: what counts there is each file's digest."""
    sha256: str = ""
    """Of what PyPI hands out."""
    wheel: bool = False

    @property
    def id(self) -> str:
        return f"{self.registry}:{self.name}" + (f"-{self.version}" if self.version else "")


@dataclass(frozen=True)
class Source:
    package: Package
    members: tuple[str, ...]
    """Patterns, as of a shell, where `*` also stands for slashes."""
    kind: Kind
    language: str
    """Of people, as BCP 47 has it; of code, its name."""
    licence: str
    title: str
    author: str
    tokens: int
    """About as many are taken, of what there is."""
    reader: str = "plain"
    """How a file becomes text: a name in `readers.READERS`."""
    cut: str = "paragraphs"
    """At what a text may be cut: a name in `passages.CUTS`."""
    begins: str = ""
    """The text is what stands between these two expressions, without them."""
    ends: str = ""
    drop: tuple[str, ...] = ()
    """Blocks in which one of these expressions is found are left out."""
    encoding: str = "utf-8"
    within: str = ""
    """Of HTML: the class or id of the element that holds the text."""


def read_sources(table: Path = TABLE) -> list[Source]:
    content = tomllib.loads(table.read_text(encoding="utf-8"))
    packages = {name: _package(name, each) for name, each in content["package"].items()}
    return [_source(each, packages) for each in content["source"]]


def _package(name: str, entry: dict[str, Any]) -> Package:
    values: dict[str, Any] = entry | {"name": name, "registry": Registry(entry["registry"])}
    package = Package(**values)
    if package.registry is Registry.PYPI and not (package.version and package.sha256):
        raise ValueError(f"{name}: packages of PyPI are given with their version and sha256")
    return package


def _source(entry: dict[str, Any], packages: dict[str, Package]) -> Source:
    lists = {key: tuple(entry.get(key, ())) for key in ("members", "drop")}
    values: dict[str, Any] = entry | lists | {"package": packages[entry["package"]], "kind": Kind(entry["kind"])}
    source = Source(**values)
    if source.licence not in LICENCES:
        raise ValueError(f"{source.title}: {source.licence!r} is none of the licences that texts may be under")
    return source

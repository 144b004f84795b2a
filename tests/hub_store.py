"""What the stand-in for the Hub holds: repositories of commits, and files by their content."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from huggingface_hub.utils.sha import git_hash

OF_LARGE_FILES = (".parquet",)


@dataclass(frozen=True)
class Blob:
    content: bytes | Path
    large: bool

    @classmethod
    def of(cls, path: str, content: bytes | Path) -> "Blob":
        return cls(content, path.endswith(OF_LARGE_FILES))

    @property
    def size(self) -> int:
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    def part(self, start: int, stop: int) -> bytes:
        if isinstance(self.content, bytes):
            return self.content[start:stop]
        with self.content.open("rb") as file:
            file.seek(start)
            return file.read(stop - start)

    @property
    def sha256(self) -> str:
        if isinstance(self.content, bytes):
            return hashlib.sha256(self.content).hexdigest()
        with self.content.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @property
    def oid(self) -> str:
        return git_hash(self.pointer().encode() if self.large else self.part(0, self.size))

    def pointer(self) -> str:
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n"


Tree = dict[str, Blob]


@dataclass
class Repo:
    private: bool = False
    gated: bool = False
    commits: dict[str, Tree] = field(default_factory=lambda: {"0" * 40: {}})
    branches: dict[str, str] = field(default_factory=lambda: {"main": "0" * 40})

    def commit(self, tree: Tree, branch: str = "main") -> str:
        before = self.branches[branch]
        sha = hashlib.sha1(f"{before} {sorted((path, each.oid) for path, each in tree.items())}".encode()).hexdigest()
        self.commits[sha], self.branches[branch] = tree, sha
        return sha

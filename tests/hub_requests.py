"""What the stand-in for the Hub is asked, and answers."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from typing import TYPE_CHECKING, Any

from tests.hub_store import Repo

if TYPE_CHECKING:
    from tests.hub_standin import Hub

TOKEN = "hf_of_who_may_read_and_write"
REPO = r"(?P<repo>[^/]+/[^/]+)"


class Answer(Exception):
    def __init__(self, status: int, content: bytes = b"", **headers: str) -> None:
        super().__init__(status)
        self.status, self.content = status, content
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(frozen=True)
class Request:
    hub: "Hub"
    url: str
    body: bytes
    headers: Message
    named: dict[str, str]

    @property
    def repo(self) -> Repo:
        name = self.named["repo"]
        repo = self.hub.repos.get(name)
        may = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if repo is None or (repo.private and not may):
            raise Answer(401 if not may else 404, X_Error_Code="RepoNotFound", X_Error_Message="Repository not found")
        if repo.gated and not may:
            raise Answer(403, X_Error_Code="GatedRepo", X_Error_Message="Access to this dataset is restricted")
        return repo

    @property
    def commit(self) -> str:
        revision = self.named.get("revision") or "main"
        commit = self.repo.branches.get(revision, revision)
        if commit not in self.repo.commits:
            raise Answer(404, X_Error_Code="RevisionNotFound", X_Error_Message=f"Invalid rev id: {revision}")
        return commit

    @property
    def branch(self) -> str:
        _ = self.commit
        return self.named["revision"]

    def refuse_strangers(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Answer(401, X_Error_Message="Invalid username or password.")

    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


def answer_json(content: object, **headers: str) -> Answer:
    return Answer(200, json.dumps(content).encode(), Content_Type="application/json", **headers)


Route = tuple[str, str, Callable[[Request], Answer]]
"""Method, pattern of the path, and what answers."""

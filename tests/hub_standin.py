"""A stand-in for the Hub over a socket: what its client asks of it to read, and to commit to, datasets; with faults."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

from tests.hub_reading import READING
from tests.hub_requests import TOKEN, Answer, Request
from tests.hub_store import Blob, Repo, Tree
from tests.hub_writing import WRITING
from tests.hub_xet import XET

__all__ = ["TOKEN", "Asked", "Fault", "Hub", "environment"]


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    range: str | None
    with_token: bool
    sent: int


@dataclass
class Fault:
    """What is done `times` times, after `after` others, to requests of a method whose path matches."""

    method: str
    pattern: str
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1
    after: int = 0
    cut: bool = False
    """Instead of an answer with a status: half of the content, and then the connection is closed."""


class Hub:
    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.large: dict[str, Blob] = {}
        """By SHA-256."""
        self.offered: dict[str, Blob] = {}
        """What Xet may bring, and has brought once it is in `by_xet`."""
        self.by_xet: list[str] = []
        self.asked: list[Asked] = []
        self.faults: list[Fault] = []
        self.delay = 0.0
        self.generation = 0
        """Of signed addresses; those of earlier ones have expired."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self.elsewhere = f"http://localhost:{self._server.server_port}"

    @contextmanager
    def running(self) -> Iterator["Hub"]:
        thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    def add(self, repo_id: str, folder: Path, **settings: bool) -> str:
        """A commit with all files of a folder, and nothing else."""
        paths = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
        tree = {path.relative_to(folder).as_posix(): Blob.of(path.name, path) for path in paths}
        return self.repos.setdefault(repo_id, Repo(**settings)).commit(self._keep(tree))

    def change(self, repo_id: str, path: str, content: bytes | None) -> str:
        """A commit in which one file is another, or gone."""
        repo = self.repos[repo_id]
        tree = {name: each for name, each in repo.commits[repo.branches["main"]].items() if name != path}
        if content is not None:
            tree[path] = Blob.of(path, content)
        return repo.commit(self._keep(tree))

    def offer(self, folder: Path) -> None:
        """Large files of a folder, which Xet may bring."""
        blobs = (Blob.of(path.name, path) for path in folder.rglob("*") if path.is_file())
        self.offered |= {each.sha256: each for each in blobs if each.large}

    def tree(self, repo_id: str, branch: str = "main") -> Tree:
        repo = self.repos[repo_id]
        return repo.commits[repo.branches[branch]]

    def forget(self) -> None:
        """What was asked until now."""
        self.asked.clear()

    def _keep(self, tree: Tree) -> Tree:
        self.large |= {each.sha256: each for each in tree.values() if each.large}
        return tree


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def answer(self) -> None:
        time.sleep(self.hub.delay)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.fault()
        if fault is not None and not fault.cut:
            self.send(Answer(fault.status, b"", **fault.headers), cut=False)
            return
        try:
            answer = self.route(body)
        except Answer as refusal:
            answer = refusal
        self.send(answer, cut=fault is not None)

    do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815

    def fault(self) -> Fault | None:
        for each in self.hub.faults:
            if each.method == self.command and re.search(each.pattern, self.path):
                if each.after:
                    each.after -= 1
                elif each.times:
                    each.times -= 1
                    return each
        return None

    def route(self, body: bytes) -> Answer:
        path = unquote(urlsplit(self.path).path)
        for method, pattern, act in (*READING, *WRITING, *XET):
            if method == self.command and (match := re.fullmatch(pattern, path)):
                return act(Request(self.hub, self.path, body, self.headers, match.groupdict()))
        return Answer(404)

    def send(self, answer: Answer, *, cut: bool) -> None:
        content = answer.content[: len(answer.content) // 2] if cut else answer.content
        asked, with_token = self.headers.get("Range"), "Authorization" in self.headers
        sent = len(content) if self.command == "GET" else 0
        self.hub.asked.append(Asked(self.command, self.path, asked, with_token, sent))
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(answer.content)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        if cut:
            self.close_connection = True


def environment(hub: Hub, home: Path, *, with_xet: bool = False) -> dict[str, str]:
    """For a process whose Hub this is."""
    return {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "0" if with_xet else "1",
        "HF_HUB_OFFLINE": "0",
    }

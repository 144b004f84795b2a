"""A stand-in for the Hub over a socket: what its client asks of it to read, and to commit to, datasets; with faults.

Large files are redirected to signed addresses at another host name, as the Hub does, which expire when told to."""

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from huggingface_hub.utils.sha import git_hash

_REPO = r"(?P<repo>[^/]+/[^/]+)"
OF_LARGE_FILES = (".parquet",)
TOKEN = "hf_of_who_may_read_and_write"


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

    def tree(self, repo_id: str, branch: str = "main") -> Tree:
        repo = self.repos[repo_id]
        return repo.commits[repo.branches[branch]]

    def forget(self) -> None:
        """What was asked until now."""
        self.asked.clear()

    def _keep(self, tree: Tree) -> Tree:
        self.large |= {each.sha256: each for each in tree.values() if each.large}
        return tree


class _Answer(Exception):
    def __init__(self, status: int, content: bytes = b"", **headers: str) -> None:
        super().__init__(status)
        self.status, self.content = status, content
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


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
            self.send(_Answer(fault.status, b"", **fault.headers), cut=False)
            return
        try:
            answer = self.route(body)
        except _Answer as refusal:
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

    def route(self, body: bytes) -> _Answer:
        path = unquote(urlsplit(self.path).path)
        for method, pattern, act in _ROUTES:
            if method == self.command and (match := re.fullmatch(pattern, path)):
                return act(Request(self.hub, self.path, body, self.headers, match.groupdict()))
        return _Answer(404)

    def send(self, answer: _Answer, *, cut: bool) -> None:
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


@dataclass(frozen=True)
class Request:
    hub: Hub
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
            raise _Answer(401 if not may else 404, X_Error_Code="RepoNotFound", X_Error_Message="Repository not found")
        if repo.gated and not may:
            raise _Answer(403, X_Error_Code="GatedRepo", X_Error_Message="Access to this dataset is restricted")
        return repo

    @property
    def commit(self) -> str:
        revision = self.named.get("revision") or "main"
        commit = self.repo.branches.get(revision, revision)
        if commit not in self.repo.commits:
            raise _Answer(404, X_Error_Code="RevisionNotFound", X_Error_Message=f"Invalid rev id: {revision}")
        return commit

    @property
    def branch(self) -> str:
        _ = self.commit
        return self.named["revision"]

    def refuse_strangers(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise _Answer(401, X_Error_Message="Invalid username or password.")

    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


def _json(content: object, **headers: str) -> _Answer:
    return _Answer(200, json.dumps(content).encode(), Content_Type="application/json", **headers)


def _info(request: Request) -> _Answer:
    commit = request.commit
    siblings = [{"rfilename": path} for path in request.repo.commits[commit]]
    name, private = request.named["repo"], request.repo.private
    return _json({"id": name, "sha": commit, "private": private, "siblings": siblings, "tags": []})


def _entry(path: str, blob: Blob) -> dict[str, object]:
    entry: dict[str, object] = {"type": "file", "oid": blob.oid, "size": blob.size, "path": path}
    if blob.large:
        entry["lfs"] = {"oid": blob.sha256, "size": blob.size, "pointerSize": len(blob.pointer())}
    return entry


def _tree(request: Request) -> _Answer:
    tree = request.repo.commits[request.commit]
    below = (request.named.get("path") or "").strip("/")
    prefix = f"{below}/" if below else ""
    mine = {path: blob for path, blob in tree.items() if path.startswith(prefix)}
    if below and not mine:
        raise _Answer(404, X_Error_Code="EntryNotFound")
    folders = {
        f"{prefix}{path.removeprefix(prefix).rsplit('/', 1)[0]}" for path in mine if "/" in path.removeprefix(prefix)
    }
    if "recursive=True" not in request.url and "recursive=true" not in request.url:
        mine = {path: blob for path, blob in mine.items() if "/" not in path.removeprefix(prefix)}
    listed = [{"type": "directory", "oid": "1" * 40, "size": 0, "path": path} for path in sorted(folders)]
    return _json([*listed, *(_entry(path, blob) for path, blob in sorted(mine.items()))])


def _paths_info(request: Request) -> _Answer:
    tree = request.repo.commits[request.commit]
    wanted = (request.json() if request.body.startswith(b"{") else parse_qs(request.body.decode()))["paths"]
    return _json([_entry(path, tree[path]) for path in wanted if path in tree])


def _refs(request: Request) -> _Answer:
    branches = request.repo.branches.items()
    listed = [{"name": name, "ref": f"refs/heads/{name}", "targetCommit": commit} for name, commit in branches]
    return _json({"branches": listed, "converts": [], "tags": []})


def _resolve(request: Request) -> _Answer:
    commit = request.commit
    blob = request.repo.commits[commit].get(request.named["path"])
    headers = {"X_Repo_Commit": commit}
    if blob is None:
        return _Answer(404, X_Error_Code="EntryNotFound", **headers)
    if not blob.large:
        return _content(blob, request, ETag=f'"{blob.oid}"', **headers)
    return _Answer(
        302,
        Location=f"{request.hub.elsewhere}/signed/{blob.sha256}?generation={request.hub.generation}",
        ETag=f'"{blob.sha256}"',
        X_Linked_Etag=f'"{blob.sha256}"',
        X_Linked_Size=str(blob.size),
        **headers,
    )


def _signed(request: Request) -> _Answer:
    if f"generation={request.hub.generation}" not in request.url:
        return _Answer(403, b"<Error><Code>AccessDenied</Code></Error>")
    if "Authorization" in request.headers:
        return _Answer(400, b"a token where none belongs")
    return _content(request.hub.large[request.named["sha256"]], request)


def _content(blob: Blob, request: Request, **headers: str) -> _Answer:
    asked = request.headers.get("Range")
    headers |= {"Accept_Ranges": "bytes"}
    if asked is None:
        return _Answer(200, blob.part(0, blob.size), **headers)
    first, last = asked.removeprefix("bytes=").split("-")
    start = int(first) if first else max(0, blob.size - int(last))
    stop = min(int(last) + 1, blob.size) if first and last else blob.size
    if start >= blob.size:
        return _Answer(416, Content_Range=f"bytes */{blob.size}")
    return _Answer(206, blob.part(start, stop), Content_Range=f"bytes {start}-{stop - 1}/{blob.size}", **headers)


def _create(request: Request) -> _Answer:
    request.refuse_strangers()
    asked = request.json()
    name = f"{asked['organization']}/{asked['name']}"
    if name in request.hub.repos:
        return _Answer(409, b"You already created this dataset repo")
    request.hub.repos[name] = Repo(private=asked.get("visibility") == "private")
    return _json({"url": f"{request.hub.endpoint}/datasets/{name}", "id": name})


def _branch(request: Request) -> _Answer:
    request.refuse_strangers()
    branches = request.repo.branches
    if request.named["revision"] in branches:
        return _Answer(409, b"Reference already exists")
    branches[request.named["revision"]] = branches["main"]
    return _json({})


def _preupload(request: Request) -> _Answer:
    request.refuse_strangers()
    tree = request.repo.commits[request.commit]

    def mode(path: str) -> dict[str, object]:
        blob = tree.get(path)
        oid = None if blob is None else blob.sha256 if blob.large else blob.oid
        kind = "lfs" if path.endswith(OF_LARGE_FILES) else "regular"
        return {"path": path, "uploadMode": kind, "shouldIgnore": False, "oid": oid}

    return _json({"files": [mode(each["path"]) for each in request.json()["files"]]})


def _batch(request: Request) -> _Answer:
    request.refuse_strangers()
    objects = []
    for each in request.json()["objects"]:
        known = each["oid"] in request.hub.large
        upload = {"upload": {"href": f"{request.hub.elsewhere}/store/{each['oid']}"}}
        objects.append(each if known else {**each, "actions": upload})
    return _json({"transfer": "basic", "objects": objects})


def _store(request: Request) -> _Answer:
    blob = Blob(request.body, large=True)
    if blob.sha256 != request.named["sha256"]:
        return _Answer(400, b"these are other bytes")
    request.hub.large[blob.sha256] = blob
    return _Answer(200)


def _commit(request: Request) -> _Answer:
    request.refuse_strangers()
    tree = dict(request.repo.commits[request.commit])
    for line in request.body.splitlines():
        item = json.loads(line)
        value = item["value"]
        if item["key"] == "file":
            tree[value["path"]] = Blob.of(value["path"], base64.b64decode(value["content"]))
        elif item["key"] == "lfsFile":
            tree[value["path"]] = request.hub.large[value["oid"]]
        elif item["key"] == "deletedFile":
            if value["path"] not in tree:
                return _Answer(404, X_Error_Code="EntryNotFound", X_Error_Message="A file with this name doesn't exist")
            del tree[value["path"]]
    sha = request.repo.commit(tree, request.branch)
    url = f"{request.hub.endpoint}/datasets/{request.named['repo']}/commit/{sha}"
    return _json({"commitUrl": url, "commitOid": sha, "hookOutput": "", "pullRequestUrl": None})


def _fine(_: Request) -> _Answer:
    return _json({})


_ROUTES: list[tuple[str, str, Callable[[Request], _Answer]]] = [
    ("GET", rf"/api/datasets/{_REPO}", _info),
    ("GET", rf"/api/datasets/{_REPO}/revision/(?P<revision>.+)", _info),
    ("GET", rf"/api/datasets/{_REPO}/tree/(?P<revision>[^/]+)(?P<path>/.+)?", _tree),
    ("POST", rf"/api/datasets/{_REPO}/paths-info/(?P<revision>[^/]+)", _paths_info),
    ("GET", rf"/api/datasets/{_REPO}/refs", _refs),
    ("GET", rf"/datasets/{_REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", _resolve),
    ("HEAD", rf"/datasets/{_REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", _resolve),
    ("GET", r"/signed/(?P<sha256>[0-9a-f]+)", _signed),
    ("POST", r"/api/repos/create", _create),
    ("POST", r"/api/validate-yaml", _fine),
    ("POST", rf"/api/datasets/{_REPO}/branch/(?P<revision>.+)", _branch),
    ("POST", rf"/api/datasets/{_REPO}/preupload/(?P<revision>[^/]+)", _preupload),
    ("POST", rf"/datasets/{_REPO}\.git/info/lfs/objects/batch", _batch),
    ("PUT", r"/store/(?P<sha256>[0-9a-f]+)", _store),
    ("POST", rf"/api/datasets/{_REPO}/commit/(?P<revision>[^/]+)", _commit),
]


def environment(hub: Hub, home: Path) -> dict[str, str]:
    """For a process whose Hub this is."""
    return {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}

"""The stand-in for the Hub, asked for what is there. Large files are redirected to signed addresses at another host
name, as the Hub does, which expire when told to."""

from urllib.parse import parse_qs

from tests.hub_requests import REPO, Answer, Request, Route, answer_json
from tests.hub_store import Blob


def _info(request: Request) -> Answer:
    commit = request.commit
    siblings = [{"rfilename": path} for path in request.repo.commits[commit]]
    name, private = request.named["repo"], request.repo.private
    return answer_json({"id": name, "sha": commit, "private": private, "siblings": siblings, "tags": []})


def _entry(path: str, blob: Blob) -> dict[str, object]:
    entry: dict[str, object] = {"type": "file", "oid": blob.oid, "size": blob.size, "path": path}
    if blob.large:
        entry["lfs"] = {"oid": blob.sha256, "size": blob.size, "pointerSize": len(blob.pointer())}
    return entry


def _tree(request: Request) -> Answer:
    tree = request.repo.commits[request.commit]
    below = (request.named.get("path") or "").strip("/")
    prefix = f"{below}/" if below else ""
    mine = {path: blob for path, blob in tree.items() if path.startswith(prefix)}
    if below and not mine:
        raise Answer(404, X_Error_Code="EntryNotFound")
    folders = {
        f"{prefix}{path.removeprefix(prefix).rsplit('/', 1)[0]}" for path in mine if "/" in path.removeprefix(prefix)
    }
    if "recursive=True" not in request.url and "recursive=true" not in request.url:
        mine = {path: blob for path, blob in mine.items() if "/" not in path.removeprefix(prefix)}
    listed = [{"type": "directory", "oid": "1" * 40, "size": 0, "path": path} for path in sorted(folders)]
    return answer_json([*listed, *(_entry(path, blob) for path, blob in sorted(mine.items()))])


def _paths_info(request: Request) -> Answer:
    tree = request.repo.commits[request.commit]
    wanted = (request.json() if request.body.startswith(b"{") else parse_qs(request.body.decode()))["paths"]
    return answer_json([_entry(path, tree[path]) for path in wanted if path in tree])


def _refs(request: Request) -> Answer:
    branches = request.repo.branches.items()
    listed = [{"name": name, "ref": f"refs/heads/{name}", "targetCommit": commit} for name, commit in branches]
    return answer_json({"branches": listed, "converts": [], "tags": []})


def _resolve(request: Request) -> Answer:
    commit = request.commit
    blob = request.repo.commits[commit].get(request.named["path"])
    headers = {"X_Repo_Commit": commit}
    if blob is None:
        return Answer(404, X_Error_Code="EntryNotFound", **headers)
    if not blob.large:
        return _content(blob, request, ETag=f'"{blob.oid}"', **headers)
    return Answer(
        302,
        Location=f"{request.hub.elsewhere}/signed/{blob.sha256}?generation={request.hub.generation}",
        ETag=f'"{blob.sha256}"',
        X_Linked_Etag=f'"{blob.sha256}"',
        X_Linked_Size=str(blob.size),
        **headers,
    )


def _signed(request: Request) -> Answer:
    if f"generation={request.hub.generation}" not in request.url:
        return Answer(403, b"<Error><Code>AccessDenied</Code></Error>")
    if "Authorization" in request.headers:
        return Answer(400, b"a token where none belongs")
    return _content(request.hub.large[request.named["sha256"]], request)


def _content(blob: Blob, request: Request, **headers: str) -> Answer:
    asked = request.headers.get("Range")
    headers |= {"Accept_Ranges": "bytes"}
    if asked is None:
        return Answer(200, blob.part(0, blob.size), **headers)
    first, last = asked.removeprefix("bytes=").split("-")
    start = int(first) if first else max(0, blob.size - int(last))
    stop = min(int(last) + 1, blob.size) if first and last else blob.size
    if start >= blob.size:
        return Answer(416, Content_Range=f"bytes */{blob.size}")
    return Answer(206, blob.part(start, stop), Content_Range=f"bytes {start}-{stop - 1}/{blob.size}", **headers)


READING: list[Route] = [
    ("GET", rf"/api/datasets/{REPO}", _info),
    ("GET", rf"/api/datasets/{REPO}/revision/(?P<revision>.+)", _info),
    ("GET", rf"/api/datasets/{REPO}/tree/(?P<revision>[^/]+)(?P<path>/.+)?", _tree),
    ("POST", rf"/api/datasets/{REPO}/paths-info/(?P<revision>[^/]+)", _paths_info),
    ("GET", rf"/api/datasets/{REPO}/refs", _refs),
    ("GET", rf"/datasets/{REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", _resolve),
    ("HEAD", rf"/datasets/{REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", _resolve),
    ("GET", rf"/{REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", _resolve),  # of models
    ("HEAD", rf"/{REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", _resolve),
    ("GET", r"/signed/(?P<sha256>[0-9a-f]+)", _signed),
]

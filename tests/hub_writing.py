"""The stand-in for the Hub, sent files and commits."""

import base64
import json

from tests.hub_requests import REPO, Answer, Request, Route, answer_json
from tests.hub_store import OF_LARGE_FILES, Blob, Repo


def _create(request: Request) -> Answer:
    request.refuse_strangers()
    asked = request.json()
    name = f"{asked['organization']}/{asked['name']}"
    if name in request.hub.repos:
        return Answer(409, b"You already created this dataset repo")
    request.hub.repos[name] = Repo(private=asked.get("visibility") == "private")
    return answer_json({"url": f"{request.hub.endpoint}/datasets/{name}", "id": name})


def _branch(request: Request) -> Answer:
    request.refuse_strangers()
    branches = request.repo.branches
    if request.named["revision"] in branches:
        return Answer(409, b"Reference already exists")
    branches[request.named["revision"]] = branches["main"]
    return answer_json({})


def _preupload(request: Request) -> Answer:
    request.refuse_strangers()
    tree = request.repo.commits[request.commit]

    def mode(path: str) -> dict[str, object]:
        blob = tree.get(path)
        oid = None if blob is None else blob.sha256 if blob.large else blob.oid
        kind = "lfs" if path.endswith(OF_LARGE_FILES) else "regular"
        return {"path": path, "uploadMode": kind, "shouldIgnore": False, "oid": oid}

    return answer_json({"files": [mode(each["path"]) for each in request.json()["files"]]})


def _batch(request: Request) -> Answer:
    request.refuse_strangers()
    objects = []
    for each in request.json()["objects"]:
        known = each["oid"] in request.hub.large
        upload = {"upload": {"href": f"{request.hub.elsewhere}/store/{each['oid']}"}}
        objects.append(each if known else {**each, "actions": upload})
    return answer_json({"transfer": "basic", "objects": objects})


def _store(request: Request) -> Answer:
    blob = Blob(request.body, large=True)
    if blob.sha256 != request.named["sha256"]:
        return Answer(400, b"these are other bytes")
    request.hub.large[blob.sha256] = blob
    return Answer(200)


def _commit(request: Request) -> Answer:
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
                return Answer(404, X_Error_Code="EntryNotFound", X_Error_Message="A file with this name doesn't exist")
            del tree[value["path"]]
    sha = request.repo.commit(tree, request.branch)
    url = f"{request.hub.endpoint}/datasets/{request.named['repo']}/commit/{sha}"
    return answer_json({"commitUrl": url, "commitOid": sha, "hookOutput": "", "pullRequestUrl": None})


def _fine(_: Request) -> Answer:
    return answer_json({})


WRITING: list[Route] = [
    ("POST", r"/api/repos/create", _create),
    ("POST", r"/api/validate-yaml", _fine),
    ("POST", rf"/api/datasets/{REPO}/branch/(?P<revision>.+)", _branch),
    ("POST", rf"/api/datasets/{REPO}/preupload/(?P<revision>[^/]+)", _preupload),
    ("POST", rf"/datasets/{REPO}\.git/info/lfs/objects/batch", _batch),
    ("PUT", r"/store/(?P<sha256>[0-9a-f]+)", _store),
    ("POST", rf"/api/datasets/{REPO}/commit/(?P<revision>[^/]+)", _commit),
]

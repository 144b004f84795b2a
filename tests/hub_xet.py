"""The stand-in for the Hub, sent files by Xet's protocol, as large ones are where `hf_xet` is installed.

Its client is the real one. Chunks are not put together again: of what may be sent the stand-in is told beforehand
(`Hub.offered`), and has it once an index of chunks names its SHA-256."""

import time

from tests.hub_requests import REPO, Answer, Request, Route, answer_json


def _token(request: Request) -> Answer:
    request.refuse_strangers()
    store, until = f"{request.hub.endpoint}/xet", int(time.time()) + 3600
    return answer_json({"casUrl": store, "accessToken": "xet_of_who_may_write", "exp": until})


def _chunk(_: Request) -> Answer:
    return Answer(404)  # it has not been seen before


def _grant(_: Request) -> Answer:
    return answer_json({})


def _index(request: Request) -> Answer:
    named = {sha256: blob for sha256, blob in request.hub.offered.items() if _as_hashed(sha256) in request.body}
    request.hub.large |= named
    request.hub.by_xet += sorted(named)
    return Answer(200, b'{"type": "result", "result": 1}\n', Content_Type="application/x-ndjson")


def _as_hashed(sha256: str) -> bytes:
    """As the protocol writes hashes: four numbers of eight bytes, the least one first."""
    content = bytes.fromhex(sha256)
    return b"".join(content[start : start + 8][::-1] for start in range(0, len(content), 8))


XET: list[Route] = [
    ("GET", rf"/api/datasets/{REPO}/xet-write-token/(?P<revision>.+)", _token),
    ("GET", r"/xet/v1/chunks/.+", _chunk),
    ("POST", r"/xet/v1/xorb-grants/.+", _grant),
    ("POST", r"/xet/v2/shards", _index),
    ("POST", r"/v1/telemetry", _grant),
]

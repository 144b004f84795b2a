"""Parts of files on the Hub: one request for each, to a signed address that is kept until it is refused."""

import random
import time
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

import httpx2
from huggingface_hub import constants, get_session, hf_hub_url
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, parse_ratelimit_headers

from gluscope_core import __version__
from gluscope_core.errors import DatasetDamaged, HubUnreachable

TRIES = 6
FIRST_WAIT, LONGEST_WAIT = 0.5, 8.0
PATIENCE = 30.0
"""Seconds: who is asked by the Hub to wait for longer is told so instead."""
_MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_PASSING = (408, 429, 500, 502, 503, 504)
_BROKEN = (httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError)


class RangesIgnored(Exception):
    """The server sends whole files whatever part is asked for, as some mirrors do."""


class _Again(Exception):
    """A request that may succeed when it is repeated, after some seconds where the server says how many."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


class RangeReader:
    """Reads parts of the files of one revision."""

    def __init__(self, repo_id: str, revision: str) -> None:
        self._repo_id, self._revision = repo_id, revision
        self._signed: dict[str, str] = {}
        """By path: where the Hub last sent us, which is good for many requests and some hours."""

    def read(self, path: str, start: int | None, length: int) -> bytes:
        """`length` bytes from `start`, or the last ones of a file. Fewer where it is shorter."""
        wanted = f"bytes={start}-{start + length - 1}" if start is not None else f"bytes=-{length}"
        why = ""
        for attempt in range(TRIES):
            try:
                return self._read(path, wanted)
            except _Again as error:
                self._signed.pop(path, None)  # who knows whether it was the address
                wait = _wait_before(attempt, error)
                why = str(error)
                if wait > PATIENCE:
                    why = f"{why}, and asks to wait for {wait:.0f} seconds"
                    break
                if attempt + 1 < TRIES:
                    time.sleep(wait)
        raise HubUnreachable(f"{self._repo_id}: the Hub {why} for {path}: try again later")

    def _read(self, path: str, wanted: str) -> bytes:
        signed = self._signed.get(path)
        if signed is not None:
            content = self._ask(signed, wanted, path)
            if content is not None:
                return content
            self._signed.pop(path, None)  # it has expired
        url = hf_hub_url(self._repo_id, path, repo_type="dataset", revision=self._revision)
        content = self._ask(url, wanted, path)
        if content is None:
            raise _Again("refuses the addresses that it gives")
        return content

    def _ask(self, url: str, wanted: str, path: str) -> bytes | None:
        """Follows redirections, the token going to the Hub alone. None where an address elsewhere is refused."""
        for _ in range(_MOST_REDIRECTS):
            at_hub = urlsplit(url).netloc == urlsplit(constants.ENDPOINT).netloc
            try:
                with get_session().stream(
                    "GET",
                    url,
                    headers=_headers(with_token=at_hub) | {"Range": wanted},
                    follow_redirects=False,
                    timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT,
                ) as response:
                    if response.status_code not in _REDIRECTS:
                        content = _content(response, at_hub=at_hub, path=path)
                        if content is not None and not at_hub:
                            self._signed[path] = url
                        return content
                    url = urljoin(url, response.headers["Location"])
            except _BROKEN as error:
                raise _Again(f"cannot be reached, or cuts the connection ({type(error).__name__}),") from error
        raise _Again("redirects in circles")


def _content(response: httpx2.Response, *, at_hub: bool, path: str) -> bytes | None:
    status = response.status_code
    if status == 206:
        content = response.read()
        first, _, last = response.headers.get("Content-Range", "").removeprefix("bytes ").split("/")[0].partition("-")
        if not last or len(content) != int(last) - int(first) + 1:
            raise _Again("sends less than it says")
        return content
    if status == 200:
        raise RangesIgnored
    if status == 416:
        raise DatasetDamaged(f"{path} is shorter than the manifest says: ask who published it to do so again")
    if status in _PASSING:
        raise _Again(f"answers with status {status}", _asked_to_wait(response))
    if not at_hub:
        return None
    response.read()
    hf_raise_for_status(response)
    raise _Again(f"answers with status {status}")


def _headers(*, with_token: bool) -> dict[str, str]:
    token = None if with_token else False
    headers = build_hf_headers(token=token, library_name="gluscope", library_version=__version__)
    return headers | {"Accept-Encoding": "identity"}


def _asked_to_wait(response: httpx2.Response) -> float | None:
    limit = parse_ratelimit_headers(response.headers)
    if limit is not None and limit.remaining == 0:
        return float(limit.reset_in_seconds)
    asked = response.headers.get("Retry-After", "").strip()
    if asked.isdigit():
        return float(asked)
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _wait_before(attempt: int, error: _Again) -> float:
    """Twice as long each time, and never the same for many that were refused at once."""
    longest = min(FIRST_WAIT * 2**attempt, LONGEST_WAIT)
    drawn = longest * random.uniform(0.5, 1)  # noqa: S311
    return drawn if error.wait is None else error.wait + drawn / 2

"""Parts of files on the Hub: one request for each, to a signed address that is kept until it is refused."""

from urllib.parse import urljoin, urlsplit

import httpx2
from huggingface_hub import constants, get_session, hf_hub_url
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

from gluscope_core import __version__
from gluscope_core.errors import DatasetDamaged
from gluscope_core.hub_patience import BROKEN, PASSING, Again, cut_off, of_status, patiently

_MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)


class RangesIgnored(Exception):
    """The server sends whole files whatever part is asked for, as some mirrors do."""


class RangeReader:
    """Reads parts of the files of one revision."""

    def __init__(self, repo_id: str, revision: str) -> None:
        self._repo_id, self._revision = repo_id, revision
        self._signed: dict[str, str] = {}
        """By path: where the Hub last sent us, which is good for many requests and some hours."""

    def read(self, path: str, start: int | None, length: int) -> bytes:
        """`length` bytes from `start`, or the last ones of a file. Fewer where it is shorter."""
        wanted = f"bytes={start}-{start + length - 1}" if start is not None else f"bytes=-{length}"
        return patiently(lambda: self._tried(path, wanted), self._repo_id, path)

    def _tried(self, path: str, wanted: str) -> bytes:
        try:
            return self._read(path, wanted)
        except Again:
            self._signed.pop(path, None)  # who knows whether it was the address
            raise

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
            raise Again("refuses the addresses that it gives")
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
            except BROKEN as error:
                raise cut_off(error) from error
        raise Again("redirects in circles")


def _content(response: httpx2.Response, *, at_hub: bool, path: str) -> bytes | None:
    status = response.status_code
    if status == 206:
        content = response.read()
        first, _, last = response.headers.get("Content-Range", "").removeprefix("bytes ").split("/")[0].partition("-")
        if not last or len(content) != int(last) - int(first) + 1:
            raise Again("sends less than it says")
        return content
    if status == 200:
        raise RangesIgnored
    if status == 416:
        raise DatasetDamaged(f"{path} is shorter than the manifest says: ask who published it to do so again")
    if status in PASSING:
        raise of_status(response)
    if not at_hub:
        return None
    response.read()
    hf_raise_for_status(response)
    raise of_status(response)


def _headers(*, with_token: bool) -> dict[str, str]:
    token = None if with_token else False
    headers = build_hf_headers(token=token, library_name="gluscope", library_version=__version__)
    return headers | {"Accept-Encoding": "identity"}

"""Fixtures of tests in which this process' Hub is the stand-in, and its caches are new."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import _cache_assets, _http

from gluscope_core import hub_patience
from tests.hub_standin import Hub


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with Hub().running() as running:
        point_to(running.endpoint, tmp_path / "hf", monkeypatch)
        yield running


def point_to(endpoint: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(_cache_assets, "HF_ASSETS_CACHE", str(home / "assets"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(hub_patience, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(_http, "time", _Hurried)


class _Hurried:
    """Instead of the module, for the client, which waits half a minute for what does not come."""

    time = time.time

    @staticmethod
    def sleep(seconds: float) -> None:
        time.sleep(min(seconds, 0.01))

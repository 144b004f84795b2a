"""The Hub client's errors as ours, which say what to do."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub import constants, is_offline_mode
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from gluscope_core.errors import (
    CacheUnusable,
    DatasetNotFound,
    GluscopeError,
    HubRefused,
    HubUnreachable,
    NoSuchRevision,
)
from gluscope_core.hub_patience import BROKEN, PASSING, Again, cut_off, of_status

FROM_THE_CLIENT = (OSError, httpx2.HTTPError, HFValidationError)
"""What the Hub's client raises is of these; where there is no network, some calls give it as httpx has it."""
FROM_DOWNLOADS = (*FROM_THE_CLIENT, RuntimeError)
"""`hf_xet`, and streams that httpx reads, have no errors of their own."""
_LOG_IN = "`hf auth login`, or set HF_TOKEN"
_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ENOTDIR}
_STATUS = re.compile(r"\((\d{3}) ")
"""In what `hf_xet` says, which has no errors of its own."""
_FORBIDDEN = {401, 403}


@contextmanager
def explained(repo_id: str, revision: str | None) -> Iterator[None]:
    """Raises FileNotFoundError where a revision lacks a file, else errors of our family."""
    try:
        yield
    except FROM_THE_CLIENT as error:
        raise explanation(error, repo_id, revision) from error


def passing(error: Exception) -> Again | None:
    """Of downloads, what may succeed when it is tried again. What precedes them the client tries again by itself."""
    if isinstance(error, HfHubHTTPError):
        return of_status(error.response) if error.response.status_code in PASSING else None
    if isinstance(error, BROKEN):
        return cut_off(error)
    if isinstance(error, RuntimeError):
        status = _STATUS.search(str(error))
        return Again(f"fails ({error})") if status is None or int(status[1]) in PASSING else None
    return Again("sends less than it says") if "Consistency check failed" in str(error) else None


def explanation(error: Exception, repo_id: str, revision: str | None) -> Exception:
    at = f"revision {revision} of {repo_id}" if revision else repo_id
    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, HfHubHTTPError):
        error = error.__cause__  # the client hides behind its cache what the Hub said
    if isinstance(error, HFValidationError):
        return DatasetNotFound(f"{repo_id!r} can be no dataset's id on the Hub ({error}): write user/name")
    if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
        where = error.filename or constants.HF_HUB_CACHE
        return CacheUnusable(
            f"{at}: {where}: {error.strerror}. Make room there or allow writing, or name another folder with HF_HOME"
        )
    if is_offline_mode():
        return HubUnreachable(
            f"{at} is not, or not as far as it is needed, kept in {constants.HF_HUB_CACHE}, and HF_HUB_OFFLINE is set: "
            "unset it, or open the dataset once while online"
        )
    if isinstance(error, EntryNotFoundError) and not isinstance(error, LocalEntryNotFoundError):
        return FileNotFoundError(f"{at}: {error}")
    return _answer_of(error, at, repo_id, revision)


def _answer_of(error: Exception, at: str, repo_id: str, revision: str | None) -> GluscopeError:
    if isinstance(error, HfHubHTTPError):
        return _refusal(error, repo_id, revision) or _of_status(at, error.response.status_code)
    if status := _STATUS.search(str(error)):
        return _of_status(at, int(status[1]))
    return _no_answer(at, f"does not answer ({type(error).__name__})")


def _refusal(error: HfHubHTTPError, repo_id: str, revision: str | None) -> GluscopeError | None:
    if isinstance(error, GatedRepoError):
        page = f"{constants.ENDPOINT}/datasets/{repo_id}"
        return HubRefused(f"{repo_id} asks for conditions to be accepted: accept them at {page}, then {_LOG_IN}")
    if isinstance(error, RepositoryNotFoundError):
        return DatasetNotFound(
            f"There is no folder {repo_id}, and on the Hub no dataset of that name for whoever asks. If it is private: "
            f"{_LOG_IN}"
        )
    if isinstance(error, RevisionNotFoundError):
        return NoSuchRevision(f"{repo_id} has no revision {revision}: name a branch, a tag or a commit of it")
    return None


def _of_status(at: str, status: int) -> GluscopeError:
    if status in _FORBIDDEN:
        return HubRefused(f"{at}: the Hub does not allow this with the token at hand, or with none: {_LOG_IN}")
    return _no_answer(at, f"answers with status {status}")


def _no_answer(at: str, what: str) -> HubUnreachable:
    return HubUnreachable(f"{at}: the Hub at {constants.ENDPOINT} {what}: try again later")

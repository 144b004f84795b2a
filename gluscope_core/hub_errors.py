"""The Hub client's errors as ours, which say what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

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

from gluscope_core.errors import DatasetNotFound, GluscopeError, HubRefused, HubUnreachable, NoSuchRevision

_LOG_IN = "`hf auth login`, or set HF_TOKEN"


@contextmanager
def explained(repo_id: str, revision: str | None) -> Iterator[None]:
    """Raises FileNotFoundError where a revision lacks a file, else errors of our family."""
    try:
        yield
    except (OSError, HFValidationError) as error:  # what the client raises is of these
        raise _explanation(error, repo_id, revision) from error


def _explanation(error: Exception, repo_id: str, revision: str | None) -> Exception:
    at = f"revision {revision} of {repo_id}" if revision else repo_id
    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, HfHubHTTPError):
        error = error.__cause__  # the client hides behind its cache what the Hub said
    if isinstance(error, HFValidationError):
        return DatasetNotFound(f"{repo_id!r} can be no dataset's id on the Hub: {error}")
    if is_offline_mode():
        return HubUnreachable(
            f"{at} is not, or not as far as it is needed, kept in {constants.HF_HUB_CACHE}, and HF_HUB_OFFLINE is set: "
            "unset it, or open the dataset once while online"
        )
    if isinstance(error, EntryNotFoundError) and not isinstance(error, LocalEntryNotFoundError):
        return FileNotFoundError(f"{at}: {error}")
    if isinstance(error, HfHubHTTPError):
        return _refusal(error, repo_id, revision) or _no_answer(at, f"answers with status {error.response.status_code}")
    return _no_answer(at, "does not answer")


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
    if error.response.status_code in {401, 403}:
        return HubRefused(f"{repo_id}: the Hub does not allow this with the token at hand, or with none: {_LOG_IN}")
    return None


def _no_answer(at: str, what: str) -> HubUnreachable:
    return HubUnreachable(f"{at}: the Hub at {constants.ENDPOINT} {what}: try again later")

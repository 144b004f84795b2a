"""The stage `publish`: a dataset to the Hub, where its manifest and card come last and only what is missing is sent."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants
from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils.sha import git_hash

from compute.card import card, completed
from compute.config import PublishConfig
from compute.durable import Step, locked, reached, sha256_of
from compute.progress import say
from compute.stopping import StopRequest, heeding_stops
from gluscope_core.dataset_card import CARD_NAME, NOTICES_NAME
from gluscope_core.errors import DatasetDamaged, GluscopeError, HubRefused, HubUnreachable, Stopped
from gluscope_core.hub_errors import FROM_THE_CLIENT, explained
from gluscope_core.manifest import MANIFEST_NAME, Manifest
from gluscope_core.places import Folder
from gluscope_core.plain_files import OddFile, read_at_most
from gluscope_core.records import FileRecord
from gluscope_core.schema import TABLES

FILES_AT_ONCE = 100
BYTES_AT_ONCE = 5 * 10**9
"""Of one commit. The Hub advises against larger ones, and what is cut off loses at most one."""
_MOST_OF_DOCUMENT = 16 * 2**20
_DATASET = constants.REPO_TYPE_DATASET
_OF_A_TABLE = re.compile(rf"({'|'.join(TABLES)})(/[^/]+)?\.parquet")


@dataclass(frozen=True)
class _Target:
    repo_id: str
    branch: str
    exists: bool
    files: dict[str, RepoFile]

    def holds(self, path: str, sha256: str, size: int, read: Callable[[], bytes]) -> bool:
        """Which files it stores as large ones is the Hub's decision; of others it has git's hash."""
        there = self.files.get(path)
        if there is None or there.size != size:
            return False
        return there.lfs.sha256 == sha256 if there.lfs is not None else there.blob_id == git_hash(read())

    def holds_file(self, folder: Path, record: FileRecord) -> bool:
        return self.holds(record.path, record.sha256, record.bytes, (folder / record.path).read_bytes)

    def holds_content(self, path: str, content: bytes) -> bool:
        return self.holds(path, hashlib.sha256(content).hexdigest(), len(content), lambda: content)


@dataclass(frozen=True)
class _Plan:
    send: tuple[FileRecord, ...]
    documents: dict[str, bytes]
    """Card, notices and manifest, as far as they differ from what is there."""
    obsolete: tuple[str, ...]
    kept: int

    @property
    def batches(self) -> list[list[FileRecord]]:
        return list(_batches(self.send))

    def __bool__(self) -> bool:
        return bool(self.send or self.documents or self.obsolete)


def publish(config: PublishConfig) -> None:
    here = Folder(config.dataset)
    here.manifest()  # before anything is written there, be it a lock
    with locked(config.dataset):
        manifest = here.manifest()
        with _named(config.repo_id):
            target = _look(config)
            if config.private and target.exists:
                _refuse_public(config.repo_id)
            plan = _plan(config, manifest, target)
            for line in _lines(plan, target):
                say(line)
            if config.dry_run or not plan:
                return
            _check_against_manifest(config.dataset, plan)
            _make(config, target)
            with heeding_stops() as stop:
                _send(config.dataset, manifest, target, plan, stop)
            _confirm(config, manifest)
    say(f"Published: {constants.ENDPOINT}/datasets/{config.repo_id}")


def _look(config: PublishConfig) -> _Target:
    branch = config.branch or constants.DEFAULT_REVISION
    for each in (branch, constants.DEFAULT_REVISION):  # a new branch begins with what is on the main one
        try:
            listed = list(HfApi().list_repo_tree(config.repo_id, recursive=True, revision=each, repo_type=_DATASET))
        except RevisionNotFoundError:
            continue
        except RepositoryNotFoundError:
            return _Target(config.repo_id, branch, exists=False, files={})
        files = {each.path: each for each in listed if isinstance(each, RepoFile)}
        return _Target(config.repo_id, branch, exists=True, files=files)
    return _Target(config.repo_id, branch, exists=True, files={})


def _refuse_public(repo_id: str) -> None:
    if not HfApi().dataset_info(repo_id, timeout=constants.HF_HUB_ETAG_TIMEOUT).private:
        raise HubRefused(
            f"{repo_id} is there already, and public: --private makes only new ones private. Make it private at "
            f"{constants.ENDPOINT}/datasets/{repo_id}/settings and repeat the command, or name another"
        )


def _plan(config: PublishConfig, manifest: Manifest, target: _Target) -> _Plan:
    folder = config.dataset
    send = tuple(record for record in manifest.files if not target.holds_file(folder, record))
    documents = _documents(config, manifest)
    named = {record.path for record in manifest.files}
    return _Plan(
        send=send,
        documents={path: content for path, content in documents.items() if not target.holds_content(path, content)},
        obsolete=tuple(path for path in sorted(target.files) if _OF_A_TABLE.fullmatch(path) and path not in named),
        kept=len(manifest.files) - len(send),
    )


def _documents(config: PublishConfig, manifest: Manifest) -> dict[str, bytes]:
    """The manifest is the last."""
    licence = config.model_licence or _licence_of(manifest)
    own, notices = (_document(config.dataset, name) for name in (CARD_NAME, NOTICES_NAME))
    try:
        text = card(manifest) if own is None else own.decode()
    except UnicodeDecodeError as error:
        raise DatasetDamaged(
            f"{config.dataset / CARD_NAME} is not UTF-8 ({error.reason} at byte {error.start}); nothing was sent: save "
            "it as UTF-8, or remove it"
        ) from error
    found = {CARD_NAME: completed(text, manifest, config.repo_id, licence).encode()}
    if notices is not None:
        found[NOTICES_NAME] = notices
    return {**found, MANIFEST_NAME: (config.dataset / MANIFEST_NAME).read_bytes()}


def _document(folder: Path, name: str) -> bytes | None:
    """None where there is none. No manifest has its hash, so that a link could put any file of this machine there."""
    here = Folder(folder)
    if not here.has(name):
        return None
    try:
        return read_at_most(here.whole(name), _MOST_OF_DOCUMENT)
    except OddFile as error:
        raise DatasetDamaged(f"{folder / name} {error}; nothing was sent: shorten it, or remove it") from error


def _licence_of(manifest: Manifest) -> str | None:
    """What the Hub says of the model, where that came from there."""
    if manifest.model.revision is None or "/" not in manifest.model.id:
        return None
    try:
        data = HfApi().model_info(manifest.model.id, timeout=constants.HF_HUB_ETAG_TIMEOUT).card_data
    except FROM_THE_CLIENT:
        return None
    licence = data.get("license_name") or data.get("license") if data else None
    return licence if isinstance(licence, str) else None


def _lines(plan: _Plan, target: _Target) -> Iterator[str]:
    where = target.repo_id if target.branch == constants.DEFAULT_REVISION else f"{target.repo_id}, {target.branch}"
    yield f"{where}: {'there' if target.exists else 'to be made'}"
    if plan.kept:
        yield f"  {plan.kept} files are there already"
    if not plan:
        yield "  nothing is missing"
    for number, batch in enumerate(plan.batches, 1):
        size = sum(record.bytes for record in batch) / 1e6
        tables = ", ".join(dict.fromkeys(record.table for record in batch))
        yield f"  commit {number}: {len(batch)} files of {tables}, {size:,.1f} MB"
    if plan.documents:
        yield f"  last: {', '.join(plan.documents)}"
    if plan.obsolete:
        yield f"  to be removed, from an earlier version: {', '.join(plan.obsolete)}"


def _check_against_manifest(folder: Path, plan: _Plan) -> None:
    """Before anything is sent, whole files: what is damaged here would be damaged there."""
    for record in plan.send:
        path = folder / record.path
        if not path.is_file() or path.stat().st_size != record.bytes or sha256_of(path) != record.sha256:
            raise DatasetDamaged(
                f"{path} is missing, or not as it was written, and nothing was sent: see what else "
                f"`python -m compute verify {folder}` finds, then compute it again"
            )


def _make(config: PublishConfig, target: _Target) -> None:
    api = HfApi()
    if not target.exists:
        api.create_repo(target.repo_id, repo_type=_DATASET, private=config.private, exist_ok=True)
    if target.branch != constants.DEFAULT_REVISION:
        api.create_branch(target.repo_id, branch=target.branch, repo_type=_DATASET, exist_ok=True)


def _send(folder: Path, manifest: Manifest, target: _Target, plan: _Plan, stop: StopRequest) -> None:
    """In one commit where that is not too large. Else the manifest that is there goes with the first and comes back
    with the last, so that nobody reads half of one version and half of another."""
    batches = plan.batches or [[]]
    for number, batch in enumerate(batches, 1):
        last = number == len(batches)
        operations: list[CommitOperationAdd | CommitOperationDelete] = [_added(folder, record) for record in batch]
        if number == 1 and not last and MANIFEST_NAME in target.files:
            operations.append(CommitOperationDelete(MANIFEST_NAME))
        if last:
            documents = plan.documents
            if len(batches) > 1:
                documents = {**documents, MANIFEST_NAME: (folder / MANIFEST_NAME).read_bytes()}
            operations += [CommitOperationDelete(path) for path in plan.obsolete]
            operations += [CommitOperationAdd(path, content) for path, content in documents.items()]
        part = f"part {number} of {len(batches)}" if len(batches) > 1 else "whole"
        _commit(target, operations, f"{manifest.model.id}, {part}")
        reached(Step.SENT)
        say(f"  commit {number} of {len(batches)} done")
        if stop.by and not last:
            raise Stopped(f"{stop.by.name}: {number} of {len(batches)} commits are done")


def _added(folder: Path, record: FileRecord) -> CommitOperationAdd:
    added = CommitOperationAdd(record.path, folder / record.path)
    added.upload_info.sha256 = bytes.fromhex(record.sha256)  # just checked; the client would read all of it again
    return added


def _commit(target: _Target, operations: list[CommitOperationAdd | CommitOperationDelete], message: str) -> None:
    HfApi().create_commit(
        target.repo_id, operations, commit_message=message, repo_type=_DATASET, revision=target.branch
    )


def _confirm(config: PublishConfig, manifest: Manifest) -> None:
    target = _look(config)
    missing = [record.path for record in manifest.files if not target.holds_file(config.dataset, record)]
    if missing:
        raise HubUnreachable(f"{config.repo_id}: the Hub does not have {missing[0]} yet: repeat the command")


def _batches(records: Sequence[FileRecord]) -> Iterator[list[FileRecord]]:
    batch: list[FileRecord] = []
    for record in records:
        size = sum(each.bytes for each in batch)
        if batch and (len(batch) == FILES_AT_ONCE or size + record.bytes > BYTES_AT_ONCE):
            yield batch
            batch = []
        batch.append(record)
    if batch:
        yield batch


@contextmanager
def _named(repo_id: str) -> Iterator[None]:
    """What fails while sending is repeated by repeating the command."""
    try:
        with explained(repo_id, None):
            yield
    except HubUnreachable as error:
        raise HubUnreachable(
            f"publishing stopped: {error}; repeat the command, which sends only what is missing"
        ) from error
    except GluscopeError:
        raise
    except ValueError as error:
        raise HubRefused(f"{repo_id}: the Hub does not take it ({error}): mend that and repeat the command") from error
    except RuntimeError as error:  # of uploads, by either protocol
        said = str(error).strip().rstrip(".")
        raise HubUnreachable(f"{repo_id}: {said}. Repeat the command, which sends only what is missing") from error

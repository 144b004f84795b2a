"""From packages to the bytes of their files: fetched by the registries' own clients, held against known digests."""

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from demo.sources import Package, Registry

PINS = Path(__file__).with_name("debian.sha256")
"""What the files taken from Debian's packages were when the texts were chosen, as `sha256sum` writes it."""


class Unfetched(Exception):
    """A package that its registry did not give, or another than the one that was asked for."""


def fetch(package: Package, folder: Path) -> Path:
    """The package's archive, from the folder if it lies there already."""
    folder.mkdir(parents=True, exist_ok=True)
    return _from_pypi(package, folder) if package.registry is Registry.PYPI else _from_debian(package, folder)


def _from_pypi(package: Package, folder: Path) -> Path:
    known = [each for each in folder.iterdir() if each.is_file() and _digest(each.read_bytes()) == package.sha256]
    if known:
        return known[0]
    with TemporaryDirectory(dir=folder) as empty:
        wanted = Path(empty) / "wanted.txt"
        wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
        form = ["--only-binary", package.name] if package.wheel else ["--no-binary", package.name]
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        _call([*pip, *form, "--dest", empty, "--requirement", str(wanted)], package.id)
        wanted.unlink()
        archive = next(Path(empty).iterdir())
        return archive.rename(folder / archive.name)


def _from_debian(package: Package, folder: Path) -> Path:
    if not (found := sorted(folder.glob(f"{package.name}_*.deb"))):
        _call(["apt-get", "download", package.name], package.id, folder)
        found = sorted(folder.glob(f"{package.name}_*.deb"))
    return found[-1]


def _call(command: list[str], what: str, folder: Path | None = None) -> bytes:
    try:
        return subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout
    except FileNotFoundError as error:
        raise Unfetched(f"{what}: there is no {command[0]} here: build on Debian") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise Unfetched(f"{what}: {' '.join(command[:4])} failed:\n{said}") from error


def members(archive: Path, patterns: Iterable[str]) -> dict[str, bytes]:
    """Files whose path fits one of the patterns, without the folder in which a source distribution keeps them all."""
    wanted = tuple(patterns)
    found = _zip_members(archive, wanted) if archive.suffix in {".whl", ".zip"} else _tar_members(archive, wanted)
    return dict(sorted(found))


def fits(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def _zip_members(archive: Path, patterns: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(archive) as file:
        yield from ((name, file.read(name)) for name in file.namelist() if fits(name, patterns))


def _tar_members(archive: Path, patterns: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    debian = archive.suffix == ".deb"
    raw = _unpacked(archive) if debian else archive.read_bytes()
    with tarfile.open(fileobj=BytesIO(raw)) as file:
        for member in file:
            path = member.name.removeprefix("./") if debian else member.name.partition("/")[2]
            if member.isfile() and fits(path, patterns) and (content := file.extractfile(member)) is not None:
                yield path, content.read()


def _unpacked(archive: Path) -> bytes:
    return _call(["dpkg-deb", "--fsys-tarfile", str(archive)], archive.name)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def read_pins(table: Path = PINS) -> dict[str, str]:
    """From a package's name and a path within it to a digest."""
    lines = table.read_text(encoding="utf-8").splitlines() if table.exists() else []
    return {path: digest for digest, path in (line.split("  ", 1) for line in lines)}


def pin_lines(package: Package, found: dict[str, bytes]) -> Iterator[str]:
    yield from (f"{_digest(content)}  {package.name}/{path}" for path, content in found.items())


def as_pinned(
    package: Package, found: dict[str, bytes], patterns: tuple[str, ...], pins: dict[str, str]
) -> tuple[dict[str, bytes], list[str]]:
    """The files that are what they were, and what to say of those that are not."""
    prefix = f"{package.name}/"
    expected = {path.removeprefix(prefix): digest for path, digest in pins.items() if path.startswith(prefix)}
    expected = {path: digest for path, digest in expected.items() if fits(path, patterns)}
    good = {path: found[path] for path, digest in expected.items() if path in found and _digest(found[path]) == digest}
    return good, [
        f"{package.id}: {path} {'differs from' if path in found else 'is not there as'} the one that was chosen: "
        "left out. Another release of Debian has other files"
        for path in expected
        if path not in good
    ]

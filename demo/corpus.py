"""Builds the texts of the dataset that comes with this repository: `python -m demo.corpus`."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from demo.extract import PINS, Unfetched, as_pinned, fetch, fits, members, pin_lines, read_pins
from demo.passages import CUTS, Seen, drawn, passages
from demo.readers import read
from demo.sources import Kind, Package, Registry, Source, read_sources
from gluscope_core.dataset_card import NOTICES_NAME

SOURCES_NAME = "SOURCES.md"


@dataclass(frozen=True)
class Passage:
    text: str
    kind: str
    language: str
    title: str
    licence: str
    source: str
    """From which package, which of its files, and the how manieth passage of that file."""

    def line(self) -> str:
        return json.dumps(vars(self), ensure_ascii=False) + "\n"


class Library:
    """The packages' files that some source wants, each archive fetched and read once."""

    def __init__(self, folder: Path, sources: list[Source]) -> None:
        self._folder = folder
        self._wanted: dict[Package, set[str]] = {}
        for each in sources:
            self._wanted.setdefault(each.package, {each.package.notice}).update(each.members)
        self._read: dict[Package, dict[str, bytes]] = {}

    @property
    def packages(self) -> list[Package]:
        return sorted(self._wanted, key=lambda each: each.id)

    def files(self, package: Package, patterns: tuple[str, ...]) -> dict[str, bytes]:
        if package not in self._read:
            self._read[package] = members(fetch(package, self._folder), self._wanted[package])
        return {path: content for path, content in self._read[package].items() if fits(path, patterns)}


def candidates(source: Source, files: dict[str, bytes]) -> dict[str, Passage]:
    """Every passage of a source, by its name."""
    foreign = source.kind is not Kind.CODE and source.language != "en"
    found = {}
    for path, content in files.items():
        text = read(
            content,
            source.reader,
            source.encoding,
            begins=source.begins,
            ends=source.ends,
            within=source.within,
        )
        for number, passage in enumerate(passages(text, CUTS[source.cut], source.drop, foreign=foreign), 1):
            name = f"{source.package.id}:{path}#{number}"
            found[name] = Passage(passage, source.kind, source.language, source.title, source.licence, name)
    return found


def chosen(source: Source, files: dict[str, bytes], seen: Seen) -> list[Passage]:
    """About as many tokens of a source as its entry says, in the order of its files."""
    found = candidates(source, files)
    taken = set(drawn([(name, each.text) for name, each in found.items()], source.tokens, seen.is_new))
    return [each for name, each in found.items() if name in taken]


def collect(library: Library, sources: list[Source], pins: dict[str, str] | None) -> tuple[list[Passage], list[str]]:
    """All passages, and what to say of files that are not as pinned; without pins, any file is right."""
    seen = Seen()
    taken, complaints = [], []
    for source in sources:
        files = library.files(source.package, source.members)
        if pins is not None and source.package.registry is Registry.DEBIAN:
            files, differing = as_pinned(source.package, files, source.members, pins)
            complaints += differing
        taken += chosen(source, files, seen)
    return taken, complaints


def sources_table(sources: list[Source], taken: Counter[str]) -> Iterator[str]:
    yield "| kind | title | author | language | licence | package | passages |"
    yield "|---|---|---|---|---|---|---|"
    for each in sources:
        about = [each.kind, each.title, each.author, each.language, each.licence, f"`{each.package.id}`"]
        yield f"| {' | '.join(about)} | {taken[each.title]} |"


def notices(library: Library) -> Iterator[str]:
    """What the packages say of their licences, which some of these ask to pass on with the texts."""
    for package in library.packages:
        for path, content in library.files(package, (package.notice,)).items():
            yield f"{'=' * 100}\n{package.id}: {path}\n{'=' * 100}\n\n{content.decode(errors='replace').strip()}\n\n"


def build(out: Path, library: Library, sources: list[Source], pins: dict[str, str]) -> list[str]:
    """Writes the texts, and beside them the table of their sources and the notices; says what was left out."""
    taken, complaints = collect(library, sources, pins)
    counts = Counter(each.title for each in taken)
    table = "".join(f"{row}\n" for row in sources_table(sources, counts))
    out.with_name(SOURCES_NAME).write_text(table, encoding="utf-8")
    out.with_name(NOTICES_NAME).write_text("".join(notices(library)), encoding="utf-8")
    out.write_text("".join(each.line() for each in taken), encoding="utf-8")
    return complaints


def pin(library: Library, sources: list[Source]) -> None:
    """Takes the files of Debian's packages that are here now, and used, for those that are to be."""
    taken, _ = collect(library, sources, None)
    used = {each.source.rpartition("#")[0] for each in taken}
    lines = set()
    for package in {each.package for each in sources if each.package.registry is Registry.DEBIAN}:
        files = library.files(package, ("*",))
        lines |= set(pin_lines(package, {path: files[path] for path in files if f"{package.id}:{path}" in used}))
    PINS.write_text("".join(f"{line}\n" for line in sorted(lines, key=lambda line: line[66:])), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/demo/corpus.jsonl"))
    parser.add_argument("--pin", action="store_true", help="first record which files from Debian are right")
    arguments = parser.parse_args()
    sources = read_sources()
    try:
        library = Library(arguments.out.parent / "packages", sources)
        if arguments.pin:
            pin(library, sources)
        complaints = build(arguments.out, library, sources, read_pins())
    except Unfetched as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for complaint in complaints:
        print(f"warning: {complaint}", file=sys.stderr)
    print(f"{arguments.out}: written, with {SOURCES_NAME} and {NOTICES_NAME} beside it")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())

"""The original's static pages: read one by one, and written as tables; what is malformed is named and skipped."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from compute.imported.found import NEURONS_PATH, TEXTS_PATH, Found, Written, facts_from
from compute.imported.page_rows import PageRows
from compute.imported.pages import PAGE_NAME, MalformedPage, Page, PageTable, bytes_of, read_page, read_table
from compute.progress import say
from compute.token_texts import fingerprint, first_token, read_texts
from compute.vocab import VOCAB_PATH
from compute.write import write_table
from gluscope_core.activations import activation
from gluscope_core.errors import ImportRefused
from gluscope_core.original.names import known_model, unknown_model
from gluscope_core.records import FileRecord, ImportRecord, ModelFacts, ModelRecord, TextsRecord
from gluscope_core.schema import EXAMPLES_TABLE, NEURONS_TABLE, TEXTS_TABLE, VOCAB_TABLE, WINDOWS_TABLE
from gluscope_core.vocabulary import Coordinates, ImportSource, SignConvention

_REMARKS = (
    "Imported from the original program's pages: frequencies and means are rounded to two decimals there.",
    "Extremes are those of the examples; of each case there is the one of larger magnitude.",
    "Token ids and the numbers of texts are the import's own: pages show strings, and not where a text comes from.",
    "Texts end two tokens after the token of interest.",
)


def has_pages(folder: Path) -> bool:
    return folder.is_dir() and next(folder.rglob(PAGE_NAME), None) is not None


def import_pages(folder: Path, described: ModelRecord | None, convention: SignConvention | None, window: int) -> Found:
    tables, skipped = _read_tables(folder)
    name = next(iter(tables.values())).model if tables else ""
    model = _model_of(name, described)
    pages: dict[Path, Page] = {}
    digest = hashlib.sha256()
    for path, table in tables.items():
        try:
            _refuse_odd(table, model, pages)
            page, files = read_page(path, table, activation(model.activation)), _files(folder, path, table)
        except MalformedPage as problem:
            skipped += 1
            say(f"{path}: skipped: {problem}")
        else:
            pages[path] = page
            digest.update(files)
    if not pages:
        raise ImportRefused(
            f"{folder}: none of its pages can be read, for the reasons above: give pages as the original writes them"
        )
    rows = PageRows(list(pages.values()), activation(model.activation), window)
    record = ImportRecord(
        source=ImportSource.PAGES,
        files=sum(1 + len(page.table.examples) for page in pages.values()),
        fingerprint=digest.hexdigest(),
        sign_convention=convention or SignConvention.UNKNOWN,
        coordinates=Coordinates.NORM_FOLDED,
        layers=rows.layers,
        neurons=rows.neurons,
        top_k=rows.longest_list,
        window=window,
        remarks=_REMARKS,
    )
    return Found(model, record, lambda staged: _write(staged, rows, model), _bytes_of(pages), skipped)


def _read_tables(folder: Path) -> tuple[dict[Path, PageTable], int]:
    tables, skipped = {}, 0
    for path in sorted(folder.rglob(PAGE_NAME)):
        try:
            tables[path] = read_table(path)
        except MalformedPage as problem:
            skipped += 1
            say(f"{path}: skipped: {problem}")
    return tables, skipped


def _model_of(name: str, described: ModelRecord | None) -> ModelFacts:
    """Shape and activation function, which pages do not give; the vocabulary is that of the pages alone."""
    if described is not None:
        return replace(facts_from(described, name or described.id), vocab_size=None)
    known = known_model(name)
    if known is None and name:
        raise ImportRefused(f"pages do not say what {name} is made of: give --model, of which the config is read")
    return replace(known, id=name, vocab_size=None) if known else unknown_model(name, 0, 0)


def _refuse_odd(table: PageTable, model: ModelFacts, pages: dict[Path, Page]) -> None:
    if table.model != model.id:
        raise MalformedPage(f"is of {table.model}, the first of {model.id}: import them apart")
    if table.neuron.layer >= model.layers or table.neuron.neuron >= model.d_mlp:
        raise MalformedPage(
            f"{table.neuron} is beyond the {model.layers} layers of {model.d_mlp} neurons of {model.id}"
        )
    again = next((path for path, page in pages.items() if page.table.neuron == table.neuron), None)
    if again is not None:
        raise MalformedPage(f"{table.neuron} was read from {again} already")


def _files(folder: Path, page: Path, table: PageTable) -> bytes:
    """Names and contents of a page and what it names."""
    paths = (page, *(page.parent / name for name in sorted(table.examples)))
    found = ((path.relative_to(folder).as_posix(), bytes_of(path)) for path in paths)
    return b"".join(f"{name}\0{len(raw)}\0".encode() + raw for name, raw in found)


def _bytes_of(pages: dict[Path, Page]) -> int:
    files = ((path, *(path.parent / name for name in page.table.examples)) for path, page in pages.items())
    return sum(path.stat().st_size for each in files for path in each)


def _write(staged: Path, rows: PageRows, model: ModelFacts) -> Written:
    files = [
        write_table(staged, VOCAB_PATH, VOCAB_TABLE, [rows.vocab_rows()]),
        write_table(staged, TEXTS_PATH, TEXTS_TABLE, [rows.text_rows()]),
        write_table(staged, NEURONS_PATH, NEURONS_TABLE, [rows.neuron_rows()]),
        *_by_layer(staged, rows),
    ]
    texts = read_texts(staged / TEXTS_PATH)
    first = first_token(texts.ids, texts.bounds)
    begins = "as on the pages" if first is None else f"all begin with {rows.piece(first)!r}, as on the pages"
    return files, TextsRecord(
        id=f"the texts on the pages of {model.id}",
        revision=None,
        licence=None,
        tokenizer=None,
        bos_policy=begins,
        first_token=first,
        texts=len(texts),
        empty=0,
        cut=0,
        tokens=len(texts.ids),
        fingerprint=fingerprint(texts.ids, texts.bounds),
    )


def _by_layer(staged: Path, rows: PageRows) -> Sequence[FileRecord]:
    written = []
    for layer in rows.layers:
        written.append(write_table(staged, EXAMPLES_TABLE.path(layer), EXAMPLES_TABLE, [rows.example_rows(layer)]))
        written.append(write_table(staged, WINDOWS_TABLE.path(layer), WINDOWS_TABLE, [rows.window_rows(layer)]))
    return written

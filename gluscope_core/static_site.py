"""The index of a site of neurons' pages: a table for people, and the same as JSON, by which the site can grow."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

import msgspec

from gluscope_core.columns import NeuronColumn
from gluscope_core.errors import DatasetDamaged
from gluscope_core.formats import percent
from gluscope_core.ids import NeuronId
from gluscope_core.manifest import Manifest
from gluscope_core.neuron_view import NeuronView
from gluscope_core.palette import CASE_COLOURS
from gluscope_core.static_page import document, file_name
from gluscope_core.vocabulary import CASES, Case, SignConvention, freq_column

INDEX_NAME, LIST_NAME = "index.html", "neurons.json"
NO_JEKYLL = ".nojekyll"
"""Tells GitHub Pages to serve the files as they are."""
_HALF = 16


@dataclass(frozen=True)
class Entry:
    """One page of a site."""

    layer: int
    neuron: int
    io_class: str | None
    role: str | None
    frequencies: tuple[float | None, ...]
    """In the order of the cases."""
    dataset: str
    """SHA-256 of the manifest that the page was written from."""

    @classmethod
    def of(cls, view: NeuronView) -> "Entry":
        row = view.row
        frequencies = tuple(row[freq_column(case)] for case in CASES)
        io_class, role = row[NeuronColumn.IO_CLASS], row[NeuronColumn.ROLE]
        return cls(*view.id, io_class, role, frequencies, view.dataset.manifest.sha256)

    @property
    def id(self) -> NeuronId:
        return NeuronId(self.layer, self.neuron)


@dataclass(frozen=True)
class Site:
    """All pages of a site, which are of one model on one set of texts, in one sign convention."""

    model: str
    revision: str | None
    fingerprint: str | None
    texts: str | None
    """Fingerprint of the token ids."""
    convention: SignConvention
    entries: tuple[Entry, ...] = ()
    sha256: str = ""
    """Of all of this, without the hash itself; sites of earlier releases have none."""

    @classmethod
    def of(cls, manifest: Manifest, convention: SignConvention) -> "Site":
        model, texts = manifest.model, manifest.texts
        return cls(model.id, model.revision, model.fingerprint, texts.fingerprint if texts else None, convention)

    @classmethod
    def from_json(cls, raw: bytes, where: str) -> "Site":
        try:
            found = msgspec.json.decode(raw, type=cls)
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
            raise DatasetDamaged(f"{where} is no list of pages ({error}): choose another folder for --out") from error
        if found.sha256 and found.sha256 != found.own_hash():
            raise DatasetDamaged(f"{where} is not as it was written: choose another folder for --out")
        return found

    def to_json(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(replace(self, sha256=self.own_hash())), indent=1) + b"\n"

    def own_hash(self) -> str:
        return hashlib.sha256(msgspec.json.encode(replace(self, sha256=""))).hexdigest()

    def same_kind(self, other: "Site") -> bool:
        return replace(self, entries=(), sha256="") == replace(other, entries=(), sha256="")

    def with_pages(self, entries: Sequence[Entry]) -> "Site":
        """Those there, save the ones written anew, and the new ones, in order."""
        every = {each.id: each for each in (*self.entries, *entries)}
        ordered = tuple(every[neuron] for neuron in sorted(every))
        return replace(self, entries=ordered)


def index_html(site: Site) -> str:
    heads = "".join(
        f'<th scope="col" class="wide" style="border-bottom:3px solid {CASE_COLOURS[case]}">{escape(case.label)}</th>'
        for case in CASES
    )
    rows = "".join(_row(entry) for entry in site.entries)
    revision = f" · {escape(site.revision[:12])}" if site.revision else ""
    body = (
        f'<div class="title"><h1>{escape(site.model)}</h1>'
        f'<span class="place">{len(site.entries)} neurons · {site.convention.value} signs{revision}</span></div>'
        '<p class="note">Frequencies of the four sign cases of (x_gate, x_in), as areas: gate+ right, in+ up.</p>'
        '<div class="scrolls"><table class="list-of-neurons"><thead><tr><th scope="col">neuron</th>'
        '<th scope="col">cases</th>'
        f'{heads}<th scope="col">class</th><th scope="col">role</th></tr></thead><tbody>{rows}</tbody></table></div>'
        f'<p class="note"><a href="{LIST_NAME}">The same as JSON</a></p>'
    )
    return document(f"Neurons of {site.model} · GLUScope", body)


def _row(entry: Entry) -> str:
    shares = dict(zip(CASES, entry.frequencies, strict=True))
    said = (percent(share) if share != 0 else "never" for share in shares.values())
    figures = "".join(f'<td class="figure wide">{each}</td>' for each in said)
    name = f'<th scope="row"><a href="{file_name(entry.id)}">{entry.id}</a></th>'
    words = f"<td>{escape(entry.io_class or '–')}</td><td>{escape(entry.role or '')}</td>"
    return f"<tr>{name}<td>{quadrants_svg(shares)}</td>{figures}{words}</tr>"


def quadrants_svg(shares: dict[Case, float | None]) -> str:
    """Four squares around the origin, as large as the cases are frequent."""
    squares = "".join(_square(case, share or 0.0) for case, share in shares.items())
    told = ", ".join(f"{case.label} {percent(share)}" for case, share in shares.items())
    cross = f'<path d="M-{_HALF} 0H{_HALF}M0 -{_HALF}V{_HALF}" stroke="currentColor" stroke-width=".5"/>'
    box = f'viewBox="-{_HALF} -{_HALF} {2 * _HALF} {2 * _HALF}"'
    return f'<svg {box} role="img"><title>{escape(told)}</title>{squares}{cross}</svg>'


def _square(case: Case, share: float) -> str:
    side = _HALF * share**0.5
    x, y = min(0.0, case.gate_sign * side), min(0.0, -case.in_sign * side)
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{side:.1f}" height="{side:.1f}" fill="{CASE_COLOURS[case]}"/>'

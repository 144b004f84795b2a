"""The stages `page` and `site`: neurons' pages as files that need no server, and a folder of them."""

from pathlib import Path

from compute.config import PageConfig, SiteConfig
from compute.durable import locked, write_whole
from compute.neuron_choice import choose_neurons, neurons_in, refuse_unknown
from compute.progress import say, step_bar
from gluscope_core.dataset import Dataset, open_dataset
from gluscope_core.errors import BadSettings, ResumeRefused
from gluscope_core.ids import NeuronId
from gluscope_core.neuron_view import NeuronView, conventions
from gluscope_core.schema import WEIGHTS_TABLE, WINDOWS_TABLE
from gluscope_core.static_page import Surroundings, file_name, page_html, token_texts
from gluscope_core.static_site import INDEX_NAME, LIST_NAME, NO_JEKYLL, Entry, Site, index_html
from gluscope_core.vocabulary import SignConvention


def page(config: PageConfig) -> None:
    dataset, neuron = open_dataset(config.dataset), NeuronId.parse(config.neuron)
    refuse_unknown(dataset, neuron)
    view = NeuronView.of(dataset, neuron, _convention(dataset, config.sign_convention))
    content = page_html(view, token_texts(dataset)).encode()
    config.out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(config.out, content)
    say(f"{config.out}: neuron {neuron}, {len(content) / 1000:,.0f} kB")


def site(config: SiteConfig) -> None:
    dataset = open_dataset(config.dataset)
    chosen = choose_neurons(config.neurons, dataset, WINDOWS_TABLE.name)
    convention = _convention(dataset, config.sign_convention)
    config.out.mkdir(parents=True, exist_ok=True)
    with locked(config.out):
        before = _existing(config.out, Site.of(dataset.manifest, convention))
        known = {entry.id for entry in before.entries}
        again = _that_gain_links(dataset, known - set(chosen), set(chosen) - known)
        around = Surroundings(known | set(chosen), INDEX_NAME)
        written = _write_pages(config.out, dataset, convention, (*chosen, *again), around)
        after = before.with_pages(written)
        (config.out / NO_JEKYLL).touch()
        write_whole(config.out / LIST_NAME, after.to_json())
        write_whole(config.out / INDEX_NAME, index_html(after).encode())
    size = sum(path.stat().st_size for path in config.out.glob("*.html")) / 1e6
    say(f"{config.out}: {len(after.entries)} neurons, {len(written)} written now, {size:.1f} MB in all")


def _convention(dataset: Dataset, named: str | None) -> SignConvention:
    possible = conventions(dataset)
    convention = SignConvention(named) if named else possible[0]
    if convention not in possible:
        raise BadSettings(f"--sign-convention {named}: the signs of {dataset.folder} are unknown; leave it out")
    return convention


def _existing(folder: Path, wanted: Site) -> Site:
    """The site that is there, if it is of the same model in the same convention."""
    path = folder / LIST_NAME
    if not path.exists():
        strangers = sorted(each.name for each in folder.iterdir() if not each.name.startswith("."))
        if (folder / INDEX_NAME).exists():
            raise ResumeRefused(f"{folder} holds another site ({strangers[0]}): choose another folder for --out")
        return wanted
    found = Site.from_json(path.read_bytes(), str(path))
    if not found.same_kind(wanted):
        raise ResumeRefused(
            f"{folder} is a site of {found.model} in {found.convention.value} signs, and this would be another, of "
            f"{wanted.model} in {wanted.convention.value} signs, or of other texts: choose another folder for --out"
        )
    return found


def _that_gain_links(dataset: Dataset, there: set[NeuronId], new: set[NeuronId]) -> list[NeuronId]:
    """Pages that name a neuron which has a page now and had none; of those that this dataset can write again."""
    if not dataset.has(WEIGHTS_TABLE.name) or not new:
        return []
    gaining = []
    for neuron in sorted(there & set(neurons_in(dataset, WINDOWS_TABLE.name))):
        related = dataset.weights(*neuron).related
        if new & set(map(NeuronId, related["layer"].tolist(), related["neuron"].tolist())):
            gaining.append(neuron)
    return gaining


def _write_pages(
    folder: Path, dataset: Dataset, convention: SignConvention, neurons: tuple[NeuronId, ...], around: Surroundings
) -> list[Entry]:
    texts, entries = token_texts(dataset), []
    with step_bar("pages", len(neurons)) as bar:
        for neuron in neurons:
            view = NeuronView.of(dataset, neuron, convention)
            write_whole(folder / file_name(neuron), page_html(view, texts, around).encode())
            entries.append(Entry.of(view))
            bar.update()
    return entries

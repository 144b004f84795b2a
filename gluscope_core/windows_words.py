"""What is said where a dataset has no examples of a neuron, or has them without the activations around them."""

import shlex
from pathlib import Path

from gluscope_core.dataset import Dataset
from gluscope_core.discover import FOLDERS_VARIABLE
from gluscope_core.neuron_view import NeuronView
from gluscope_core.places import Folder, is_hub_id
from gluscope_core.schema import TEXTS_TABLE
from gluscope_core.vocabulary import Coordinates, SignConvention


def how_to_compute(view: NeuronView) -> tuple[str, ...]:
    """The commands, in order. What lies on the Hub has to be here first."""
    dataset = view.dataset
    texts = () if dataset.has(TEXTS_TABLE.name) and dataset.manifest.run else ("--texts", "TEXTS")
    return (
        *_how_to_fetch(dataset),
        _command("examples", _named(dataset), "--neurons", str(view.id), *texts, *_model(dataset)),
    )


def how_to_compute_lists(view: NeuronView) -> tuple[str, ...]:
    """The commands that compute examples of the neuron's layer in a dataset of their own, on the same texts, counted
    and signed alike."""
    dataset, run = view.dataset, view.dataset.manifest.run
    has_texts = dataset.has(TEXTS_TABLE.name)
    settings: list[str] = []
    if run:
        settings += ["--skip-first", str(run.skip_first)] * (run.skip_first > 0)
        settings += ["--sign-convention", run.sign_convention] * (run.sign_convention is not SignConvention.ALIGNED)
        settings += ["--coordinates", run.coordinates] * (run.coordinates is not Coordinates.NORM_FOLDED)
    texts = f"{_named(dataset)}/{TEXTS_TABLE.name}" if has_texts else "TEXTS"
    run_it = ("run", *_model(dataset), "--texts", texts, "--layers", str(view.id.layer), *settings, "--out", "DIR")
    return (*(_how_to_fetch(dataset) if has_texts else ()), _command(*run_it))


def how_to_open(folder: str) -> str:
    return f"{FOLDERS_VARIABLE}={folder} make app"


def _how_to_fetch(dataset: Dataset) -> tuple[str, ...]:
    if isinstance(dataset.place, Folder):
        return ()
    return (f"hf download {dataset.name} --repo-type dataset --local-dir {_named(dataset)}",)


def _named(dataset: Dataset) -> str:
    """Its folder, as a command in the folder where the dashboard runs has to name it; elsewhere by its name alone,
    since a page is for anybody and says nothing of the machine."""
    if not isinstance(dataset.place, Folder):
        return dataset.name.rsplit("/", 1)[-1]
    folder, here = dataset.place.path.resolve(), Path.cwd()
    return str(folder.relative_to(here)) if folder.is_relative_to(here) else dataset.name


def _model(dataset: Dataset) -> tuple[str, ...]:
    """By its id where that is all that is needed: else it may be words, and is for the reader to fill in."""
    model = dataset.manifest.model
    if not is_hub_id(model.id) or model.quantisation:
        return "--model", "MODEL"
    return "--model", model.id, *(("--revision", model.revision) if model.revision else ())


def _command(*words: str) -> str:
    return shlex.join(("python", "-m", "compute", *words))

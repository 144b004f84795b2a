"""What is said where a dataset has examples without the activations around them."""

from gluscope_core.neuron_view import NeuronView
from gluscope_core.places import Folder


def how_to_compute(view: NeuronView) -> tuple[str, ...]:
    """The commands, in order. What lies on the Hub has to be here first, in a folder of its name: what is added there
    is found by it."""
    dataset, here = view.dataset, isinstance(view.dataset.place, Folder)
    fetched = dataset.name.rsplit("/", 1)[-1]
    compute = f"python -m compute examples {fetched} --neurons {view.id} --texts TEXTS --model MODEL"
    return (compute,) if here else (f"hf download {dataset.name} --repo-type dataset --local-dir {fetched}", compute)

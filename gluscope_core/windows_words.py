"""What is said where a dataset has examples without the activations around them."""

from gluscope_core.neuron_view import NeuronView
from gluscope_core.places import Folder


def how_to_compute(view: NeuronView) -> tuple[str, ...]:
    """The commands, in order. What lies on the Hub has to be here first."""
    dataset, here = view.dataset, isinstance(view.dataset.place, Folder)
    fetched = "DIR" if not here else dataset.name
    compute = f"python -m compute examples {fetched} --neurons {view.id} --texts TEXTS --model MODEL"
    return (compute,) if here else (f"hf download {dataset.name} --repo-type dataset --local-dir DIR", compute)

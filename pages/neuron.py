"""One neuron: what its weights say, how often it is in each case, and the texts in which it is."""

from gluscope_core.neuron_view import NeuronView
from gluscope_core.ui import neuron as parts
from gluscope_core.ui.examples import examples
from gluscope_core.ui.page import page_dataset, page_neuron

dataset = page_dataset()
neuron = page_neuron(dataset)
bar = parts.navigation(dataset, neuron)
with parts.where_data_would_be():
    view = NeuronView.of(dataset, neuron, parts.shown_convention(dataset))
    with bar:
        parts.downloads(view)
    parts.heading(view)
    parts.statistics(view)
    parts.vectors(view)
    examples(view)
    parts.related(view)

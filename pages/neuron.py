"""One neuron: what its weights say, how often it is in each case, and the texts in which it is."""

from gluscope_core import ui_neuron
from gluscope_core.neuron_view import NeuronView
from gluscope_core.ui import page_dataset, page_neuron
from gluscope_core.ui_examples import examples

dataset = page_dataset()
neuron = page_neuron(dataset)
bar = ui_neuron.navigation(dataset, neuron)
with ui_neuron.where_data_would_be():
    view = NeuronView.of(dataset, neuron, ui_neuron.shown_convention(dataset))
    with bar:
        ui_neuron.downloads(view)
    ui_neuron.heading(view)
    ui_neuron.statistics(view)
    ui_neuron.vectors(view)
    examples(view)
    ui_neuron.related(view)

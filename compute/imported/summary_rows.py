"""The original's summary file as tables of ours: statistics and lists, without positions or texts."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from compute.imported.found import NEURONS_PATH, Found, Written, facts_from
from compute.imported.summary import Summary, read_summary
from compute.write import write_table
from gluscope_core.activations import activation
from gluscope_core.errors import ImportRefused
from gluscope_core.original.columns import example_rows, neuron_rows
from gluscope_core.original.names import SILU_REMARK, facts_of, goes_down_as_silu, model_of
from gluscope_core.records import ImportRecord, ModelFacts, ModelRecord
from gluscope_core.schema import EXAMPLES_TABLE, NEURONS, NEURONS_TABLE
from gluscope_core.vocabulary import Coordinates, ImportSource, SignConvention

_REMARK = (
    "Imported from the original program's summary. Of each case it kept the extreme of larger magnitude; text numbers "
    "are rows of the texts that it was run on."
)


def import_summary(path: Path, described: ModelRecord | None, convention: SignConvention | None) -> Found:
    summary = read_summary(path)
    remarks = [_REMARK]
    model = _model_of(summary, described)
    if model.activation is None and goes_down_as_silu(summary.least):
        model = replace(model, activation="silu")
        remarks.append(SILU_REMARK)
    record = ImportRecord(
        source=ImportSource.SUMMARY,
        files=1,
        fingerprint=summary.fingerprint,
        sign_convention=convention or summary.convention,
        coordinates=Coordinates.NORM_FOLDED,
        layers=tuple(range(summary.layers)),
        neurons=None,
        top_k=summary.top_k,
        window=None,
        remarks=tuple(remarks),
    )
    return Found(model, record, lambda staged: _write(staged, summary, model), path.stat().st_size)


def _model_of(summary: Summary, described: ModelRecord | None) -> ModelFacts:
    """The one that is given, or else what the folder's name says."""
    if described is None:
        name, _ = model_of("", summary.path.resolve().parent.name)
        return facts_of(name, summary.layers, summary.d_mlp)
    if (described.layers, described.d_mlp) != (summary.layers, summary.d_mlp):
        raise ImportRefused(
            f"{summary.path} is of {summary.layers} layers of {summary.d_mlp} neurons, --model {described.id} of "
            f"{described.layers} of {described.d_mlp}: give the model that the original ran"
        )
    return facts_from(described, described.id)


def _write(staged: Path, summary: Summary, model: ModelFacts) -> Written:
    act = activation(model.activation)
    layers = range(summary.layers)
    try:
        statistics = (neuron_rows(summary.rows(layer), NEURONS.names, act).cast(NEURONS) for layer in layers)
        files = [write_table(staged, NEURONS_PATH, NEURONS_TABLE, statistics)]
        for layer in layers:
            rows = example_rows(summary.rows(layer))
            files.append(write_table(staged, EXAMPLES_TABLE.path(layer), EXAMPLES_TABLE, [rows]))
    except pa.ArrowInvalid as error:
        raise ImportRefused(
            f"{summary.path} has numbers that no summary has ({error}): give what b_activations.py wrote"
        ) from error
    return files, None

"""The tables of a dataset as pyarrow schemas: the contract that computing and viewing share."""

from dataclasses import dataclass

import pyarrow as pa

from gluscope_core.columns import (
    NeuronColumn,
    SampleColumn,
    StrikingColumn,
    TextColumn,
    TokenColumn,
    VocabColumn,
    WeightColumn,
    WindowColumn,
)
from gluscope_core.vocabulary import (
    CASES,
    LISTS,
    QUANTITIES,
    Field,
    Role,
    Stat,
    count_column,
    freq_column,
    freq_se_column,
    post_in_column,
    stat_column,
)

FORMAT_VERSION = 1

LAYER, NEURON = "layer", "neuron"
COSINES = (NeuronColumn.COS_GATE_IN, NeuronColumn.COS_GATE_OUT, NeuronColumn.COS_IN_OUT)
NORMS = (NeuronColumn.NORM_GATE, NeuronColumn.NORM_IN, NeuronColumn.NORM_OUT)
ROLE_SCORES = (
    NeuronColumn.UNEMBED_VARIANCE,
    NeuronColumn.UNEMBED_SKEW,
    NeuronColumn.UNEMBED_KURTOSIS,
    NeuronColumn.MEAN_POST_SKEW,
    NeuronColumn.ENTROPY_SHARE,
    NeuronColumn.ENTROPY_SHARE_CHANCE,
    NeuronColumn.ATTENTION_NEXT_LAYER,
    NeuronColumn.ATTENTION_LATER_LAYERS,
)

_KEY = [pa.field(LAYER, pa.int32(), nullable=False), pa.field(NEURON, pa.int32(), nullable=False)]
_FIELD_TYPES = {Field.VALUES: pa.float32(), Field.INDICES: pa.int32(), Field.POSITIONS: pa.int32()}
# Extremes are values that were seen, so float32 holds them exactly; means and shares are computed in float64.
_STAT_TYPES = {Stat.MEAN: pa.float64(), Stat.STD: pa.float64(), Stat.MIN: pa.float32(), Stat.MAX: pa.float32()}


def _case_fields() -> list[pa.Field]:
    fields = []
    for case in CASES:
        fields += [
            pa.field(freq_column(case), pa.float64()),
            pa.field(freq_se_column(case), pa.float64()),
            pa.field(count_column(case), pa.int64()),
            pa.field(post_in_column(case), pa.float64()),
        ]
        fields += [
            pa.field(stat_column(case, quantity, stat), _STAT_TYPES[stat]) for quantity in QUANTITIES for stat in Stat
        ]
    return fields


# Columns of the neurons table that the stage `weights` fills; null until it has run.
WEIGHT_FIELDS = [
    *(pa.field(name, pa.float32()) for name in (*COSINES, *NORMS)),
    pa.field(NeuronColumn.IO_CLASS, pa.string()),
    pa.field(NeuronColumn.DOUBLE_CHECK, pa.float32()),
    pa.field(NeuronColumn.ROLE, pa.string()),
    *(pa.field(role.column, pa.bool_()) for role in Role),
    *(pa.field(name, pa.float32()) for name in ROLE_SCORES),
]

NEURONS = pa.schema(
    [
        *_KEY,
        pa.field(NeuronColumn.FLIPPED, pa.bool_()),
        pa.field(NeuronColumn.ZERO_COUNT, pa.int64()),
        pa.field(NeuronColumn.NONFINITE_COUNT, pa.int64()),
        *_case_fields(),
        pa.field(NeuronColumn.MEAN_GAIN, pa.float64()),
        pa.field(NeuronColumn.EFFECTIVE_IO, pa.float64()),
        pa.field(NeuronColumn.FIRST_GATE, pa.float32()),
        pa.field(NeuronColumn.FIRST_IN, pa.float32()),
        *WEIGHT_FIELDS,
    ]
)

EXAMPLES = pa.schema(
    [*_KEY, *(pa.field(each.column(field), pa.list_(_FIELD_TYPES[field])) for each in LISTS for field in Field)]
)

# Everything that a neuron's page shows of its lists, in few columns, since each column of each row group costs
# bytes in the footer. `list_sizes` has one number per list in schema order; values, indices, positions, starts
# and lengths have one entry per example; tokens, gate and in have `lengths` entries per example, end to end.
WINDOWS = pa.schema(
    [
        *_KEY,
        pa.field(WindowColumn.LIST_SIZES, pa.list_(pa.int16())),
        pa.field(WindowColumn.VALUES, pa.list_(pa.float32())),
        pa.field(WindowColumn.INDICES, pa.list_(pa.int32())),
        pa.field(WindowColumn.POSITIONS, pa.list_(pa.int32())),
        pa.field(WindowColumn.STARTS, pa.list_(pa.int32())),
        pa.field(WindowColumn.LENGTHS, pa.list_(pa.int16())),
        pa.field(WindowColumn.TOKENS, pa.list_(pa.int32())),
        pa.field(WindowColumn.GATE, pa.list_(pa.float16())),
        pa.field(WindowColumn.IN, pa.list_(pa.float16())),
    ]
)

SAMPLES = pa.schema(
    [
        *_KEY,
        pa.field(SampleColumn.GATE, pa.list_(pa.float32())),
        pa.field(SampleColumn.IN, pa.list_(pa.float32())),
        pa.field(SampleColumn.INDICES, pa.list_(pa.int32())),
        pa.field(SampleColumn.POSITIONS, pa.list_(pa.int32())),
    ]
)

# Packed as windows are: `token_sizes` has one number per list in the order of TOKEN_LISTS, and tokens, dots and
# cosines one entry per listed token; `related_sizes` one per relation, the others one per related neuron.
WEIGHTS = pa.schema(
    [
        *_KEY,
        pa.field(WeightColumn.TOKEN_SIZES, pa.list_(pa.int16())),
        pa.field(WeightColumn.TOKENS, pa.list_(pa.int32())),
        pa.field(WeightColumn.DOTS, pa.list_(pa.float16())),
        pa.field(WeightColumn.COSINES, pa.list_(pa.float16())),
        pa.field(WeightColumn.RELATED_SIZES, pa.list_(pa.int16())),
        pa.field(WeightColumn.RELATED_LAYERS, pa.list_(pa.int16())),
        pa.field(WeightColumn.RELATED_NEURONS, pa.list_(pa.int32())),
        pa.field(WeightColumn.RELATED_COSINES, pa.list_(pa.float16())),
    ]
)

# The way back, from token to neurons: one row per token, packed in the order of INDEX_LISTS. `values` holds cosines,
# and for firing lists the number of examples.
TOKENS = pa.schema(
    [
        pa.field(TokenColumn.TOKEN, pa.int32(), nullable=False),
        pa.field(TokenColumn.SIZES, pa.list_(pa.int16())),
        pa.field(TokenColumn.LAYERS, pa.list_(pa.int16())),
        pa.field(TokenColumn.NEURONS, pa.list_(pa.int32())),
        pa.field(TokenColumn.VALUES, pa.list_(pa.float16())),
    ]
)

# Cases that are rare and strong. `found` is the strongest |post| of the case over that of the neuron, in texts of even
# number, by which they were chosen; `again` the same in texts of odd number.
STRIKING = pa.schema(
    [
        pa.field(StrikingColumn.CASE, pa.string(), nullable=False),
        pa.field(StrikingColumn.RANK, pa.int32(), nullable=False),
        *_KEY,
        pa.field(StrikingColumn.FREQ, pa.float64()),
        pa.field(StrikingColumn.FOUND, pa.float32()),
        pa.field(StrikingColumn.AGAIN, pa.float32()),
    ]
)

TEXTS = pa.schema(
    [
        pa.field(TextColumn.INDEX, pa.int32(), nullable=False),
        pa.field(TextColumn.INPUT_IDS, pa.list_(pa.int32()), nullable=False),
        pa.field(TextColumn.TEXT, pa.string()),
        pa.field(TextColumn.SOURCE, pa.string()),
    ]
)

VOCAB = pa.schema(
    [
        pa.field(VocabColumn.ID, pa.int32(), nullable=False),
        pa.field(VocabColumn.BYTES, pa.binary()),
        pa.field(VocabColumn.DISPLAY, pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Table:
    """One table: its config name, its columns, and how many rows a reader fetches at once."""

    name: str
    schema: pa.Schema
    rows_per_group: int
    keyed_by_neuron: bool = True

    def path(self, layer: int) -> str:
        """File of a table that has one file per layer, zero-padded so that name order is row order."""
        return f"{self.name}/layer_{layer:03d}.parquet"


NEURONS_TABLE = Table("neurons", NEURONS, rows_per_group=50_000)
EXAMPLES_TABLE = Table("examples", EXAMPLES, rows_per_group=1_000)
WINDOWS_TABLE = Table("windows", WINDOWS, rows_per_group=3)
SAMPLES_TABLE = Table("samples", SAMPLES, rows_per_group=32)
WEIGHTS_TABLE = Table("weights", WEIGHTS, rows_per_group=32)
TOKENS_TABLE = Table("tokens", TOKENS, rows_per_group=64, keyed_by_neuron=False)
STRIKING_TABLE = Table("striking", STRIKING, rows_per_group=1_000, keyed_by_neuron=False)
TEXTS_TABLE = Table("texts", TEXTS, rows_per_group=64, keyed_by_neuron=False)
VOCAB_TABLE = Table("vocab", VOCAB, rows_per_group=50_000, keyed_by_neuron=False)

TABLES = {
    table.name: table
    for table in (
        NEURONS_TABLE,
        EXAMPLES_TABLE,
        WINDOWS_TABLE,
        SAMPLES_TABLE,
        WEIGHTS_TABLE,
        TOKENS_TABLE,
        STRIKING_TABLE,
        TEXTS_TABLE,
        VOCAB_TABLE,
    )
}


def describe() -> dict[str, list[str]]:
    """All tables as plain text, one line per column: what the golden file pins."""
    return {
        name: [f"{field.name}: {field.type}{'' if field.nullable else ' not null'}" for field in table.schema]
        for name, table in TABLES.items()
    }

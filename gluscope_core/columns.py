"""Names of the columns that do not derive from cases and quantities, one enum per table."""

from enum import StrEnum


class NeuronColumn(StrEnum):
    """Beside those per case, in `vocabulary.py`."""

    FLIPPED = "flipped"
    ZERO_COUNT = "zero_count"
    NONFINITE_COUNT = "nonfinite_count"
    MEAN_GAIN = "mean_gain"
    EFFECTIVE_IO = "effective_io"
    FIRST_GATE = "first_gate"
    FIRST_IN = "first_in"
    COS_GATE_IN = "cos_gate_in"
    COS_GATE_OUT = "cos_gate_out"
    COS_IN_OUT = "cos_in_out"
    NORM_GATE = "norm_gate"
    NORM_IN = "norm_in"
    NORM_OUT = "norm_out"
    IO_CLASS = "io_class"
    DOUBLE_CHECK = "double_check"
    ROLE = "role"
    UNEMBED_VARIANCE = "unembed_variance"
    UNEMBED_SKEW = "unembed_skew"
    UNEMBED_KURTOSIS = "unembed_kurtosis"
    MEAN_POST_SKEW = "mean_post_skew"
    ENTROPY_SHARE = "entropy_share"
    ENTROPY_SHARE_CHANCE = "entropy_share_chance"
    ATTENTION_NEXT_LAYER = "attention_next_layer"
    ATTENTION_LATER_LAYERS = "attention_later_layers"


class WindowColumn(StrEnum):
    LIST_SIZES = "list_sizes"
    VALUES = "values"
    INDICES = "indices"
    POSITIONS = "positions"
    STARTS = "starts"
    LENGTHS = "lengths"
    TOKENS = "tokens"
    GATE = "gate"
    IN = "in"


class SampleColumn(StrEnum):
    GATE = "gate"
    IN = "in"
    INDICES = "indices"
    POSITIONS = "positions"


class TextColumn(StrEnum):
    INDEX = "index"
    INPUT_IDS = "input_ids"
    TEXT = "text"
    SOURCE = "source"


class VocabColumn(StrEnum):
    ID = "id"
    BYTES = "bytes"
    DISPLAY = "display"


class WeightColumn(StrEnum):
    TOKEN_SIZES = "token_sizes"  # noqa: S105
    TOKENS = "tokens"
    DOTS = "dots"
    COSINES = "cosines"
    RELATED_SIZES = "related_sizes"
    RELATED_LAYERS = "related_layers"
    RELATED_NEURONS = "related_neurons"
    RELATED_COSINES = "related_cosines"


class TokenColumn(StrEnum):
    TOKEN = "token"  # noqa: S105
    SIZES = "sizes"
    LAYERS = "layers"
    NEURONS = "neurons"
    VALUES = "values"


class StrikingColumn(StrEnum):
    CASE = "case"
    RANK = "rank"
    FREQ = "freq"
    FOUND = "found"
    AGAIN = "again"

"""What the footers of the original's files say of all rows, so that listing a dataset need not fetch it."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gluscope_core.bounds import MOST_LAYERS
from gluscope_core.original.files import ParquetFiles
from gluscope_core.schema import LAYER, NEURON
from gluscope_core.vocabulary import CASES, ExampleList, Field, Quantity


@dataclass(frozen=True)
class Shape:
    layers: tuple[int, ...]
    width: int


def shape_said(files: ParquetFiles) -> Shape | None:
    """By the extremes of layer and neuron, if as many rows follow from them as there are. Whether each neuron is there
    once, the rows tell, when they are read."""
    layers: set[int] = set()
    for chunk in files.chunks(LAYER):
        if chunk.low is None or chunk.high is None or not 0 <= chunk.low <= chunk.high < MOST_LAYERS:
            return None
        layers.update(range(chunk.low, chunk.high + 1))
    last = [chunk.high for chunk in files.chunks(NEURON)]
    if not layers or not last or None in last:
        return None
    shape = Shape(tuple(sorted(layers)), max(each for each in last if each is not None) + 1)
    return shape if len(shape.layers) * shape.width == files.rows else None


def list_length(files: ParquetFiles) -> int:
    """All are of one length there, filled with zeros."""
    lists = files.chunks(ExampleList(CASES[0], Quantity.POST).column(Field.VALUES))
    return -(-sum(chunk.values for chunk in lists) // files.rows)


def least_said(files: ParquetFiles, name: str) -> float | None:
    """The least value in lists of float32; None where footers do not say."""
    if name not in files.schema.names or not _of_float32(files.schema.field(name).type):
        return None
    lows = [chunk.low for chunk in files.chunks(name)]
    if not lows or None in lows:
        return None
    return float(np.array(lows, dtype=np.int32).view(np.float32).min())


def _of_float32(kind: pa.DataType) -> bool:
    return (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and pa.types.is_float32(kind.value_type)

"""Reading what a GGUF file says of its model as transformers reads it, without its vocabulary where nobody asks for it:
the strings of that take seconds each time, and transformers reads them for the config, and again for the tokenizer."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from transformers import PretrainedConfig
from transformers.integrations.gguf.gguf_config_mapping import GGUF_CONFIG_ARCHS
from transformers.integrations.gguf.reader import read_gguf_metadata

_LENGTH = struct.Struct("<Q")


@contextmanager
def vocabulary_left_out() -> Iterator[None]:
    """While transformers reads a config."""
    whole, gguf.GGUFReader = gguf.GGUFReader, _Skimming
    try:
        yield
    finally:
        gguf.GGUFReader = whole


@contextmanager
def config_at_hand(path: Path, config: PretrainedConfig) -> Iterator[None]:
    """While transformers reads a tokenizer, for which it would read the config again."""
    architecture = read_gguf_metadata(str(path))[0]["general.architecture"]
    if architecture in GGUF_CONFIG_ARCHS:
        yield
        return
    GGUF_CONFIG_ARCHS[architecture] = lambda _metadata, _names: config.to_dict()
    try:
        yield
    finally:
        del GGUF_CONFIG_ARCHS[architecture]


class _Skimming(gguf.GGUFReader):
    """To whom the strings of a list are empty, but as many as there are, and lists of numbers are read at once."""

    def _get_field_parts(self, orig_offs: Any, raw_type: Any) -> Any:
        if raw_type != gguf.GGUFValueType.ARRAY or self.byte_order != "I":
            return super()._get_field_parts(orig_offs, raw_type)
        head = [self._get(orig_offs, np.uint32), self._get(orig_offs + 4, np.uint64)]
        kind, count = gguf.GGUFValueType(head[0][0]), int(head[1][0])
        end = int(orig_offs) + sum(part.nbytes for part in head)
        if kind == gguf.GGUFValueType.STRING:
            content: Any = self.data
            for _ in range(count):
                end += _LENGTH.size + _LENGTH.unpack_from(content, end)[0]
            return end - orig_offs, [*head, np.zeros(0, np.uint8)], [len(head)] * count, [raw_type, kind]
        if kind in self.gguf_scalar_to_np:
            values = np.asarray(self._get(end, self.gguf_scalar_to_np[kind], count)).reshape(-1, 1)
            parts = [*head, *values]
            return end + values.nbytes - orig_offs, parts, list(range(len(head), len(parts))), [raw_type, kind]
        return super()._get_field_parts(orig_offs, raw_type)

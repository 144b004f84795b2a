"""From pages to rows of our tables, with texts and a vocabulary of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from compute.imported.pages import Page, PageExample
from compute.rows import Ragged, table_of
from compute.windows import saturating_float16, window_bounds
from gluscope_core.activations import Activation
from gluscope_core.columns import WindowColumn
from gluscope_core.original.columns import extreme_stat
from gluscope_core.schema import EXAMPLES, LAYER, NEURON, NEURONS, TEXTS, VOCAB, WINDOWS
from gluscope_core.vocabulary import (
    CASES,
    LISTS,
    TOP_LISTS,
    Case,
    ExampleList,
    Field,
    Quantity,
    Stat,
    case_quantities,
    freq_column,
    stat_column,
)

_Key = tuple[tuple[str, ...], int]
"""A text is known by its tokens, and a number for those that one list has twice."""


@dataclass(frozen=True)
class _Entry:
    text: int
    example: PageExample


class PageRows:
    """Some pages of one model, sorted by layer and neuron."""

    def __init__(self, pages: Sequence[Page], act: Activation, window: int) -> None:
        """`window` tokens are kept around each example, as far as the page has them."""
        self._pages = sorted(pages, key=lambda page: page.table.neuron)
        self._act, self._window = act, window

    @property
    def neurons(self) -> tuple[tuple[int, int], ...]:
        return tuple((page.table.neuron.layer, page.table.neuron.neuron) for page in self._pages)

    @property
    def layers(self) -> tuple[int, ...]:
        return tuple(sorted({layer for layer, _ in self.neurons}))

    @property
    def longest_list(self) -> int:
        return max(len(examples) for page in self._pages for examples in page.lists.values())

    @cached_property
    def _texts(self) -> dict[_Key, int]:
        """Numbers of texts, as they come."""
        numbers: dict[_Key, int] = {}
        for page in self._pages:
            for examples in page.lists.values():
                for key in _text_keys(examples):
                    numbers.setdefault(key, len(numbers))
        return numbers

    @cached_property
    def _vocab(self) -> dict[str, int]:
        return {piece: number for number, piece in enumerate(sorted({each for key, _ in self._texts for each in key}))}

    @cached_property
    def text_ids(self) -> list[np.ndarray]:
        return [np.array([self._vocab[piece] for piece in key], dtype=np.int32) for key, _ in self._texts]

    def piece(self, token: int) -> str:
        return list(self._vocab)[token]

    def text_rows(self) -> pa.Table:
        strings = ["".join(key) for key, _ in self._texts]
        empty = pa.nulls(len(strings), pa.string())
        return pa.table([range(len(strings)), self.text_ids, strings, empty], schema=TEXTS)

    def vocab_rows(self) -> pa.Table:
        pieces = list(self._vocab)
        return pa.table([range(len(pieces)), [piece.encode() for piece in pieces], pieces], schema=VOCAB)

    def neuron_rows(self) -> pa.Table:
        columns: dict[str, np.ndarray] = {LAYER: self._ids(0), NEURON: self._ids(1)}
        for case in CASES:
            columns[freq_column(case)] = np.array([_frequency(page, case) for page in self._pages])
        for case, quantity in case_quantities():
            means = [page.table.means[case, quantity] for page in self._pages]
            extremes = [self._extreme(page, case, quantity) for page in self._pages]
            columns[stat_column(case, quantity, Stat.MEAN)] = np.array(means)
            columns[stat_column(case, quantity, extreme_stat(case, quantity))] = np.array(extremes)
        return table_of(NEURONS, {**columns}, len(self._pages))

    def _extreme(self, page: Page, case: Case, quantity: Quantity) -> float:
        """From the examples, since the table is rounded."""
        ranked = quantity in case.ranked
        examples = page.lists[ExampleList(case, quantity if ranked else Quantity.GATE)]
        if not examples:
            return np.nan
        return examples[0].value if ranked else float(np.float32(self._act(np.array(examples[0].value))))

    def example_rows(self, layer: int) -> pa.Table:
        pages = [page for page in self._pages if page.table.neuron.layer == layer]
        columns: dict[str, np.ndarray | Ragged] = self._keys(pages)
        for each in LISTS:
            entries = [self._entries(page).get(each, []) for page in pages]
            sizes = np.array([len(some) for some in entries])
            flat = [entry for some in entries for entry in some]
            content = {
                Field.VALUES: np.array([entry.example.value for entry in flat], dtype=np.float32),
                Field.INDICES: np.array([entry.text for entry in flat], dtype=np.int32),
                Field.POSITIONS: np.array([entry.example.position for entry in flat], dtype=np.int32),
            }
            columns |= {each.column(field): Ragged(values, sizes) for field, values in content.items()}
        return table_of(EXAMPLES, columns, len(pages))

    def window_rows(self, layer: int) -> pa.Table:
        pages = [page for page in self._pages if page.table.neuron.layer == layer]
        lists = [[self._entries(page).get(each, []) for each in LISTS] for page in pages]
        flat = [entry for of_page in lists for some in of_page for entry in some]
        per_page = np.array([sum(map(len, of_page)) for of_page in lists])
        position = np.array([entry.example.position for entry in flat], dtype=np.int64)
        length = np.array([len(entry.example.tokens) for entry in flat], dtype=np.int64)
        start, width = window_bounds(position, length, self._window)
        parts = [slice(int(a), int(a + n)) for a, n in zip(start, width, strict=True)]
        owner = np.repeat(np.arange(len(pages)), per_page)
        widths = np.bincount(owner, weights=width, minlength=len(pages)).astype(np.int64)
        tokens = [self.text_ids[entry.text][part] for entry, part in zip(flat, parts, strict=True)]
        gate = [entry.example.gate[part] for entry, part in zip(flat, parts, strict=True)]
        linear = [entry.example.linear[part] for entry, part in zip(flat, parts, strict=True)]
        columns: dict[str, np.ndarray | Ragged] = {
            **self._keys(pages),
            WindowColumn.LIST_SIZES: Ragged(
                np.array([len(some) for of_page in lists for some in of_page]), np.full(len(pages), len(LISTS))
            ),
            WindowColumn.VALUES: Ragged(np.array([entry.example.value for entry in flat]), per_page),
            WindowColumn.INDICES: Ragged(np.array([entry.text for entry in flat]), per_page),
            WindowColumn.POSITIONS: Ragged(position, per_page),
            WindowColumn.STARTS: Ragged(start, per_page),
            WindowColumn.LENGTHS: Ragged(width, per_page),
            WindowColumn.TOKENS: Ragged(_joined(tokens), widths),
            WindowColumn.GATE: Ragged(saturating_float16(_joined(gate)), widths),
            WindowColumn.IN: Ragged(saturating_float16(_joined(linear)), widths),
        }
        return table_of(WINDOWS, columns, len(pages))

    def _entries(self, page: Page) -> Mapping[ExampleList, list[_Entry]]:
        """With the numbers of texts; strongest first, of equals the lower number."""
        found = {}
        for each in TOP_LISTS:
            examples = page.lists[each]
            keys = _text_keys(examples)
            entries = [_Entry(self._texts[key], example) for key, example in zip(keys, examples, strict=True)]
            found[each] = sorted(entries, key=lambda entry: (-abs(entry.example.value), entry.text))
        return found

    def _ids(self, part: int) -> np.ndarray:
        return np.array([ids[part] for ids in self.neurons])

    @staticmethod
    def _keys(pages: Sequence[Page]) -> dict[str, np.ndarray | Ragged]:
        return {
            LAYER: np.array([page.table.neuron.layer for page in pages]),
            NEURON: np.array([page.table.neuron.neuron for page in pages]),
        }


def _text_keys(examples: Sequence[PageExample]) -> list[_Key]:
    keys: list[_Key] = []
    for example in examples:
        keys.append((example.tokens, sum(example.tokens == tokens for tokens, _ in keys)))
    return keys


def _frequency(page: Page, case: Case) -> float:
    """NaN where the page says 0.00 % of what does occur."""
    share = page.table.freq[case]
    return np.nan if share == 0 and page.lists[ExampleList(case, Quantity.GATE)] else share


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0)

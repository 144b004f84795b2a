"""Token ids to bytes and display strings, so that nobody needs the tokenizer to read a dataset."""

import json
import re

import numpy as np
import pyarrow as pa
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from gluscope_core.columns import VocabColumn
from gluscope_core.schema import VOCAB

VOCAB_PATH = "vocab.parquet"

_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")


def vocab_table(tokenizer: PreTrainedTokenizerBase | None, size: int) -> pa.Table:
    """One row per row of the embedding; those without a token, or all where there is no tokenizer, show their id."""
    pieces = token_bytes(tokenizer) if tokenizer is not None else {}
    content = [pieces.get(i) for i in range(size)]
    shown = [f"[{i}]" if piece is None else display(piece) for i, piece in enumerate(content)]
    return pa.table([range(size), content, shown], schema=VOCAB)


def used_ids(vocab: pa.Table) -> np.ndarray:
    """Those that a token uses; all where nobody knows the tokens."""
    used = np.asarray(vocab.column(VocabColumn.BYTES).is_valid())
    return np.flatnonzero(used) if used.any() else np.arange(len(used))


def display(piece: bytes) -> str:
    """The bytes as text, or, for a part of a character, in hexadecimal."""
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return "".join(f"<{byte:02X}>" for byte in piece)


def token_bytes(tokenizer: PreTrainedTokenizerBase) -> dict[int, bytes]:
    """What each token adds to a text, by the rules of the tokenizer's own decoder."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    decoder = json.loads(backend.to_str())["decoder"] if backend is not None else None
    byte_level = decoder is not None and "ByteLevel" in json.dumps(decoder)
    added = {token.content for token in tokenizer.added_tokens_decoder.values()}
    to_bytes = _from_byte_level if byte_level else _from_pieces
    return {
        number: token.encode() if token in added else to_bytes(token) for token, number in tokenizer.get_vocab().items()
    }


def _from_byte_level(token: str) -> bytes:
    """Byte-level BPE writes each byte as one printable character."""
    if all(character in _BYTE_OF for character in token):
        return bytes(_BYTE_OF[character] for character in token)
    return token.encode()


def _from_pieces(token: str) -> bytes:
    """SentencePiece writes a space as ▁ and a byte that has no token as <0xE2>."""
    match = _BYTE_TOKEN.fullmatch(token)
    return bytes([int(match[1], 16)]) if match else token.replace("▁", " ").encode()


def _byte_level_alphabet() -> dict[str, int]:
    """Printable bytes stand for themselves, the others follow from U+0100 on, in order."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}


_BYTE_OF = _byte_level_alphabet()

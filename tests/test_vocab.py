"""Token ids to bytes by the tokenizer's own rules, for the two families of tokenizers."""

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from compute.vocab import display, vocab_table

TEXT = "Ünïcödé naïve 東京 🙂 tabs\tand\nlines  twice"


def byte_level() -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend.train_from_iterator(
        [TEXT], trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    )
    return PreTrainedTokenizerFast(tokenizer_object=backend, additional_special_tokens=["<|end|>"])


def sentencepiece_like() -> PreTrainedTokenizerFast:
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "▁naïve", "a", "twice", "▁▁"]
    backend = Tokenizer(
        models.BPE({piece: i for i, piece in enumerate(pieces)}, [], byte_fallback=True, unk_token="<unk>")
    )
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    backend.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return PreTrainedTokenizerFast(tokenizer_object=backend)


def test_bytes_of_the_tokens_spell_the_text():
    for tokenizer in (byte_level(), sentencepiece_like()):
        vocab = vocab_table(tokenizer, len(tokenizer) + 3)
        pieces = vocab.column("bytes").to_pylist()
        ids = tokenizer(TEXT, add_special_tokens=False)["input_ids"]
        assert b"".join(pieces[i] for i in ids).decode() == TEXT
        assert pieces[-3:] == [None] * 3  # rows of the embedding that no token uses
        assert vocab.column("display").to_pylist()[-1] == f"[{len(tokenizer) + 2}]"


def test_added_tokens_are_themselves():
    tokenizer = byte_level()
    number = tokenizer.convert_tokens_to_ids("<|end|>")
    assert vocab_table(tokenizer, len(tokenizer)).column("bytes")[number].as_py() == b"<|end|>"


def test_part_of_a_character_is_shown_in_hexadecimal():
    assert display("é".encode()[:1]) == "<C3>"
    assert display(" é".encode()) == " é"

"""What a GGUF file says is read as transformers reads it, only sooner."""

import gguf
from transformers import AutoConfig, AutoTokenizer
from transformers.integrations.gguf import GGUF_CONFIG_ARCHS

from compute.models import find_model, load_config, load_tokenizer
from tests.test_oracle import smollm2  # noqa: F401  # a fixture


def test_config_and_tokenizer_are_those_that_transformers_makes(smollm2, monkeypatch):  # noqa: F811
    whole, known = gguf.GGUFReader, set(GGUF_CONFIG_ARCHS)
    named = {"gguf_file": smollm2.name}
    config, tokenizer = (kind.from_pretrained(smollm2.parent, **named) for kind in (AutoConfig, AutoTokenizer))
    monkeypatch.setattr(whole, "_get_str", counted := Counted(whole._get_str))
    source = find_model(str(smollm2), None)
    ours = load_config(source)
    told = {key: value for key, value in config.to_dict().items() if key != "_name_or_path"}
    assert {key: value for key, value in ours.to_dict().items() if key != "_name_or_path"} == told
    words = load_tokenizer(source, ours)
    assert words.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()
    assert words.special_tokens_map == tokenizer.special_tokens_map
    assert counted.calls < 1_000 < len(tokenizer)
    assert (gguf.GGUFReader, set(GGUF_CONFIG_ARCHS)) == (whole, known)


class Counted:
    def __init__(self, function) -> None:
        self.function, self.calls = function, 0

    def __get__(self, instance, _owner):
        def call(*given):
            self.calls += 1
            return self.function(instance, *given)

        return call


def test_a_vocabulary_that_gives_the_config_its_size(tmp_path):
    path = tmp_path / "tiny.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    for add, value in (
        (writer.add_context_length, 64),
        (writer.add_embedding_length, 16),
        (writer.add_block_count, 2),
        (writer.add_feed_forward_length, 24),
        (writer.add_head_count, 4),
        (writer.add_head_count_kv, 2),
        (writer.add_layer_norm_rms_eps, 1e-5),
        (writer.add_rope_dimension_count, 4),
    ):
        add(value)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["a", "", "ünï", "\u2008" * 300])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert load_config(find_model(str(path), None)).vocab_size == 4

"""The stage `texts`: from documents of every format to tokenised texts."""

import bz2
import gzip
import json
import lzma
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

import compute.texts as stage
from compute.chance import lots
from compute.cli import main
from compute.config import RunConfig, TextsConfig
from compute.durable import PROGRESS
from compute.run import run
from compute.sources import open_source
from compute.texts import texts
from compute.token_texts import ORIGIN_NAME, TextsOrigin, read_texts
from gluscope_core import errors, open_dataset
from gluscope_core.errors import BadSettings, DiskTooSmall, ResumeRefused, TextsUnusable
from tests.conftest import VOCAB, contents, tiny_llama

LETTERS = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJ.,é\n"
BOS, EOS = 1, 2
REAL_TEXTS = Path(__file__).parent.parent.parent / "shared" / "texts" / "dolma_prefixes.jsonl.xz"


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A tiny model whose tokens are letters, and whatever is no letter is unknown."""
    folder = tiny_llama(tmp_path_factory.mktemp("model") / "letters")
    vocabulary = {"<unk>": 0, "<s>": BOS, "</s>": EOS, **{letter: i + 3 for i, letter in enumerate(LETTERS)}}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    return str(folder)


DOCUMENTS = [{"text": f"text number {'abcdefghij'[i % 10] * (i % 23)}", "id": i, "tags": ["x"]} for i in range(300)]


def jsonl(documents: list) -> bytes:
    return "".join(json.dumps(each) + "\n" for each in documents).encode()


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def config(model, tmp_path):
    source = write(tmp_path / "source.jsonl", jsonl(DOCUMENTS))
    return TextsConfig(str(source), model, tmp_path / "out", max_length=20, tokens=10**9)


def rows(folder: Path) -> list[dict]:
    return pq.read_table(folder / "texts_000.parquet").to_pylist()


def ids_of(text: str) -> list[int]:
    return [LETTERS.index(letter) + 3 if letter in LETTERS else 0 for letter in text]


def test_every_text_is_its_document_after_bos_and_cut(config):
    texts(config)
    found = rows(config.out)
    assert len(found) == len(DOCUMENTS)
    for number, (row, document) in enumerate(zip(found, DOCUMENTS, strict=True)):
        assert row["input_ids"] == [BOS, *ids_of(document["text"])][:20]
        assert row["text"] == document["text"][:19]
        assert json.loads(row["source"]) == {
            "place": f"source.jsonl:{number}",
            "metadata": {"id": number, "tags": ["x"]},
        }
    origin = TextsOrigin.read(config.out)
    assert origin.tokens == sum(len(row["input_ids"]) for row in found)
    assert origin.cut == sum(len(each["text"]) > 19 for each in DOCUMENTS)
    assert origin.bos_policy.startswith("BOS, token 1,")


def test_long_documents_split(config):
    texts(replace(config, split_long=True))
    found = iter(rows(config.out))
    for document in DOCUMENTS:
        text = document["text"]
        parts = [text[i : i + 19] for i in range(0, len(text), 19)]
        for part in parts:
            row = next(found)
            assert row["input_ids"] == [BOS, *ids_of(part)]
            assert row["text"] == part
    assert next(found, None) is None
    assert TextsOrigin.read(config.out).cut == 0


@pytest.mark.parametrize("wanted", [1, 500, 3000])
def test_tokens_are_reached_and_no_document_more(config, wanted):
    texts(replace(config, tokens=wanted))
    lengths = {json.loads(row["source"])["metadata"]["id"]: len(row["input_ids"]) for row in rows(config.out)}
    total = sum(lengths.values())
    assert total >= wanted
    # The last one taken is the one with the highest lot: without it the number is not reached.
    last = max(lengths, key=lambda number: lots(np.array([number]), config.seed))
    assert total - lengths[last] < wanted


def test_the_sample_is_uniform_and_the_seed_s_alone(config, tmp_path):
    taken = np.zeros(len(DOCUMENTS))
    for seed in range(40):
        texts(replace(config, tokens=1500, seed=seed, out=tmp_path / str(seed)))
        taken[[json.loads(row["source"])["metadata"]["id"] for row in rows(tmp_path / str(seed))]] += 1
    share = taken.mean() / 40
    # 300 binomial counts: their spread is that of independent choices, and no third is favoured.
    assert taken.var() == pytest.approx(40 * share * (1 - share), rel=0.35)
    assert [part.mean() for part in np.split(taken, 3)] == pytest.approx([taken.mean()] * 3, rel=0.12)
    texts(replace(config, tokens=1500, seed=7, out=tmp_path / "again"))
    assert contents(tmp_path / "again") == contents(tmp_path / "7")


def as_parquet(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(DOCUMENTS), path, row_group_size=37)
    return path


FORMATS = {
    "a.jsonl": lambda path: write(path, jsonl(DOCUMENTS)),
    "a.ndjson": lambda path: write(path, jsonl(DOCUMENTS).replace(b"\n", b"\r\n")),
    "a.json.gz": lambda path: write(path, gzip.compress(jsonl(DOCUMENTS))),
    "a.jsonl.xz": lambda path: write(path, lzma.compress(jsonl(DOCUMENTS))),
    "a.jsonl.bz2": lambda path: write(path, bz2.compress(jsonl(DOCUMENTS))),
    "a.parquet": as_parquet,
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same(config, name, tmp_path):
    texts(config)
    texts(replace(config, source=str(FORMATS[name](tmp_path / name)), out=tmp_path / "other"))
    for ours, theirs in zip(rows(tmp_path / "other"), rows(config.out), strict=True):
        assert (ours["input_ids"], ours["text"]) == (theirs["input_ids"], theirs["text"])


def test_a_folder_is_read_in_the_order_of_names_with_text_files_whole(config, tmp_path):
    folder = tmp_path / "folder"
    write(folder / "b" / "two.txt", b"second\nfile")
    write(folder / "a.txt", b"first")
    write(folder / "c.jsonl", jsonl(DOCUMENTS[:2]))
    write(folder / ".hidden.txt", b"no")
    write(folder / "picture.png", b"no")
    texts(replace(config, source=str(folder)))
    places = [json.loads(row["source"])["place"] for row in rows(config.out)]
    assert places == ["a.txt", "b/two.txt", "c.jsonl:0", "c.jsonl:1"]
    assert rows(config.out)[1]["text"] == "second\nfile"


def test_odd_text_survives(config, tmp_path):
    odd = [
        "",
        " \n\t ",
        "a" * 5000,
        "\ud800 half a pair",
        "שלום عليكم",
        "a\u200bb",
        "ab" * 10_000,
        "\x00",
        "𝒳é",
        None,
        7,
    ]
    content = jsonl([{"text": each, "note": "\udc00"} for each in odd])
    content += b'{"text": "broken\n' + b'{"text": "bad \xff\xfe bytes"}\n[1]\n\n'
    texts(replace(config, source=str(write(tmp_path / "odd.jsonl", content))))
    found = [row["text"] for row in rows(config.out)]
    origin = TextsOrigin.read(config.out)
    assert (origin.empty, origin.unreadable) == (1, 4)
    assert len(found) == len(odd) - 3 + 1
    assert "\ufffd half a pair" in found
    assert "bad \ufffd\ufffd bytes" in found
    assert all(len(row["input_ids"]) <= 20 for row in rows(config.out))


def test_a_parquet_column_that_is_no_utf8(config, tmp_path):
    raw = pa.array([b"fine", b"\xffbad", None], pa.binary())
    strings = pa.StringArray.from_buffers(3, raw.buffers()[1], raw.buffers()[2], raw.buffers()[0])
    pq.write_table(pa.table({"text": strings}), tmp_path / "bad.parquet")
    texts(replace(config, source=str(tmp_path / "bad.parquet")))
    assert [row["text"] for row in rows(config.out)] == ["fine", "\ufffdbad"]


@pytest.mark.parametrize(
    ("choice", "first", "policy"), [("auto", [BOS], "BOS"), ("eos", [EOS], "EOS"), ("none", [], "none")]
)
def test_what_texts_begin_with(config, choice, first, policy):
    texts(replace(config, first_token=choice))
    assert rows(config.out)[5]["input_ids"] == [*first, *ids_of(DOCUMENTS[5]["text"])][:20]
    assert TextsOrigin.read(config.out).bos_policy.startswith(policy)


def test_a_tokenizer_without_bos_begins_with_eos(model):
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.bos_token = None
    assert stage.choose_start(tokenizer, "auto").ids == (EOS,)
    tokenizer.eos_token = None
    assert stage.choose_start(tokenizer, "auto").ids == ()
    with pytest.raises(BadSettings, match="no BOS"):
        stage.choose_start(tokenizer, "bos")


class Stopped(BaseException):
    """Stands for a kill."""


@pytest.mark.parametrize("after", [0, 1, 40, 150, 299])
def test_cut_off_and_repeated_gives_the_same_bytes(config, tmp_path, monkeypatch, after):
    config = replace(config, tokens=1500)
    monkeypatch.setattr(stage, "_AT_ONCE", 16)
    monkeypatch.setattr(stage, "_RECORDS_PER_CHECKPOINT", 32)
    texts(replace(config, out=tmp_path / "whole"))
    add, calls = stage.Sample.add, iter(range(10**6))

    def add_or_stop(self, document):
        if next(calls) == after:
            raise Stopped
        add(self, document)

    with monkeypatch.context() as patch:
        patch.setattr(stage.Sample, "add", add_or_stop)
        try:
            texts(config)
        except Stopped:
            assert not (config.out / ORIGIN_NAME).exists()
            if after >= 150:
                assert (config.out / PROGRESS / "sample").exists()
    texts(config)
    assert contents(config.out) == contents(tmp_path / "whole")
    texts(config)  # says that it is complete
    assert contents(config.out) == contents(tmp_path / "whole")


def test_stopped_by_a_signal_and_repeated_gives_the_same_bytes(config, tmp_path, monkeypatch):
    config = replace(config, tokens=1500)
    monkeypatch.setattr(stage, "_AT_ONCE", 16)
    texts(replace(config, out=tmp_path / "whole"))
    add, calls = stage.Sample.add, iter(range(10**6))

    def add_and_ask_to_stop(self, document):
        if next(calls) == 20:
            os.kill(os.getpid(), signal.SIGTERM)
        add(self, document)

    monkeypatch.setattr(stage.Sample, "add", add_and_ask_to_stop)
    with pytest.raises(errors.Stopped, match="SIGTERM: 32 documents are seen"):
        texts(config)
    texts(config)
    assert contents(config.out) == contents(tmp_path / "whole")


def test_refusals(config, tmp_path, capsys):
    texts(config)
    with pytest.raises(ResumeRefused, match=r"tokens was 1000000000, is 5"):
        texts(replace(config, tokens=5))
    with pytest.raises(TextsUnusable, match=r"no column 'body'.*text"):
        texts(replace(config, text_column="body", out=tmp_path / "b"))
    with pytest.raises(TextsUnusable, match="holds no texts"):
        texts(replace(config, source=str(write(tmp_path / "p" / "x.png", b"").parent), out=tmp_path / "c"))
    with pytest.raises(TextsUnusable, match="none of 1 documents has text"):
        texts(replace(config, source=str(write(tmp_path / "e.jsonl", jsonl([{"text": ""}]))), out=tmp_path / "d"))
    with pytest.raises(TextsUnusable, match="cannot be read"):
        texts(replace(config, source=str(write(tmp_path / "e.jsonl.gz", b"no gzip")), out=tmp_path / "e"))
    with pytest.raises(BadSettings, match="leaves no room"):
        texts(replace(config, max_length=1, out=tmp_path / "f"))
    command = ["texts", str(config.source), "--model", config.model, "--out", str(tmp_path / "g"), "--tokens", "0"]
    assert main(command) == 2
    assert "--tokens 0" in capsys.readouterr().err


def test_a_disk_that_is_too_small_for_texts(config, monkeypatch):
    monkeypatch.setattr("compute.room.shutil.disk_usage", lambda _: type("Usage", (), {"free": 100}))
    with pytest.raises(DiskTooSmall, match=r"has room for 100 bytes, and this takes about .*: choose a folder"):
        texts(config)


def test_a_source_that_has_changed_is_another(config):
    texts(config)
    Path(config.source).write_bytes(jsonl(DOCUMENTS[:-1]))
    with pytest.raises(ResumeRefused, match="source_files was"):
        texts(config)


def test_a_source_that_is_nowhere(config, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(TextsUnusable, match="nobody/nothing: neither a file or folder here, nor a dataset on the Hub"):
        open_source(replace(config, source="nobody/nothing"))


class _Failing:
    """A stream from the Hub that breaks off once, after some documents."""

    column_names = ("text",)

    def __init__(self, after: int) -> None:
        self.after: int | None = after

    def shuffle(self, **_: object) -> "_Failing":
        return self

    def __iter__(self) -> Iterator[dict]:
        for number, document in enumerate(DOCUMENTS):
            if number == self.after:
                self.after = None
                raise ConnectionError("reset by peer\nand more")
            yield document


class _Api:
    def dataset_info(self, *_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(sha="a" * 40, card_data=None)


def test_a_hub_that_fails_midway(config, tmp_path, monkeypatch):
    stream = _Failing(after=200)
    monkeypatch.setattr("huggingface_hub.HfApi", _Api)
    monkeypatch.setattr("datasets.load_dataset", lambda *_, **__: stream)
    monkeypatch.setattr(stage, "_AT_ONCE", 16)
    monkeypatch.setattr(stage, "_RECORDS_PER_CHECKPOINT", 32)
    config = replace(config, source="some/texts", tokens=1500)
    said = r"some/texts: its document 200 cannot be read \(reset by peer\): wait, and repeat the command"
    with pytest.raises(TextsUnusable, match=said):
        texts(config)
    assert (config.out / PROGRESS / "sample").exists()
    texts(config)
    texts(replace(config, out=tmp_path / "whole"))
    assert contents(config.out) == contents(tmp_path / "whole")


def test_run_takes_over_where_texts_come_from(config, model, tmp_path):
    texts(replace(config, licence="CC0-1.0", tokens=400))
    run(RunConfig(model, config.out, tmp_path / "dataset", top_k=2, random_k=1, window=4, samples=8))
    dataset = open_dataset(tmp_path / "dataset")
    said = dataset.manifest.texts
    assert (said.id, said.licence, said.tokenizer) == ("source.jsonl", "CC0-1.0", Path(model).name)
    assert said.bos_policy.startswith("BOS, token 1,")
    assert said.cut == TextsOrigin.read(config.out).cut
    assert json.loads(dataset.text(0)["source"])["place"].startswith("source.jsonl:")


def test_on_real_texts(config):
    if not REAL_TEXTS.exists():
        pytest.skip(f"SKIPPED for want of {REAL_TEXTS.name}: `texts` on real web texts")
    config = replace(config, source=str(REAL_TEXTS), tokens=200_000, max_length=300)
    texts(config)
    found = read_texts(config.out)
    assert 200_000 <= found.lengths.sum() < 200_300
    assert found.lengths.max() == 300
    assert found.ids.max() < VOCAB

"""The least that any program has to do that runs a model over texts: load it, and feed it the batches.

    python -m benchmarks.bare model.gguf texts.parquet

In a process of its own, beside `python -m compute run`."""

import sys
from pathlib import Path

import torch
from transformers import AutoModel

from compute.batches import batches_of, plan_batches
from compute.token_texts import read_texts

BATCH_TOKENS = 4096


def main(model: Path, texts: Path) -> None:
    decoder = AutoModel.from_pretrained(
        model.parent, gguf_file=model.name, dtype=torch.float32, attn_implementation="sdpa"
    ).eval()
    given = read_texts(texts)
    with torch.inference_mode():
        for batch in batches_of(given, plan_batches(given.lengths, BATCH_TOKENS, seed=0), skip_first=0, seed=0):
            decoder(input_ids=batch.ids, use_cache=False)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))

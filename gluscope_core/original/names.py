"""What a dataset's card and name say: which model, and whether its signs were aligned."""

import re
from dataclasses import replace

from gluscope_core.records import ModelFacts
from gluscope_core.vocabulary import SignConvention

_SUFFIX = "_neuron-activations"
_NEGATED = re.compile(r"(?<![a-z])(?:not|un|non|without|no)[\W_]*(?:\w+\s+)?$", re.IGNORECASE)


def unknown_model(name: str, layers: int, d_mlp: int) -> ModelFacts:
    """Of which nothing is known but its name and shape."""
    return ModelFacts(name, None, None, None, layers, None, d_mlp, None, None, None, None, None)


KNOWN_MODELS = (
    replace(
        unknown_model("allenai/OLMo-7B-0424-hf", 32, 11008),
        architecture="olmo", d_model=4096, vocab_size=50304, context=4096, activation="silu",
    ),
    replace(
        unknown_model("google/gemma-2-2b", 26, 9216),
        architecture="gemma2", d_model=2304, vocab_size=256000, context=8192, activation="gelu_pytorch_tanh",
    ),
    replace(
        unknown_model("meta-llama/Llama-3.2-3B", 28, 8192),
        architecture="llama", d_model=3072, vocab_size=128256, context=131072, activation="silu",
    ),
)  # fmt: skip
"""Those that the original's author published datasets or pages of."""
SILU_REMARK = "That act is SiLU is concluded from its values, which no other known function has."
_ONLY_SILU = -0.18
"""Of the activation functions known here only SiLU goes further down than this: to -0.278."""
_SAID_ELSEWHERE = {"OLMo-7B-0424-hf_neuron-activations"}
"""Datasets that are refactored by what the README of the original program says."""


def short_name(model: str) -> str:
    """By which models are compared: without owner, and as the original names folders, without `-hf`."""
    return model.rsplit("/", 1)[-1].removesuffix("-hf").casefold()


def known_model(model: str) -> ModelFacts | None:
    return next((each for each in KNOWN_MODELS if short_name(each.id) == short_name(model)), None)


def model_of(card: str, label: str) -> tuple[str, bool]:
    """The model's id, and whether card or name say it; else the name is all there is."""
    tail = label.rsplit("/", 1)[-1]
    named = tail.removesuffix(_SUFFIX)
    if known := known_model(named):
        return known.id, True
    in_card = {each.id for each in KNOWN_MODELS if each.id.casefold() in card.casefold()}
    if len(in_card) == 1:
        return in_card.pop(), True
    return named, named != tail


def facts_of(model: str, layers: int, d_mlp: int) -> ModelFacts:
    """What is known of a model of that shape."""
    known = known_model(model)
    if known is not None and known.layers >= layers and known.d_mlp == d_mlp:
        return replace(known, id=model)
    return unknown_model(model, layers, d_mlp)


def goes_down_as_silu(least_act: float) -> bool:
    return least_act < _ONLY_SILU


def convention_of(label: str, *said_in: str) -> SignConvention:
    """Aligned where a name or the card say that the model's GLUs were refactored."""
    if label.rsplit("/", 1)[-1] in _SAID_ELSEWHERE:
        return SignConvention.ALIGNED
    texts = (label, *said_in)
    before = (text[: match.start()] for text in texts for match in re.finditer("refactor", text, re.IGNORECASE))
    refactored = [not _NEGATED.search(each[-40:]) for each in before]
    return SignConvention.ALIGNED if refactored and all(refactored) else SignConvention.UNKNOWN

"""What a dataset was made from and by, as names and values, and what to cite."""

from gluscope_core.manifest import Manifest
from gluscope_core.original.words import provenance_of
from gluscope_core.records import EnvironmentRecord, RunRecord, TextsRecord


def provenance(manifest: Manifest) -> list[tuple[str, str]]:
    """Where the data come from, as names and values."""
    model = manifest.model
    width = "not known" if model.d_model is None else f"{model.d_model:,}"
    texts = "not in it" if manifest.imported else "none: weights only"
    return [
        ("model", model.id),
        ("revision", model.revision or ("not recorded" if manifest.imported else "a local copy")),
        ("fingerprint of its files", model.fingerprint or "–"),
        ("quantisation", model.quantisation or ("not recorded" if manifest.imported else "none")),
        ("computed in", model.dtype or "not recorded"),
        ("shape", f"{model.layers} layers × {model.d_mlp:,} neurons, width {width}, {model.architecture or 'unknown'}"),
        ("layers here", _ranges(manifest.layers)),
        *provenance_of(manifest.imported),
        *(_of_texts(manifest.texts) if manifest.texts else [("texts", texts)]),
        *(_of_run(manifest.run) if manifest.run else []),
        ("stages", ", ".join(manifest.stages)),
        *(_of_environment(manifest.environment) if manifest.environment else []),
        ("manifest's SHA-256", manifest.sha256),
    ]


def counted(manifest: Manifest) -> str | None:
    """The denominator of frequencies, in words; None where it is not known."""
    texts, run = manifest.texts, manifest.run
    if not texts or not run:
        return None
    first = "position 0" if run.skip_first == 1 else f"positions 0 to {run.skip_first - 1}"
    skipped = f", {first} of each left out" if run.skip_first else ""
    return f"{run.counted_tokens:,} tokens of {texts.texts:,} texts{skipped}"


def counted_on(manifest: Manifest) -> str:
    """In a line: what a neuron's figures were counted on, and of which model they are."""
    texts, model = manifest.texts, manifest.model
    parts = [f"Counted on {words}" if (words := counted(manifest)) else None]
    parts += [f"texts {texts.id}{_at(texts.revision)}", texts.bos_policy] if texts else []
    parts += ["activations by the original program"] if manifest.imported else []
    parts += [f"model {model.id}{_at(model.revision)}"]
    parts += [f"dequantised from {model.quantisation}"] if model.quantisation else []
    return " · ".join(part for part in parts if part)


def _at(revision: str | None) -> str:
    return f" at {revision[:10]}" if revision else ""


def _of_environment(made: EnvironmentRecord) -> list[tuple[str, str]]:
    return [
        ("software", f"GLUScope {made.gluscope}, Python {made.python}, PyTorch {made.torch}"),
        ("libraries", f"Transformers {made.transformers}, PyArrow {made.pyarrow}"),
        ("device", f"{made.device}, {made.threads} threads"),
    ]


def _of_texts(texts: TextsRecord) -> list[tuple[str, str]]:
    return [
        ("texts", texts.id),
        ("revision of texts", texts.revision or "–"),
        ("licence of texts", texts.licence or "not recorded: see the dataset's card"),
        ("counts", f"{texts.texts:,} texts, {texts.tokens:,} tokens run; {texts.cut:,} cut, {texts.empty:,} empty"),
        ("tokenizer", texts.tokenizer or "none"),
        ("first token", texts.bos_policy),
        ("fingerprint of token ids", texts.fingerprint),
    ]


def _of_run(run: RunRecord) -> list[tuple[str, str]]:
    plan = f"{run.batches:,} batches of {run.batch_tokens:,} tokens, plan {run.batch_plan[:12]}…"
    return [("seed", str(run.seed)), ("batches", plan + (", compiled" if run.compiled else ", eager"))]


def _ranges(layers: tuple[int, ...]) -> str:
    whole = layers == tuple(range(layers[0], layers[-1] + 1)) if layers else False
    return f"{layers[0]} to {layers[-1]}" if whole and len(layers) > 1 else ", ".join(map(str, layers))


CITATIONS = """@misc{gerstner2026gluscope,
  title  = {{GLUScope}: A Tool for Analyzing {GLU} Neurons in Transformer Language Models},
  author = {Sebastian Gerstner and Hinrich Sch{\\"u}tze},
  year   = {2026},
  eprint = {2602.23826},
  archivePrefix = {arXiv}
}

@misc{gerstner2025gated,
  title  = {Understanding Gated Neurons in Transformers from Their Input-Output Functionality},
  author = {Sebastian Gerstner and Hinrich Sch{\\"u}tze},
  year   = {2025}
}"""

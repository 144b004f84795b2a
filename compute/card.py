"""The dataset card, `README.md`: what the Hub and `load_dataset` read, and what a person reads first."""

import re

from huggingface_hub import DatasetCard, DatasetCardData

from gluscope_core.manifest import Manifest
from gluscope_core.methods_provenance import CITATIONS
from gluscope_core.schema import NEURONS_TABLE, TABLES

_NO_ID_YET = "path/of/this/dataset"
_UNKNOWN_MODEL_LICENCE = "see the model's own page"
_LICENCES = re.compile(
    r"apache-2\.0|mit|bsd(-[23]-clause(-clear)?)?|isc|unlicense|wtfpl|zlib|[al]?gpl(-[23]\.[01])?|mpl-2\.0|cc|cc0-1\.0|"
    r"cc-by(-nc)?(-[ns][da])?-[2-4]\.[05]|gfdl|odbl|odc-by|pddl|cdla-(sharing-1|permissive-[12])\.0|c-uda|llama[23].*|gemma"
)
"""Those of the Hub's identifiers that texts, or their models, come under."""

_CARD = """
# {title} of {model}

{what}
- **Layers recorded**: {recorded}.
- **Signs**: {convention}. A neuron does not change if w_in and w_out both change sign; column `flipped` says for
  which neurons ⟨w_gate, w_in⟩ < 0 in the model as it is. Where the two are nearly orthogonal, the sign is nearly
  arbitrary: prefer the frequency of x_gate > 0, act, or |post|.
- **Weights of the model**: {quantisation}.
- **Licences**: of the texts: {texts_licence}; of the model: {model_licence}.

```python
import datasets

neurons = datasets.load_dataset("{id}")["train"]  # add revision="…" to pin a commit
{example} = datasets.load_dataset("{id}", "{example}")["train"]
```

Each table is a config: {tables}.
With GLUScope itself, `gluscope_core.open_dataset("{id}")` reads one neuron's examples without
downloading the rest, and the dashboard shows them.

Column names `layer`, `neuron`, `{{case}}_freq`, `{{case}}_{{hook}}_mean`, `{{case}}_{{hook}}_max_values` and
`{{case}}_{{hook}}_max_indices` are those of the original GLUScope's datasets; hook_pre is x_gate, hook_pre_linear is
x_in, swish is act(x_gate), hook_post is act(x_gate)·x_in. `gluscope.json` says how everything was computed, and holds
a SHA-256 of each file.

```bibtex
{citations}
```
"""

_ACTIVATIONS = """For every gated neuron of **{model}** ({layers} layers of {d_mlp} neurons, {activation}), and
for each of the four sign cases of (x_gate, x_in): how often the case occurs, means and extremes of x_gate, x_in,
act(x_gate) and act(x_gate)·x_in, the {top_k} texts with the strongest values of each, {random_k} random ones, and the
activations around each. Computed by GLUScope on {texts} texts, {tokens} tokens, in {dtype}.

- **Denominator** of every frequency: {counted} tokens ({skip}). Their standard errors take
  texts as clusters.
- **Lists** hold the extremes of the very texts that frequencies come from, one entry per text: they show what a neuron
  does at its strongest, not what it usually does; for that there are the random ones.
- **First token** of the texts: {bos}.
- **Left out** because gate, in or post was not a finite number: {nonfinite} values (column `nonfinite_count`).
"""

_WEIGHTS = """What the weights of every gated neuron of **{model}** ({layers} layers of {d_mlp} neurons, {activation})
say: cosines and norms of w_gate, w_in and w_out, input-output class (threshold {threshold:g}), functional role, nearest
tokens, neighbours, and neurons that it reads from and is read by. Computed by GLUScope.
"""


_IMPORTED = """What the original GLUScope computed of {some} of **{model}**, imported: for each of the four sign cases
of (x_gate, x_in) how often it occurs, means and extremes of x_gate, x_in, act(x_gate) and act(x_gate)·x_in, and the
texts with the strongest values of each.

{remarks}
"""


def card(manifest: Manifest, model_licence: str = _UNKNOWN_MODEL_LICENCE) -> str:
    """Before anybody knows where the dataset will be published."""
    return f"---\n{_metadata(manifest).to_yaml()}\n---\n{_body(manifest, model_licence)}"


def completed(text: str, manifest: Manifest, repo_id: str, model_licence: str | None) -> str:
    """A card with the dataset's id; what somebody added to its metadata or its text is kept."""
    own = DatasetCard(text)
    generated = _metadata(manifest).to_dict()
    data = DatasetCardData(**{**generated, **own.data.to_dict(), "configs": generated["configs"]})
    body = own.text.replace(_NO_ID_YET, repo_id)
    if model_licence is not None:
        body = body.replace(_UNKNOWN_MODEL_LICENCE, model_licence)
    return f"---\n{data.to_yaml()}\n---\n{body}"


def _metadata(manifest: Manifest) -> DatasetCardData:
    licence, name = _licence(manifest.texts.licence if manifest.texts else None)
    return DatasetCardData(
        pretty_name=f"{_title(manifest)} of {manifest.model.id}",
        license=licence,
        license_name=name,
        size_categories=[_size_category(sum(record.rows for record in manifest.files_of(NEURONS_TABLE.name)))],
        task_categories=["other"],
        tags=["gluscope", "interpretability", "mechanistic-interpretability"],
        configs=[_config(name, manifest) for name in TABLES if manifest.files_of(name)],
    )


def _licence(named: str | None) -> tuple[str, str | None]:
    """The Hub knows some by an identifier; all others are `other`, with a name of their own."""
    if not named:
        return "unknown", None
    identifier = named.strip().lower()
    if _LICENCES.fullmatch(identifier):
        return identifier, None
    return "other", re.sub(r"[^a-z0-9.]+", "-", identifier).strip("-") or "see-below"


def _size_category(rows: int) -> str:
    bounds = [(10**3, "1K"), (10**4, "10K"), (10**5, "100K"), (10**6, "1M"), (10**7, "10M")]
    if rows < bounds[0][0]:
        return "n<1K"
    below = max(i for i, (bound, _) in enumerate(bounds[:-1]) if rows >= bound)
    return f"{bounds[below][1]}<n<{bounds[below + 1][1]}"


def _title(manifest: Manifest) -> str:
    return "Activations" if manifest.activations else "Weights"


def _body(manifest: Manifest, model_licence: str) -> str:
    model, layers = manifest.model, manifest.layers
    return _CARD.format(
        title=_title(manifest),
        model=model.id,
        what="\n".join(filter(None, (_activations(manifest), _imported(manifest), _weights(manifest)))),
        recorded="all" if len(layers) == model.layers else ", ".join(map(str, layers)),
        convention=manifest.sign_convention.value,
        quantisation=_quantisation(manifest),
        texts_licence=(manifest.texts.licence if manifest.texts else None) or "not recorded",
        model_licence=model_licence,
        example="examples" if manifest.files_of("examples") else "weights",
        id=_NO_ID_YET,
        tables=", ".join(f"`{name}`" for name in TABLES if manifest.files_of(name)),
        citations=CITATIONS.strip(),
    )


def _activations(manifest: Manifest) -> str:
    model, texts, run = manifest.model, manifest.texts, manifest.run
    if texts is None or run is None:
        return ""
    return _ACTIVATIONS.format(
        model=model.id,
        layers=model.layers,
        d_mlp=model.d_mlp,
        activation=model.activation,
        top_k=run.top_k,
        random_k=run.random_k,
        texts=f"{texts.texts:,}",
        tokens=f"{texts.tokens:,}",
        counted=f"{run.counted_tokens:,}",
        skip=f"the first {run.skip_first} of each text left out" if run.skip_first else "position 0 included",
        bos=texts.bos_policy,
        nonfinite=f"{manifest.nonfinite_values:,}",
        dtype=model.dtype,
    )


def _imported(manifest: Manifest) -> str:
    imported = manifest.imported
    if imported is None:
        return ""
    some = f"{manifest.neuron_count:,} gated neurons"
    return _IMPORTED.format(
        model=manifest.model.id, some=some, remarks="\n".join(f"- {each}" for each in imported.remarks)
    )


def _quantisation(manifest: Manifest) -> str:
    if manifest.imported:
        return "not recorded by the original program"
    model = manifest.model
    return f"dequantised from {model.quantisation}" if model.quantisation else "as published"


def _weights(manifest: Manifest) -> str:
    model = manifest.model
    if manifest.weights is None:
        return ""
    return _WEIGHTS.format(
        model=model.id,
        layers=model.layers,
        d_mlp=model.d_mlp,
        activation=model.activation,
        threshold=manifest.weights.threshold,
    )


def _config(name: str, manifest: Manifest) -> dict[str, object]:
    paths = {record.path for record in manifest.files_of(name)}
    pattern = f"{name}/*.parquet" if any("/" in path for path in paths) else next(iter(paths))
    default = {"default": True} if name == NEURONS_TABLE.name else {}
    return {"config_name": name, **default, "data_files": [{"split": "train", "path": pattern}]}

"""The dataset card, `README.md`: what the Hub and `load_dataset` read, and what a person reads first."""

from gluscope_core.manifest import Manifest
from gluscope_core.schema import TABLES

CARD_NAME = "README.md"
NOTICES_NAME = "NOTICES.txt"
"""Where there is one: the licences of the texts, word for word. Like the card it is no part of the manifest."""

_CARD = """---
configs:
{configs}
tags:
- gluscope
- interpretability
---

# {title} of {model}

{what}
- **Layers recorded**: {recorded}.
- **Signs**: {convention}. A neuron does not change if w_in and w_out both change sign; column `flipped` says for
  which neurons ⟨w_gate, w_in⟩ < 0 in the model as it is.
- **Weights**: {quantisation}.

```python
import datasets
neurons = datasets.load_dataset("path/of/this/dataset")["train"]
{example} = datasets.load_dataset("path/of/this/dataset", "{example}")["train"]
```

Column names `layer`, `neuron`, `{{case}}_freq`, `{{case}}_{{hook}}_mean`, `{{case}}_{{hook}}_max_values` and
`{{case}}_{{hook}}_max_indices` are those of the original GLUScope's datasets; hook_pre is x_gate, hook_pre_linear is
x_in, swish is act(x_gate), hook_post is act(x_gate)·x_in. `gluscope.json` says how everything was computed.
"""

_ACTIVATIONS = """For every gated neuron of **{model}** ({layers} layers of {d_mlp} neurons, {activation}), and
for each of the four sign cases of (x_gate, x_in): how often the case occurs, means and extremes of x_gate, x_in,
act(x_gate) and act(x_gate)·x_in, the {top_k} texts with the strongest values of each, {random_k} random ones, and the
activations around each. Computed by GLUScope on {texts} texts, {tokens} tokens, in {dtype}.

- **Denominator** of every frequency: {counted} tokens ({skip}).
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


def card(manifest: Manifest) -> str:
    model, layers = manifest.model, manifest.layers
    return _CARD.format(
        configs="\n".join(_config(name, manifest) for name in TABLES if manifest.files_of(name)),
        title="Activations" if manifest.activations else "Weights",
        model=model.id,
        what=_activations(manifest) + _imported(manifest) + _weights(manifest),
        recorded="all" if len(layers) == model.layers else ", ".join(map(str, layers)),
        convention=manifest.sign_convention.value,
        quantisation=_quantisation(manifest),
        example="examples" if manifest.files_of("examples") else "weights",
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


def _config(name: str, manifest: Manifest) -> str:
    paths = {record.path for record in manifest.files_of(name)}
    pattern = f"{name}/*.parquet" if any("/" in path for path in paths) else next(iter(paths))
    default = "\n  default: true" if name == "neurons" else ""
    return f"- config_name: {name}{default}\n  data_files:\n  - split: train\n    path: {pattern}"

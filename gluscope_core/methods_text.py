"""What every figure means, written for the dataset at hand: definitions, denominators, thresholds, provenance."""

from collections.abc import Callable
from dataclasses import dataclass

from gluscope_core.manifest import Manifest
from gluscope_core.markdown import code, escaped
from gluscope_core.neuron_view import how_to_get_weights
from gluscope_core.original.words import FIGURES, FREQUENCIES, lists_of
from gluscope_core.records import RolesRecord, RunRecord
from gluscope_core.vocabulary import Coordinates, SignConvention


@dataclass(frozen=True)
class Section:
    title: str
    text: str
    """Markdown with formulas."""


def sections(manifest: Manifest) -> list[Section]:
    written: tuple[tuple[str, Callable[[Manifest], str]], ...] = (
        ("Neuron, quantities, cases", _neuron),
        ("Frequencies and their errors", _frequencies),
        ("Figures within a case and over all tokens", _figures),
        ("Signs", _signs),
        ("Coordinates", _coordinates),
        ("Input-output classes", _classes),
        ("Roles by output", _roles),
        ("Examples, windows, samples", _lists),
        ("Correlations", lambda _: _CORRELATIONS),
        ("What is promised of numbers", lambda _: _PROMISES),
    )
    return [Section(title, write(manifest)) for title, write in written]


def _neuron(manifest: Manifest) -> str:
    left_out = "nobody knows how many" if manifest.imported else f"{manifest.nonfinite_values:,}"
    return rf"""
A gated neuron reads the residual stream $x$, after the norm that feeds the MLP, in two directions and writes in a
third:

$$
x_\text{{gate}} = \langle w_\text{{gate}}, x\rangle,\qquad
x_\text{{in}} = \langle w_\text{{in}}, x\rangle,\qquad
\text{{post}} = \phi(x_\text{{gate}})\, x_\text{{in}},\qquad
x \leftarrow x + \text{{post}}\cdot w_\text{{out}}
$$

with $\phi$ = {code(manifest.model.activation or "unknown")} in this model.

| quantity | meaning | in column names |
|---|---|---|
| gate | $x_\text{{gate}}$ | `hook_pre` |
| in | $x_\text{{in}}$ | `hook_pre_linear` |
| act | $\phi(x_\text{{gate}})$ | `swish`, whatever $\phi$ is |
| post | $\phi(x_\text{{gate}})\, x_\text{{in}}$ | `hook_post` |

A **case** is the pair of signs of gate and in, a quadrant of the plane:

| | gate− | gate+ |
|---|---|---|
| **in+** | gate− in+ | gate+ in+ |
| **in−** | gate− in− | gate+ in− |

A token whose gate or in is exactly 0 is in no case (`zero_count`); one whose gate, in or post is not a finite number is
left out of everything (`nonfinite_count`; {left_out} values of this dataset).
Neurons are written `layer.neuron`, both from 0.
"""


def _frequencies(manifest: Manifest) -> str:
    run, texts = manifest.run, manifest.texts
    if manifest.imported:
        return FREQUENCIES
    if run is None or texts is None:
        return "This dataset holds weights only: no text was run, and there are no frequencies."
    return rf"""
$$
f_c = \frac{{1}}{{N}}\sum_t c_t,\qquad
\operatorname{{se}}(f_c) = \frac1N\sqrt{{\frac{{T}}{{T-1}}\sum_t (c_t - f_c\, n_t)^2}}
$$

over $T$ texts, of which text $t$ has $n_t$ counted tokens, $c_t$ of them in the case, and $N = \sum_t n_t$.
Here **N = {run.counted_tokens:,} counted tokens** of {texts.texts:,} texts. {_skipped(run)}
{escaped(texts.bos_policy)}.

The error takes **texts as clusters**: tokens of one text resemble each other, so that the binomial error
$\sqrt{{f(1-f)/N}}$ is several times too small. It is an error of the choice of texts of this kind, not of the kind of
texts. The frequency of $x_\text{{gate}} > 0$ is the sum of its two cases. The covariance of two cases is not
recorded, so the error of a sum is given as the sum of both errors, which it cannot exceed.

The four frequencies sum to 1 but for zeros. Whatever correlates with one correlates with the others by construction.
"""


def _skipped(run: RunRecord) -> str:
    if run.skip_first == 0:
        return "Every token counts, the first of each text too."
    what = "Position 0 is" if run.skip_first == 1 else f"Positions 0 to {run.skip_first - 1} are"
    return f"{what} not counted, in any text."


def _figures(manifest: Manifest) -> str:
    if manifest.imported:
        return FIGURES
    return r"""
Within a case each quantity has its mean, population standard deviation, and true extremes. A case that never occurs has
frequency 0 and no figures. Over all counted tokens, whatever their case:

$$
\text{mean gain} = \frac{\mathbb{E}[\phi(x_\text{gate})\, x_\text{in}^2]}{\mathbb{E}[x_\text{in}^2]},\qquad
\text{effective IO} = \text{mean gain}\cdot\cos(w_\text{in}, w_\text{out})
$$

The mean gain is by how much the neuron multiplies what it reads along $w_\text{in}$; effective IO says whether it
writes that along what it read (> 0) or against it (< 0). Neither depends on signs (below).

mean |post| is $\sum_c f_c\,|\overline{\text{post}}_c|$, exact since post has one sign within a case; rms post is
$\big(\sum_c f_c\,(\overline{\text{post}}_c^2 + \sigma_c^2)\big)^{1/2}$; likewise for the other quantities.
"""


def _signs(manifest: Manifest) -> str:
    convention = {
        SignConvention.ALIGNED: "**aligned**: w_in and w_out of a neuron are turned where ⟨w_gate, w_in⟩ < 0, "
        "decided in float64 in the coordinates below",
        SignConvention.RAW: "**raw**: signs are the model's own",
        SignConvention.UNKNOWN: "**unknown**: the dataset does not say",
    }[manifest.sign_convention]
    flips = "The column `flipped` says where ⟨w_gate, w_in⟩ < 0 in the model as it is."
    if manifest.imported and (manifest.weights is None or manifest.sign_convention is SignConvention.UNKNOWN):
        flips = "For which neurons ⟨w_gate, w_in⟩ < 0 in the model as it is, is not known here."
    return f"""
A neuron computes the same if w_in and w_out both change sign. This dataset's convention is {convention}.
{flips}

Where w_gate and w_in are nearly orthogonal, which is common, the aligned sign is nearly arbitrary. What turns with it:
in+ ↔ in−, the signs of in and post (min ↔ max), cos(w_gate, w_in), cos(w_gate, w_out), the skewness of
cos(w_out, W_U), and the + and − token lists of w_in and w_out. What does not: gate, act, |in|, |post|, the frequency of
x_gate > 0, cos(w_in, w_out), mean gain, classes and roles. Prefer these; Explore marks the others with ±.
"""


def _coordinates(manifest: Manifest) -> str:
    effective = manifest.coordinates is Coordinates.EFFECTIVE
    here = (
        "**effective**: w_out is multiplied by the scale of a norm after the MLP, where there is one, and all three "
        "vectors are centred where norms are LayerNorms"
        if effective
        else "**folded**: w_out is as it is and nothing is centred"
    )
    centred = ""
    if manifest.weights:
        how = "its mean over the vocabulary is taken away" if manifest.weights.centred else "it is not centred"
        centred = f" W_U is multiplied by the scale of the last norm; {how}."
        centred += " W_E is the same matrix as W_U, unscaled." if manifest.weights.tied else ""
    return f"""
w_gate and w_in are multiplied by the scale of the norm that feeds the MLP (1 + w for Gemma's). This dataset is in
coordinates {here}.{centred}
"""


def _classes(manifest: Manifest) -> str:
    recorded = f"{manifest.weights.threshold:g}" if manifest.weights else "0.5"
    return rf"""
With $s(c)$ the sign of a cosine $c$ where $|c| > \tau$, else 0:

| $s(\cos(w_\text{{in}}, w_\text{{out}}))$ | $\lvert s(\cos(w_\text{{gate}}, w_\text{{out}}))\rvert = 1$ | $= 0$ |
|---|---|---|
| $+1$ | enrichment | conditional enrichment |
| $-1$ | depletion | conditional depletion |
| $0$ | proportional change | orthogonal output |

All but orthogonal output are **atypical** where
$s(\cos(w_\text{{gate}}, w_\text{{in}})) \ne
s(\cos(w_\text{{in}}, w_\text{{out}}))\, s(\cos(w_\text{{gate}}, w_\text{{out}}))$.
Later work of the same authors calls enrichment strengthening and depletion weakening.

`io_class` is recorded with **τ = {recorded}**. Explore's slider draws the line elsewhere, for that view alone:
cosines are continuous and many lie near any τ, so a finding about classes should survive a change of it.
"""


def _roles(manifest: Manifest) -> str:
    if manifest.weights is None:
        return f"This dataset has no weights, and so no classes and roles: {how_to_get_weights(manifest)}"
    return _role_lines(manifest.weights.roles)


def _role_lines(roles: RolesRecord) -> str:
    variance = "not computed" if roles.partition_variance is None else f"≥ {roles.partition_variance:.3g}"
    kurtosis = "nobody here" if roles.kurtosis is None else f"> {roles.kurtosis:.4g}"
    token = f"token {roles.first_token}" if roles.first_token is not None else "no scores here"
    return f"""
`role` is the first that holds; each has a column of its own too. Cosines are of w_out with the tokens' directions in
W_U.

| role | score | line drawn in this dataset |
|---|---|---|
| partition | variance of cos(w_out, W_U) | the top {roles.partition_share:.3%} of neurons: {variance} |
| prediction, suppression | excess kurtosis; sign of cos(w_gate, w_in) · skewness | {kurtosis} |
| entropy | share of ‖w_out‖² in the {roles.entropy_directions} weakest directions of W_U, last layer | \
> {roles.entropy_share:g} |
| attention deactivation (+), activation (−) | cos(w_out, W_Q k₀) · sign cos(w_gate, w_in), heads of the next layer | \
beyond ±{roles.attention_cosine:.3g}; first token: {token} |

The kurtosis line is the largest among partition neurons, and at least 10. These lines were drawn for one model
(OLMo-7B-0424); on another a role may be empty or large, and the scores say more. Prediction and suppression are judged
by weights alone; the measured sign, mean post · skewness, may contradict them.
"""


def _lists(manifest: Manifest) -> str:
    run = manifest.run
    if manifest.imported:
        return lists_of(manifest.imported)
    if run is None:
        return "This dataset holds weights only."
    return f"""
Per case, the {run.top_k} examples of largest magnitude of post, in and gate, and in gate− of act (in gate+ act orders
as gate does): one entry per text, its first token with that value, ties to the lower text number; shorter where fewer
texts have the case, never padded. A value of exactly 0 never enters.

Per case, {run.random_k} examples at random: a uniform choice of the case's tokens (lowest hash of text, position and
seed), at most one per text. Ordered by |post| they show the middle of the range, which top lists hide.

A window is {run.window} tokens, three quarters of them before the token of interest, clipped to its text. gate and in
are float16 there. Samples are {run.samples:,} positions, drawn uniformly from the counted tokens, the same for every
neuron: what joint densities are drawn from.
"""


_CORRELATIONS = r"""
Neurons of one layer resemble each other more than those of two layers, and both metrics may drift with depth. Explore
therefore gives Pearson's $r$ and Spearman's $\rho$ four ways: **pooled**; **within** layers, of differences from the
layer's mean (for ρ: of ranks inside the layer); **between** layers, of their means; and by layer.

The **shuffled** range holds 95 % of 1,000 shuffles of neurons inside their layers (fixed seed). For the pooled
coefficient it is not around 0 where layers differ in both metrics: that much comes from layers alone.

Intervals are 95 %: percentiles over resampled layers where there are ten, else Fisher's
$\tanh(\operatorname{artanh} r \pm 1.96/\sqrt{n-3})$, with $\sqrt{1+\rho^2/2}$ more for ρ, which takes neurons as
independent; fewer than 10 neurons get none. p-values take them as independent always, and so are shown on request only.
Neurons without one of the two metrics are left out and counted.
"""

_PROMISES = """
Given identical gate and in, any split into batches and parts gives identical counts, extremes, lists and windows, and
sums to 1e-12 relative. The same batch plan, device, thread count and software give the same bytes. Another batch plan
changes the last bits of float32 products: values within 1e-4 of a neuron's scale, counts apart only by tokens whose
gate or in is that small, list members only among such near-ties.

On screen, figures have about three significant digits; downloads have all of them.
"""

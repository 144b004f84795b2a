"""Figures of the input-output page: cosines, classes, roles and gains of all neurons, layer by layer."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gluscope_core.columns import NeuronColumn
from gluscope_core.io_classes import IO_CLASSES, class_codes
from gluscope_core.manifest import Manifest
from gluscope_core.pairs import NO_ROLE
from gluscope_core.schema import COSINES, LAYER, NEURON
from gluscope_core.vocabulary import IOClass, Role

NEAR = 0.02
"""How far from the threshold a cosine counts as near to it."""
GAINS = (NeuronColumn.MEAN_GAIN, NeuronColumn.EFFECTIVE_IO)
COLUMNS = (LAYER, NEURON, *COSINES, NeuronColumn.ROLE, *GAINS)
ROLES = (*(role.value for role in Role), NO_ROLE)
_WHISKER = 1.5


@dataclass(frozen=True)
class IONeurons:
    """All neurons of a dataset, sorted by layer."""

    layer: np.ndarray
    neuron: np.ndarray
    cosines: dict[NeuronColumn, np.ndarray]
    role: np.ndarray
    """Place in `ROLES`."""
    gains: dict[NeuronColumn, np.ndarray]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> "IONeurons":
        # Codes are -1 where there is no role, which is the last of ROLES; missing values are not spelled out first.
        role = pd.Categorical(frame[NeuronColumn.ROLE], categories=list(ROLES[:-1])).codes
        return cls(
            frame[LAYER].to_numpy(),
            frame[NEURON].to_numpy(),
            {name: _floats(frame, name) for name in COSINES},
            np.where(role < 0, len(ROLES) - 1, role),
            {name: _floats(frame, name) for name in GAINS},
        )

    def classes(self, threshold: float) -> np.ndarray:
        """Place of each one's class in `IO_CLASSES`, below 0 where it has none."""
        return class_codes(*(self.cosines[name] for name in COSINES), threshold=threshold)


def _floats(frame: pd.DataFrame, name: NeuronColumn) -> np.ndarray:
    return frame[name].to_numpy(dtype=np.float64, na_value=np.nan)


def composition(layer: np.ndarray, classes: np.ndarray) -> pd.DataFrame:
    """How many of a layer's neurons have each class: `layer`, `class`, `neurons`, `share` of those that have one."""
    known = classes >= 0
    names = np.unique(layer)
    flat = np.searchsorted(names, layer[known]) * len(IO_CLASSES) + classes[known]
    counts = np.bincount(flat, minlength=len(names) * len(IO_CLASSES))
    counts = counts.reshape(len(names), len(IO_CLASSES))
    totals = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    found = pd.DataFrame(
        {
            LAYER: np.repeat(names, len(IO_CLASSES)),
            "class": np.tile([kind.value for kind in IO_CLASSES], len(names)),
            "neurons": counts.ravel(),
            "share": share.ravel(),
        }
    )
    return found.loc[found["neurons"] > 0].reset_index(drop=True)


def boxes(layer: np.ndarray, values: np.ndarray) -> pd.DataFrame:
    """Of each layer: `low` and `high` (the furthest neurons within 1.5 interquartile ranges of the middle half),
    `q1`, `median`, `q3`, `least`, `most`, how many lie `outside` of low and high, and of how many `neurons`."""
    names, starts = np.unique(layer, return_index=True)
    parts = np.split(values, starts[1:]) if len(names) else []
    rows = [(name, *_box(part[np.isfinite(part)])) for name, part in zip(names, parts, strict=True)]
    columns = [LAYER, "least", "low", "q1", "median", "q3", "high", "most", "outside", "neurons"]
    return pd.DataFrame(rows, columns=pd.Index(columns)).query("neurons > 0").reset_index(drop=True)


def _box(values: np.ndarray) -> tuple[float, ...]:
    if len(values) == 0:
        return (*[np.nan] * 7, 0, 0)
    least, q1, median, q3, most = np.percentile(values, [0, 25, 50, 75, 100])
    reach = _WHISKER * (q3 - q1)
    within = values[(values >= q1 - reach) & (values <= q3 + reach)]
    return least, within.min(), q1, median, q3, within.max(), most, len(values) - len(within), len(values)


def contingency(classes: np.ndarray, role: np.ndarray) -> pd.DataFrame:
    """Neurons by class (rows) and role (columns); all of both, in the order of their enums, none left out."""
    known = classes >= 0
    flat = classes[known].astype(int) * len(ROLES) + role[known]
    counts = np.bincount(flat, minlength=len(IO_CLASSES) * len(ROLES)).reshape(len(IO_CLASSES), len(ROLES))
    return pd.DataFrame(counts, index=pd.Index([kind.value for kind in IO_CLASSES]), columns=pd.Index(ROLES))


def gains(layer: np.ndarray, classes: np.ndarray, values: np.ndarray) -> pd.DataFrame:
    """Of each class in each layer: `mean`, `median`, share `above` 0, `neurons`."""
    return _gains([layer, classes], classes, values).rename_axis([LAYER, "class"]).reset_index().pipe(_named)


def gains_of_classes(classes: np.ndarray, values: np.ndarray) -> pd.DataFrame:
    """The same over all layers."""
    return _gains([classes], classes, values).rename_axis("class").reset_index().pipe(_named)


def _gains(keys: list[np.ndarray], classes: np.ndarray, values: np.ndarray) -> pd.DataFrame:
    known = (classes >= 0) & np.isfinite(values)
    grouped = pd.DataFrame({"value": values[known], "above": values[known] > 0}).groupby([key[known] for key in keys])
    found = grouped["value"].agg(["mean", "median", "size"])
    found.columns = pd.Index(["mean", "median", "neurons"])
    return found.assign(above=grouped["above"].mean())


def _named(found: pd.DataFrame) -> pd.DataFrame:
    return found.assign(**{"class": [IO_CLASSES[code].value for code in found["class"]]})


@dataclass(frozen=True)
class Near:
    """How much hangs on where the threshold lies."""

    near: int
    """Neurons of which a cosine lies within `NEAR` of it."""
    changing: int
    """Those that would be of another class at the threshold ± `NEAR`."""
    known: int


def near(neurons: IONeurons, threshold: float) -> Near:
    distance = np.min([np.abs(np.abs(each) - threshold) for each in neurons.cosines.values()], axis=0)
    here = neurons.classes(threshold)
    others = [neurons.classes(max(0.0, threshold + step)) for step in (-NEAR, NEAR)]
    changing = (others[0] != here) | (others[1] != here)
    # The distance of a cosine that is NaN is NaN, and no nearer than anything.
    return Near(int(np.sum(distance <= NEAR)), int(changing.sum()), int(np.sum(here >= 0)))


def bands(manifest: Manifest, cosine: NeuronColumn, *, magnitudes: bool) -> pd.DataFrame:
    """What chance gives, by layer: within `low` … `high` lie 95 % of cosines of vectors of different neurons of the
    layer (of magnitudes: at least 95 %)."""
    rows = []
    for record in manifest.weights.mismatched if manifest.weights else ():
        low, high = getattr(record, cosine.value.removeprefix("cos_"))
        rows.append((record.layer, 0.0, max(-low, high)) if magnitudes else (record.layer, low, high))
    return pd.DataFrame(rows, columns=pd.Index([LAYER, "low", "high"]))


def chosen(neurons: IONeurons, classes: np.ndarray, io_class: str | None, role: str | None) -> np.ndarray:
    """Places of the neurons of a class and a role; None stands for any."""
    here = classes >= 0
    if io_class is not None:
        here &= classes == IO_CLASSES.index(IOClass(io_class))
    if role is not None:
        here &= neurons.role == ROLES.index(role)
    return np.flatnonzero(here)

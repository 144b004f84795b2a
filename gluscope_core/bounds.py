"""What a manifest may say: a reader allocates memory and opens files by it, and anybody can write one."""

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from gluscope_core.schema import NEURONS_TABLE, TABLES

if TYPE_CHECKING:  # it is made of the types below
    from gluscope_core.manifest import Manifest
    from gluscope_core.records import FileRecord

MOST_LAYERS, MOST_NEURONS = 4_096, 2**25
"""The largest dense models of today have 126 layers, and 6.7 million neurons."""
_PART = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"
_DEVICES = {"con", "prn", "aux", "nul", *(f"{name}{number}" for name in ("com", "lpt") for number in range(10))}
"""Names that Windows opens as something else than a file, whatever follows after a dot."""

Count = Annotated[int, Meta(ge=0, le=2**53)]
Setting = Annotated[int, Meta(ge=0, le=2**31 - 1)]
"""A number that lists or loops are as long as."""
Share = Annotated[float, Meta(ge=0, le=1)]
Cosine = Annotated[float, Meta(ge=-1.001, le=1.001)]
Layers = Annotated[int, Meta(ge=1, le=MOST_LAYERS)]
Layer = Annotated[int, Meta(ge=0, lt=MOST_LAYERS)]
SomeLayers = Annotated[tuple[Layer, ...], Meta(min_length=1, max_length=MOST_LAYERS)]
Width = Annotated[int, Meta(ge=1, le=2**24)]
Word = Annotated[str, Meta(max_length=1_000)]
Sentence = Annotated[str, Meta(max_length=10_000)]
FilePath = Annotated[str, Meta(pattern=rf"^{_PART}(/{_PART}){{0,8}}\.parquet\Z", max_length=300)]
"""Within the dataset's folder: not absolute, no `..`, no backslash, no drive, nothing hidden."""
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


def why_implausible(manifest: "Manifest") -> str | None:
    """What contradicts something else in a manifest; None where nothing does."""
    model, layers = manifest.model, manifest.layers
    if model.layers * model.d_mlp > MOST_NEURONS:
        return f"{model.layers} layers of {model.d_mlp} neurons are more than any model has"
    if list(layers) != sorted(set(layers)) or layers[-1] >= model.layers:
        return f"its layers are not some of 0 to {model.layers - 1}, each once and in order"
    for each in manifest.some_neurons or ():
        if each.layer not in layers or not 0 <= each.neuron < model.d_mlp:
            return f"it lists neuron {each}, which its model does not have"
    if manifest.run is not None and manifest.texts is None:
        return "it has a run, and no texts that were run"
    return _why_files(manifest)


def _why_files(manifest: "Manifest") -> str | None:
    paths = [record.path for record in manifest.files]
    if len(set(paths)) < len(paths):
        return f"it names {next(path for path in paths if paths.count(path) > 1)} twice"
    problem = next((found for record in manifest.files if (found := _why_file(record, manifest.model.layers))), None)
    if problem is not None:
        return problem
    records = manifest.files_of(NEURONS_TABLE.name)
    rows = sum(record.rows for record in records)
    if records and rows != manifest.neuron_count:
        return f"its table {NEURONS_TABLE.name} has {rows} rows for {manifest.neuron_count} neurons"
    return None


def _why_file(record: "FileRecord", layers: int) -> str | None:
    if record.table not in TABLES:
        return f"{record.path} is of a table {record.table[:40]!r}, which there is not"
    if any(part.partition(".")[0].lower() in _DEVICES for part in record.path.split("/")):
        return f"{record.path} is the name of a device"
    if record.layers is not None and not record.layers[0] <= record.layers[1] < layers:
        return f"{record.path} is of layers {record.layers[0]} to {record.layers[1]}, the model has {layers}"
    return None

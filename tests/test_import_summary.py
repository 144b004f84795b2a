"""The original's summary file as a dataset: the figures of a run, written as the original would."""

import pandas as pd
import pytest
import torch
from transformers import LlamaConfig

from compute.config import ImportConfig
from compute.imported import import_original
from compute.verify import verify
from gluscope_core import open_dataset
from gluscope_core.errors import ImportRefused
from gluscope_core.vocabulary import ImportSource, SignConvention
from tests.original_files import write_original, write_summary

K = 4


@pytest.mark.parametrize(
    ("name", "convention"),
    [("summary_refactored.pt", SignConvention.ALIGNED), ("summary.pt", SignConvention.UNKNOWN)],
)
def test_figures_and_lists_are_those_of_the_published_form(finished, model_folder, tmp_path, name, convention):
    """Of the same figures as parquet, which `tests/test_original.py` holds against the run."""
    path = write_summary(finished, tmp_path / "tiny" / name, K)
    import_original(ImportConfig(path.parent, tmp_path / "out", model=str(model_folder)))
    mine = open_dataset(tmp_path / "out")
    theirs = open_dataset(write_original(finished, tmp_path / "parquet", K))
    pd.testing.assert_frame_equal(mine.neurons(), theirs.neurons())
    for neuron in ((0, 0), (2, 23)):
        pd.testing.assert_frame_equal(mine.examples(*neuron), theirs.examples(*neuron))
    manifest = mine.manifest
    assert (manifest.sign_convention, manifest.imported.source) == (convention, ImportSource.SUMMARY)
    assert (manifest.model.d_model, manifest.model.activation, manifest.imported.top_k) == (16, "silu", K)
    assert list(map(str, verify(tmp_path / "out"))) == []


def test_without_a_model(finished, tmp_path):
    """The folder is called after it; what act is, its values say."""
    path = write_summary(finished, tmp_path / "OLMo-1B" / "summary.pt", K, mean="mean")
    import_original(ImportConfig(path, tmp_path / "out", sign_convention="raw"))
    manifest = open_dataset(tmp_path / "out").manifest
    assert (manifest.model.id, manifest.model.d_mlp, manifest.model.context) == ("OLMo-1B", 24, None)
    assert manifest.model.activation == "silu"
    assert manifest.sign_convention is SignConvention.RAW
    assert list(map(str, verify(tmp_path / "out"))) == []


def test_the_file_is_never_run(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (open, (str(tmp_path / "harm"), "w"))

    torch.save({("gate+_in+", "freq"): Harmful()}, tmp_path / "summary.pt")
    with pytest.raises(ImportRefused, match="no summary of tensors"):
        import_original(ImportConfig(tmp_path / "summary.pt", tmp_path / "out"))
    assert not (tmp_path / "harm").exists()


def broken(summary: dict, how: str) -> object:
    case, lists = "gate-_in+", ("gate-_in+", "swish", "max")
    if how == "a list":
        return [1, 2]
    if how == "no frequency":
        del summary[case, "freq"]
    if how == "another shape":
        summary[case, "freq"] = summary[case, "freq"][:, :5]
    if how == "no indices":
        del summary[lists]["indices"]
    if how == "indices of another shape":
        summary[lists]["indices"] = summary[lists]["indices"][:2]
    return summary


@pytest.mark.parametrize(
    "how", ["a list", "no frequency", "another shape", "no indices", "indices of another shape", "cut"]
)
def test_damage_is_refused(finished, tmp_path, how):
    path = write_summary(finished, tmp_path / "summary.pt", K)
    if how == "cut":
        path.write_bytes(path.read_bytes()[:1000])
    else:
        torch.save(broken(torch.load(path, weights_only=True), how), path)
    with pytest.raises(ImportRefused):
        import_original(ImportConfig(path, tmp_path / "out"))


def test_refusals(finished, tmp_path):

    path = write_summary(finished, tmp_path / "summary.pt", K)
    LlamaConfig(hidden_size=32, intermediate_size=25, num_hidden_layers=3).save_pretrained(tmp_path / "other")
    with pytest.raises(ImportRefused, match="give the model that the original ran"):
        import_original(ImportConfig(path, tmp_path / "out", model=str(tmp_path / "other")))
    write_summary(finished, tmp_path / "summary_refactored.pt", K)
    with pytest.raises(ImportRefused, match="name the one"):
        import_original(ImportConfig(tmp_path, tmp_path / "out"))

"""Pages and summaries that only look as if the original program had written them: refused by name, in little memory."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from compute.cli import main
from compute.config import ImportConfig
from compute.imported import import_original
from gluscope_core.errors import ImportRefused
from tests.hostile import in_bounds, little_memory
from tests.original_files import Site, write_summary


def endless(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def large(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(2**40)


def many_lists(path: Path) -> None:
    """Two hundred times as large in memory as it is, if all of it is parsed."""
    path.write_bytes(b'{"tokens":[],"labels":[],"values":[' + b"[]," * 10**7 + b"[]]}")


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "a device": (endless, "is no file"),
    "a pipe": (pipe, "is no file"),
    "a large file": (large, "is larger than 8,388,608 bytes"),
    "lists of nothing": (many_lists, "is larger than 8,388,608 bytes"),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["vis.html", "gate+_in+_hook_pre_example_0.json"])
def test_files_without_end(tmp_path, capsys, damage, name):
    change, problem = DAMAGE[damage]
    change(Site().write_page(tmp_path / "site", 3, 17) / name)
    with little_memory(200):
        assert main(["import", str(tmp_path / "site"), "--out", str(tmp_path / "out")]) == 2
    assert problem in capsys.readouterr().err


def test_a_page_that_names_what_is_not_there(tmp_path, capsys):
    page = Site().write_page(tmp_path / "site", 3, 17) / "vis.html"
    named = '<div data-url="./gate+_in+_else_example_0.json"></div>'
    page.write_text(page.read_text().replace("</body>", f"{named}</body>"))
    assert main(["import", str(tmp_path / "site"), "--out", str(tmp_path / "out")]) == 2
    assert "gate+_in+_else_example_0.json cannot be read" in capsys.readouterr().err


def test_values_beyond_float32(tmp_path, capsys):
    page = Site().write_page(tmp_path / "site", 3, 17)
    path = page / "gate+_in+_hook_pre_example_0.json"
    path.write_text(path.read_text().replace('"values": [[', '"values": [[1e300, ', 1).replace(", ", ",", 1))
    text = path.read_text()
    first = text.index("[[1e300") + 2
    path.write_text(text[:first] + "1e300" + text[text.index(",", text.index(",", first) + 1) :])
    assert main(["import", str(tmp_path / "site"), "--out", str(tmp_path / "out")]) == 2
    assert "beyond what float32 can hold" in capsys.readouterr().err


def absurd(summary: dict, how: str) -> dict:
    """Of few bytes each."""
    freqs, lists = [key for key in summary if key[1] == "freq"], [key for key in summary if key[2:] == ("max",)]
    one = torch.zeros(1)
    shapes = {"more neurons than any model": (64, 2**20), "layers without end": (2**20, 4)}
    if how in shapes:
        return {key: one.expand(shapes[how]) for key in freqs}
    if how == "lists without end":
        shape = (2**20, *summary[freqs[0]].shape)
        return summary | {key: {"values": one.expand(shape), "indices": one.long().expand(shape)} for key in lists}
    if how == "lists of nothing":
        shape = (0, *summary[freqs[0]].shape)
        return summary | {key: {"values": torch.zeros(shape), "indices": torch.zeros(shape).long()} for key in lists}
    values = {
        "sparse": summary[freqs[0]].to_sparse(),
        "without storage": summary[freqs[0]].to("meta"),
        "complex": summary[freqs[0]].to(torch.complex64),
        "with gradients": summary[freqs[0]].clone().requires_grad_(),
        "a parameter": torch.nn.Parameter(summary[freqs[0]]),
        "one number for all": one.expand(summary[freqs[0]].shape[0], 2**22),
    }
    return summary | {freqs[0]: values[how]}


HOW = (
    "more neurons than any model", "layers without end", "lists without end", "lists of nothing", "sparse",
    "without storage", "complex", "with gradients", "a parameter", "one number for all",
)  # fmt: skip


@pytest.mark.parametrize("how", HOW)
def test_tensors_that_say_more_than_they_are(finished, tmp_path, how):
    path = write_summary(finished, tmp_path / "summary.pt", 4)
    torch.save(absurd(torch.load(path, weights_only=True), how), path)
    code = f"import_original(ImportConfig(Path({str(path)!r}), Path({str(tmp_path / 'out')!r})))"
    imports = "from compute.config import ImportConfig; from compute.imported import import_original"
    [_, (said, grown)] = in_bounds(imports, code, limit=12 * 2**30)
    assert "give what b_activations.py wrote" in said
    assert grown < 100


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("indices", lambda indices: indices + 2**40),
        ("indices", lambda indices: indices.float()),
        ("values", lambda values: values.to(torch.bfloat16)),
    ],
)
def test_numbers_of_other_kinds(finished, tmp_path, name, change):
    path = write_summary(finished, tmp_path / "summary.pt", 4)
    summary = torch.load(path, weights_only=True)
    lists = [key for key in summary if key[2:] == ("max",)]
    torch.save(summary | {key: summary[key] | {name: change(summary[key][name])} for key in lists}, path)
    try:
        import_original(ImportConfig(path, tmp_path / "out"))
    except ImportRefused as error:
        assert "give what b_activations.py wrote" in str(error)
    else:
        assert name == "values"


def test_a_summary_that_is_compressed(finished, tmp_path):
    path = write_summary(finished, tmp_path / "summary.pt", 4)
    packed = tmp_path / "packed.pt"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for each in old.namelist():
            new.writestr(each, old.read(each))
    with pytest.raises(ImportRefused, match="is compressed"):
        import_original(ImportConfig(packed, tmp_path / "out"))


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_a_summary_without_end(tmp_path, make):
    (tmp_path / "theirs").mkdir()
    make(tmp_path / "theirs" / "summary.pt")
    for path in (tmp_path / "theirs", tmp_path / "theirs" / "summary.pt"):
        with pytest.raises(ImportRefused, match="neither pages"):
            import_original(ImportConfig(path, tmp_path / "out"))

"""The light half works without torch, the heavy half without streamlit; each check has a control that can fail."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

LIGHT = "import gluscope_core, gluscope_core.discover, gluscope_core.activations"
HEAVY = "import compute.run, compute.merge, compute.verify, compute.cli"


def modules_after(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("heavy", ["torch", "transformers", "streamlit", "compute"])
def test_light_half_never_imports(heavy):
    assert heavy not in modules_after(LIGHT)


def test_pages_leave_out_what_takes_longer_to_import_than_to_show():
    pages = ("input_output", "io_neurons", "findings", "search_results", "compare")
    script = "; ".join(f"import gluscope_core.ui.{name}" for name in pages)
    assert "scipy.stats" not in modules_after(f"{script}; import gluscope_core.ui.explore")
    assert "altair" not in modules_after("import gluscope_core.ui.input_output, gluscope_core.ui.io_neurons")


@pytest.mark.parametrize("interface", ["streamlit", "altair", "pages"])
def test_heavy_half_never_imports(interface):
    assert interface not in modules_after(HEAVY)


def test_control_what_is_imported_is_seen():
    assert "torch" in modules_after(HEAVY)
    assert "streamlit" in modules_after("import streamlit")


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["merge", "--help"], ["verify", "--help"]])
def test_help_needs_no_torch(arguments):
    script = f"import sys; from compute.cli import main\ntry: main({arguments})\nexcept SystemExit: pass"
    assert "torch" not in modules_after(script)


def test_verify_needs_no_torch(finished):
    assert "torch" not in modules_after(
        f"from compute.cli import main; assert main(['verify', {str(finished)!r}]) == 0"
    )

"""The pictures in the documents: `make screenshots`."""

from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import BUNDLED, CHROMIUM, ROOT, start_server

PICTURES = ROOT / "docs" / "pictures"
PLOT = "[data-testid=stVegaLiteChart] :is(canvas, svg)"


@dataclass(frozen=True)
class View:
    address: str
    sign_of_life: str
    """Is there once the page is."""
    begins_at: str | None = None
    """What stands at the top of the picture, where that is not the page's beginning."""


VIEWS = {
    "overview": View("", ".listed"),
    "neuron": View("neuron?neuron=8.997", "[data-v]"),
    "neuron-examples": View("neuron?neuron=8.997", "[data-v]", ".examples"),
    "explore": View("explore", PLOT),
    "explore-layers": View("explore?colour=IO+class", PLOT, ".panels"),
    "input-output": View("input_output?cell=depletion.suppression", ".crosstab"),
    "input-output-roles": View("input_output?cell=depletion.suppression", ".listed", ".crosstab"),
    "search": View("search?token=%20again", ".results"),
    "compare": View("compare?a=1.1033&b=9.255", ".half [data-v]"),
    "compare-list": View("compare?view=list&ids=1.1033,8.997,9.255", "[data-testid=stDataFrame] canvas"),
    "findings": View("findings", PLOT),
    "geometry": View("geometry", "svg.drawing"),
    "methods": View("methods", ".katex"),
    "methods-texts": View("methods", ".card table", ".card table"),
    "datasets": View("datasets", ".listed a"),
}
_HEADER = 110
"""Pixels that Streamlit's own bar and a heading take above what a picture begins at."""


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    process, address = start_server(Path(BUNDLED))
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            for name, view in VIEWS.items():
                page = browser.new_page(viewport={"width": 1360, "height": 1240}, color_scheme=scheme)
                page.goto(f"{address}/{view.address}")
                page.locator(view.sign_of_life).first.wait_for(timeout=60_000)
                page.wait_for_timeout(3_000)
                if view.begins_at:
                    top = page.locator(view.begins_at).first.bounding_box()["y"]
                    page.get_by_test_id("stMain").evaluate(f"main => main.scrollBy(0, {top - _HEADER})")
                    page.wait_for_timeout(500)
                page.screenshot(path=PICTURES / f"{name}-{scheme}.jpg", type="jpeg", quality=80)
                page.close()
        browser.close()
    process.terminate()


if __name__ == "__main__":
    main()

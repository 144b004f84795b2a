"""The pictures in the documents: `make screenshots`."""

from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import BUNDLED, CHROMIUM, ROOT, start_server

PICTURES = ROOT / "docs" / "pictures"
VIEWS = {
    "overview": ("", "canvas"),
    "neuron": ("neuron?neuron=8.997", "[data-v]"),
    "explore": ("explore", "canvas"),
    "input-output": ("input_output?cell=depletion.suppression", ".crosstab"),
    "search": ("search?token=%20again", ".results"),
    "compare": ("compare?a=1.1033&b=9.255", ".half [data-v]"),
    "findings": ("findings", "canvas"),
    "geometry": ("geometry", "svg.drawing"),
    "methods": ("methods", ".katex"),
}


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    process, address = start_server(Path(BUNDLED))
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            for name, (path, sign_of_life) in VIEWS.items():
                page = browser.new_page(viewport={"width": 1360, "height": 1240}, color_scheme=scheme)
                page.goto(f"{address}/{path}")
                page.locator(sign_of_life).first.wait_for(timeout=60_000)
                page.wait_for_timeout(3_000)
                page.screenshot(path=PICTURES / f"{name}-{scheme}.jpg", type="jpeg", quality=80)
                page.close()
        browser.close()
    process.terminate()


if __name__ == "__main__":
    main()

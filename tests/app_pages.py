"""Pages through the entry point without a browser, and what one reads there."""

import json
from pathlib import Path
from typing import NoReturn

from streamlit.testing.v1 import AppTest

from tests.conftest import as_read

ENTRY = Path(__file__).parent.parent / "streamlit_app.py"


def visit(page: str, /, **address: str | list[str]) -> AppTest:
    """Somebody follows a link to it."""
    app = AppTest.from_file(ENTRY, default_timeout=60)
    for key, value in address.items():
        app.query_params[key] = value
    app = app.switch_page(page).run()
    assert not app.exception, app.exception[0]
    return app


def prose(app: AppTest) -> str:
    """All text but headings, controls and what is written as HTML."""
    shown = (*app.markdown, *app.caption, *app.warning, *app.info, *app.error)
    return as_read("\n".join(each.value for each in shown))


def html_of(app: AppTest, key: str) -> str:
    """What one of the page's components shows; nothing where it is not there."""
    found = [each.proto for each in app.get("bidi_component") if each.proto.id.endswith(f"-{key}")]
    if not found:
        return ""
    [proto] = found
    return json.loads(proto.mixed.json if proto.WhichOneof("data") == "mixed" else proto.json)["html"]


def read_nothing(*_: object, **__: object) -> NoReturn:
    """In place of a dataset's reading, where all that is needed was kept."""
    raise AssertionError("something is read again")


def charts(app: AppTest) -> list[str]:
    """Each by what it is said to show."""
    return [each.proto.alt for each in app.get("vega_lite_chart")]

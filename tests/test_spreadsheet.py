"""Text that a spreadsheet would run is marked, and comes back as it was."""

from io import BytesIO

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gluscope_core.spreadsheet import csv_bytes, guarded, unguarded


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''=1"])
def test_formulas_are_marked(text):
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "again", " =1", "'quoted'", "1=1", "−1"])
def test_other_text_stays(text):
    assert guarded(text) == text


@settings(deadline=None)
@given(st.text(alphabet="'=+-@\t\ra ", max_size=6) | st.text())
def test_there_and_back(text):
    assert unguarded(guarded(text)) == text


def test_a_table_keeps_its_numbers():
    frame = pd.DataFrame({"value": [-1.5, 2.0], "=name": ["-x", "y"], "left": [None, "=z"]})
    content = csv_bytes(frame)
    assert content == b"value,'=name,left\r\n-1.5,'-x,\r\n2.0,y,'=z\r\n"
    assert pd.read_csv(BytesIO(content))["value"].tolist() == [-1.5, 2.0]

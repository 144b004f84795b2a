"""Parts of the findings page: what it reads, and how an example is shown."""

import pandas as pd
import streamlit as st

from gluscope_core.dataset import Dataset
from gluscope_core.findings import OWN, Evidence, Finding, Outcome, Verdict, why_not
from gluscope_core.findings_texts import GAIN, RARELY_OPEN, WEAK_CASES
from gluscope_core.findings_weights import LENGTHS, OF_WEIGHTS
from gluscope_core.schema import SAMPLES_TABLE
from gluscope_core.ui import page
from gluscope_core.ui.columns import read_columns
from gluscope_core.ui.overview import striking_of

FINDINGS = (*OF_WEIGHTS, RARELY_OPEN, WEAK_CASES, GAIN, LENGTHS)
_MOST_SAMPLED = 2_000
"""Neurons whose samples are read; those of a whole model would be gigabytes."""
_BADGES = {
    Verdict.HOLDS: ("green", "check"),
    Verdict.PARTLY: ("orange", "contrast"),
    Verdict.FAILS: ("red", "close"),
}


def evidence_of(dataset: Dataset) -> Evidence:
    manifest = dataset.manifest
    columns = dict.fromkeys(str(name) for finding in FINDINGS for name in finding.columns)
    frame = read_columns(dataset, columns)
    return Evidence(manifest, frame, striking_of(dataset), _samples(dataset, manifest.sha256))


@st.cache_resource(max_entries=4, show_spinner=False)
def _samples(_dataset: Dataset, version: str) -> pd.DataFrame | None:  # noqa: ARG001
    files = _dataset.manifest.files_of(SAMPLES_TABLE.name)
    if not files or sum(file.rows for file in files) > _MOST_SAMPLED:
        return None
    return _dataset.read_table(SAMPLES_TABLE.name).to_pandas()


@st.cache_data(max_entries=64, show_spinner=False)
def _outcome(_finding: Finding, _evidence: Evidence, key: str, version: str) -> Outcome | None:  # noqa: ARG001
    return _finding.try_on(_evidence)


def show(finding: Finding, evidence: Evidence) -> None:
    st.subheader(finding.title, anchor=finding.key, divider="gray")
    words, picture = st.columns([1, 1.25], gap="large")
    with words:
        st.markdown(f"{finding.claim}  \n:small[:gray[{finding.origin[0].upper()}{finding.origin[1:]}]]")
        reason = why_not(finding, evidence.manifest)
        if reason:
            st.caption(reason)
            return
        outcome = _outcome(finding, evidence, finding.key, evidence.manifest.sha256)
        if outcome is None:
            st.caption("Not tried on this dataset: its neurons have not the figures that this is about.")
            return
        colour, icon = _BADGES[outcome.verdict]
        new = ":blue-badge[:material/lightbulb: not in the papers] " if finding.origin == OWN else ""
        st.markdown(f":{colour}-badge[:material/{icon}: {outcome.verdict}] {new}{outcome.text}")
        st.caption(outcome.caveat)
    with picture if outcome.chart else words:
        if outcome.chart:
            slot = st.columns([3, 1])[0] if outcome.square else st.container()
            slot.vega_lite_chart(outcome.data, outcome.chart, key=f"chart_{finding.key}", alt=finding.title)
        with st.container(horizontal=True, gap="small"):
            for link in outcome.links:
                st.page_link(
                    link.page,
                    label=link.label,
                    icon=":material/arrow_outward:",
                    query_params=page.address(**link.state),
                )

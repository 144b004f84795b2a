"""Which datasets there are, and opening another."""

from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from gluscope_core.discover import any_may_be_opened, offers
from gluscope_core.markdown import escaped
from gluscope_core.ui.choice import DATASET, REVISION, ROOT, explain_none, tried
from gluscope_core.ui.page import OVERVIEW_PAGE, through_entry_point

through_entry_point()
st.title("Datasets")

opened, problems = tried(offers(ROOT))
if not opened and not any_may_be_opened():
    explain_none(problems)
manifests = [dataset.manifest for _, dataset in opened]
addresses = [
    {DATASET: offer.name} | ({REVISION: dataset.revision} if dataset.revision else {}) for offer, dataset in opened
]
if opened:
    st.dataframe(
        pd.DataFrame(
            {
                "open": [f"/?{urlencode(address)}" for address in addresses],
                "dataset": [offer.name for offer, _ in opened],
                "commit": [(dataset.revision or "")[:10] or "this machine" for _, dataset in opened],
                "model": [manifest.model.id for manifest in manifests],
                "layers": [len(manifest.layers) for manifest in manifests],
                "neurons": [manifest.neuron_count for manifest in manifests],
                "texts": [manifest.texts.texts if manifest.texts else None for manifest in manifests],
                "counted tokens": [manifest.counted_tokens for manifest in manifests],
                "computed by": ["the original" if manifest.imported else "GLUScope" for manifest in manifests],
                "signs": [manifest.sign_convention.value for manifest in manifests],
            }
        ),
        hide_index=True,
        column_config={"open": st.column_config.LinkColumn("", display_text="open", width="small")},
    )
for problem in problems:
    st.warning(escaped(problem))
if any_may_be_opened():
    with st.form("another", border=False):
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        named = left.text_input("Another", placeholder="user/name on the Hub, or a folder of this machine")
        revision = right.text_input("Revision", placeholder="main")
        if st.form_submit_button("Open") and named.strip():
            typed = {DATASET: named.strip(), REVISION: revision.strip()}
            st.switch_page(OVERVIEW_PAGE, query_params={key: value for key, value in typed.items() if value})

"""Which datasets there are."""

import pandas as pd
import streamlit as st

from gluscope_core.discover import FOLDERS_VARIABLE
from gluscope_core.ui.page import datasets_found, through_entry_point

through_entry_point()
found = datasets_found()
opened = [each for each in found if each.dataset is not None]

st.title("Datasets")
if not found:
    st.info(
        f"No dataset yet. Compute one with `python -m compute run`, then put its folder into `datasets/` "
        f"or name it in the environment variable `{FOLDERS_VARIABLE}`."
    )
if opened:
    manifests = [each.dataset.manifest for each in opened if each.dataset]
    st.dataframe(
        pd.DataFrame(
            {
                "model": [manifest.model.id for manifest in manifests],
                "layers": [len(manifest.layers) for manifest in manifests],
                "neurons": [manifest.neuron_count for manifest in manifests],
                "texts": [manifest.texts.texts if manifest.texts else None for manifest in manifests],
                "counted tokens": [manifest.counted_tokens for manifest in manifests],
                "computed by": ["the original" if manifest.imported else "GLUScope" for manifest in manifests],
                "signs": [manifest.sign_convention.value for manifest in manifests],
                "folder": [each.folder.name for each in opened],
            }
        ),
        hide_index=True,
    )
for each in found:
    if each.problem:
        st.warning(each.problem)

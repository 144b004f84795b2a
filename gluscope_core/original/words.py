"""What the methods page says of figures that the original program computed."""

from gluscope_core.records import ImportRecord
from gluscope_core.vocabulary import ImportSource

FREQUENCIES = """
The share of the tokens that the original program ran, the first of each text included. How many there were is not
recorded, so there are neither counts nor standard errors. The four frequencies sum to 1 but for zeros: whatever
correlates with one correlates with the others by construction.
"""
FIGURES = r"""
Within a case each quantity has its mean and its extreme of larger magnitude; the other extreme and standard deviations
were not recorded. A case that never occurs has frequency 0 and no figures. Over all tokens, mean |post| is
$\sum_c f_c\,|\overline{\text{post}}_c|$, exact since post has one sign within a case; likewise for the others.
"""


def lists_of(imported: ImportRecord) -> str:
    window = (
        f"A window is at most {imported.window} tokens, three quarters of them before the token of interest; gate and "
        "in are float16 there."
        if imported.window
        else "Positions within texts, and activations around them, were not recorded."
    )
    return f"""
Per case, the {imported.top_k} examples of largest magnitude of post, in and gate, and in gate− of act (in gate+ act
orders as gate does): one entry per text, shorter where fewer texts have the case. There are no random examples and no
samples. {window}
"""


def provenance_of(imported: ImportRecord | None) -> list[tuple[str, str]]:
    if imported is None:
        return []
    what = {
        ImportSource.DATASET: "its published dataset, as it is",
        ImportSource.PAGES: "its pages, imported",
        ImportSource.SUMMARY: "its summary file, imported",
    }[imported.source]
    said = [("to know of it", " ".join(imported.remarks))] if imported.remarks else []
    return [
        ("computed by", f"the original program: {what}, {imported.files:,} files"),
        ("fingerprint of those", imported.fingerprint),
        *said,
    ]

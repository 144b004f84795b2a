"""The datasets that a dashboard offers, side by side."""

from collections.abc import Callable, Sequence

from gluscope_core.dataset import Dataset
from gluscope_core.discover import Offer
from gluscope_core.linked_table import Cell, Link


def offered_rows(
    opened: Sequence[tuple[Offer, Dataset]], first_page: Callable[[str, str | None], str]
) -> list[tuple[str, Sequence[Cell]]]:
    """`first_page` says where a dataset of a name and a commit is opened."""
    manifests = [dataset.manifest for _, dataset in opened]
    return [
        ("dataset", [Link(offer.name, first_page(offer.name, dataset.revision)) for offer, dataset in opened]),
        ("commit", [(dataset.revision or "")[:10] or "this machine" for _, dataset in opened]),
        ("model", [manifest.model.id for manifest in manifests]),
        ("layers", [len(manifest.layers) for manifest in manifests]),
        ("neurons", [manifest.neuron_count for manifest in manifests]),
        ("texts", [manifest.texts.texts if manifest.texts else None for manifest in manifests]),
        ("counted tokens", [manifest.counted_tokens for manifest in manifests]),
        ("computed by", ["the original" if manifest.imported else "GLUScope" for manifest in manifests]),
        ("signs", [manifest.sign_convention.value for manifest in manifests]),
    ]

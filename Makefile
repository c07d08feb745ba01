# Every target makes what it needs first, once. The virtual environment lives in .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: help setup check format test bench soak demo up requirements clean
help:
	@echo "make demo | up | test | check | bench | soak | requirements | clean"

$(STAMP): pyproject.toml
	@echo "installing Holdfast and its tools into $(VENV)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[demo,dev]'
	@touch $@

setup: $(STAMP)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python infra/requirements.py

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: $(STAMP)
	PATH="$(CURDIR)/$(BIN):$$PATH" sh tests/run-lanes

# less of it: make bench BENCH="--only archive --gigabytes 0.1 --repetitions 1"
bench: $(STAMP)
	$(BIN)/python -m tests.bench $(BENCH)

soak: $(STAMP)
	$(BIN)/python -m tests.soak all

demo: $(STAMP)
	$(BIN)/holdfast demo

up: $(STAMP)
	$(BIN)/holdfast up

requirements: $(STAMP)
	$(BIN)/python infra/requirements.py --write

clean:
	rm -rf $(VENV) .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis

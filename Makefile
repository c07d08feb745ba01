# Every target makes what it needs first, once. The virtual environment lives in .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# ARCH=arm64 makes package and image for Graviton; both the same, or the deployment is refused
ARCHITECTURE := $(if $(ARCH),--architecture $(ARCH))

.PHONY: help setup check format test bench soak demo up screenshots requirements clean
.PHONY: package package-check image bootstrap rehearse deploy destroy
help:
	@echo "make demo | up | test | check | bench | soak | screenshots | requirements | clean"
	@echo "AWS: make package | package-check | bootstrap | image | rehearse | deploy | destroy   (infra/README.md)"

$(STAMP): pyproject.toml
	@echo "installing Holdfast and its tools into $(VENV)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[demo,dev,infra]'
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

# a whole Supabase project between two stand-ins: make demo SUPABASE=1
demo: $(STAMP)
	$(BIN)/holdfast demo $(if $(SUPABASE),--supabase)

up: $(STAMP)
	$(BIN)/holdfast up

# Two pictures for the README, and all pages to look at in out/screenshots.
screenshots: $(STAMP)
	$(BIN)/python -m tests.screenshots

requirements: $(STAMP)
	$(BIN)/python infra/requirements.py --write

# The API's zip and template; PACKAGE_PYTHON names a Python 3.13 that is not found by itself.
package: $(STAMP)
	$(BIN)/python -m infra.package $(if $(PACKAGE_PYTHON),--python $(PACKAGE_PYTHON)) $(ARCHITECTURE)

package-check: $(STAMP)
	$(BIN)/python -m infra.package --check --out out/package-check

# The worker's image; PUSH=REPOSITORY_URI also pushes it and notes its digest for `make deploy`.
image: $(STAMP)
	$(BIN)/python -m infra.image $(if $(PG_MAJORS),--pg-majors "$(PG_MAJORS)") $(if $(PUSH),--push $(PUSH)) $(ARCHITECTURE)

# All of an installation on parts that stand in for AWS; the report is committed.
rehearse: $(STAMP)
	$(BIN)/python -m tests.rehearsal --write

# What comes before any stage: prints where the image goes.
bootstrap: $(STAMP)
	$(BIN)/python -m infra.deploy --bootstrap-only

deploy: package
	$(BIN)/python -m infra.deploy --stage $(or $(STAGE),dev)

# The stack goes; backups, records and keys stay.
destroy: $(STAMP)
	$(BIN)/python -m infra.destroy --stage $(or $(STAGE),dev)

clean:
	rm -rf $(VENV) .package out .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis

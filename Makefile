# `make demo` and `make test` work on a fresh clone with nothing but Python 3.11 or newer; the environment they
# create (.venv) is kept and brought up to date only when pyproject.toml changes. uv is used when it is there.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)

ifeq ($(UV),)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
CREATE := $(PYTHON) -m venv $(VENV)
else
INSTALL := $(UV) pip install --quiet --python $(BIN)/python
CREATE := $(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
endif

.PHONY: help demo test lint format types layers docs check api web clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 10

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "nasion needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(CREATE)

# One stamp per set of extras: the demo does not wait for the developers' tools.
$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(INSTALL) -e '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(INSTALL) -e '.[dev,docs]'
	@touch $@

demo: $(VENV)/.demo  ## find, place and read the faces of two real photos; writes demo-out/
	$(BIN)/nasion demo

test: $(VENV)/.dev  ## run the tests
	$(BIN)/python -m pytest

lint: $(VENV)/.dev  ## ruff: rules and formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: $(VENV)/.dev  ## ruff: mend what can be mended
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: $(VENV)/.dev  ## mypy, strict
	$(BIN)/mypy

layers: $(VENV)/.dev  ## import-linter: who may import whom
	$(BIN)/lint-imports --no-cache

docs: $(VENV)/.dev  ## build the manual into site/
	$(BIN)/mkdocs build --strict --quiet

check: lint types layers docs test  ## everything a change must pass

api: $(VENV)/.dev  ## write tests/public_api.txt anew, after a wanted change of the public interface
	$(BIN)/python tests/test_public_api.py

web:  ## build the studio's page anew from web/ (needs Node 20)
	@command -v npm >/dev/null || { echo "building the studio's page needs Node 20 or newer, with npm" >&2; exit 1; }
	npm --prefix web ci --silent --no-audit --no-fund
	npm --prefix web run --silent build

clean:  ## remove the environment and everything built
	rm -rf $(VENV) site demo-out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

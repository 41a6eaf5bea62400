# `make demo` and `make test` need Python 3.10+ and make, and nothing else: everything is installed into .venv on first use.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest
WORKERS ?= 2
ARGS ?=
DEMO := build/demo
# Tests start the program hundreds of times, and each worker of pytest reads all of the tests.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-all rehearsal faults lint format bench dist clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# One stamp per set of packages; a changed pyproject.toml installs again.
$(BIN)/python:
	@echo 'Setting up $(VENV), once:'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(PIP) install --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(PIP) install --editable '.[dev]'
	@touch $@ $(VENV)/.installed

demo: $(VENV)/.installed  ## convert fixtures/sample into build/demo and show what was made
	@rm -rf $(DEMO)
	@echo '$$ $(BIN)/compose2fargate --project-directory fixtures/sample convert --output $(DEMO)'
	@$(BIN)/compose2fargate --project-directory fixtures/sample convert --output $(DEMO)
	@printf '\nFiles made in $(DEMO):\n'
	@cd $(DEMO) && find . -type f | LC_ALL=C sort | sed 's|^\./|  |'
	@printf '\ntask-definitions/web.json:\n'
	@cat $(DEMO)/task-definitions/web.json
	@printf '\nTo try it in a fake AWS: %s && %s\n' "$(BIN)/pip install -e '.[sandbox]'" \
		'$(BIN)/compose2fargate apply --project-directory fixtures/sample --sandbox'

test: $(VENV)/.installed-dev  ## the default suite; ARGS='-k name' narrows it
	$(PYTEST) -n $(WORKERS) -m 'not slow and not conformance and not engine and not rehearsal and not benchmark' $(ARGS)

test-all: $(VENV)/.installed-dev  ## everything but the benchmark; conformance needs COMPOSE_CORPUS
	$(PYTEST) -n $(WORKERS) -m 'not engine and not rehearsal and not benchmark' $(ARGS)

rehearsal: $(VENV)/.installed-dev  ## projects run by Docker Compose and rehearsed; needs a Docker engine, and COMPOSE_ORACLE
	$(PYTEST) -n $(WORKERS) -m rehearsal tests/rehearsal $(ARGS)

faults: $(VENV)/.installed-dev  ## each call of apply and destroy fails in each way; takes an hour
	FAULTS=each $(PYTEST) -n $(WORKERS) --dist worksteal -m slow tests/apply/test_faults.py $(ARGS)

lint: $(VENV)/.installed-dev  ## ruff check, ruff format --check, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.installed-dev  ## let ruff rewrite the sources
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-dev  ## time and memory, as ratios
	$(PYTEST) -s -p no:xdist tests/benchmark -m benchmark $(ARGS)

dist: $(VENV)/.installed-dev  ## wheel and source archive into dist/
	$(BIN)/python -m hatchling build

clean:  ## remove everything that make made
	rm -rf $(VENV) build dist .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What people type. `make help` lists it.
SHELL := bash
# The system's own Python where it will do: distributions build theirs with profile-guided optimisation, a fifth faster.
WILL_DO = import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(or $(shell /usr/bin/python3 -c '$(WILL_DO)' 2>/dev/null && echo /usr/bin/python3),python3)
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
STACK ?= embedded
ARGS ?=
RATE ?= 300
DURATION ?= 30
CONNECTIONS ?= 900
HOT ?= 0
COD ?= 0.5
VARIANTS ?= 1000
LOAD = --rate $(RATE) --duration $(DURATION) --connections $(CONNECTIONS) --hot $(HOT) --cod $(COD) --variants $(VARIANTS)
COMPILE := $(UV) pip compile -q --universal --generate-hashes --no-emit-index-url --python-version 3.11 --no-header

.DEFAULT_GOAL := help
.PHONY: help demo test check up down bench load fault contracts lock clean

help: ## list these targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /\1\t/' | expand -t 12

$(VENV)/installed: requirements/dev.txt
	@echo "setting up $(VENV) (once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(UV) || $(BIN)/python -m pip install -q --disable-pip-version-check uv
	@$(UV) pip sync -q --compile-bytecode --python $(BIN)/python --require-hashes requirements/dev.txt
	@$(BIN)/python -c "import pathlib, site; pathlib.Path(site.getsitepackages()[0], 'wanpu_checkout.pth').write_text(str(pathlib.Path.cwd()) + '\n')"
	@touch $@

demo: $(VENV)/installed ## the main job end to end, on an embedded PostgreSQL and Kafka (STACK=compose: against docker compose)
	@$(BIN)/python -m wanpu demo --stack $(STACK) $(ARGS)

test: $(VENV)/installed ## every test, on a real PostgreSQL and a real Kafka
	@$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/installed ## style, types, import rules, drift of generated files
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m wanpu schemas check
	@$(BIN)/python -m wanpu settings check

up: $(VENV)/installed ## start the platform here (ARGS="--detach --data DIR")
	@$(BIN)/python -m wanpu up $(ARGS)

down: $(VENV)/installed ## stop what `make up` started
	@$(BIN)/python -m wanpu down $(ARGS)

bench: $(VENV)/installed ## measure against PostgreSQL's and Kafka's own tools
	@$(BIN)/python -m bench $(ARGS)

load: $(VENV)/installed ## offer orders and leave the books alone (RATE=300 DURATION=30 CONNECTIONS=900 HOT=0 COD=0.5 VARIANTS=1000 STACK=)
	@$(BIN)/python -m load run $(LOAD) --stack $(STACK) $(if $(filter 1,$(RETRY)),--retry) $(if $(filter 1,$(LIVE)),--live) $(ARGS)

fault: $(VENV)/installed ## break it on purpose, then reconcile (ARGS="F2 F8")
	@$(BIN)/python -m tests.failures $(ARGS)

contracts: $(VENV)/installed ## regenerate schemas, examples and AsyncAPI from the event classes, docs/settings.md from the settings
	@$(BIN)/python -m wanpu schemas write
	@$(BIN)/python -m wanpu settings write

lock: $(VENV)/installed ## resolve requirements/*.in again
	@for name in main local dev; do $(COMPILE) requirements/$$name.in -o requirements/$$name.txt; done

clean: ## remove the virtual environment and caches
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

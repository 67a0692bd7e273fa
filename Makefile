# One menu, on every machine. `make` alone lists it. Everything is installed into .venv from requirements.lock.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV  := .venv
BIN   := $(VENV)/bin
READY := $(VENV)/.ready
ERP   ?= netsuite
PSA   ?= kantata
ARGS  ?=

help:            ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

$(READY): requirements.lock pyproject.toml tools/bootstrap.sh
	@sh tools/bootstrap.sh $(VENV)
	@touch $@

setup: $(READY)  ## Make .venv with everything the product and its tests need

ifeq ($(ERP),tryton)
demo: tryton
endif
demo: $(READY)   ## Run the simulated firm: make demo [ERP=tryton] [ARGS="--headless --json out.json"]
	@$(BIN)/accordant demo --erp $(ERP) --psa $(PSA) $(ARGS)

check: $(READY)  ## Format, lint, types, ladder, unit tests (under a minute)
	@$(BIN)/python tools/check.py

test: $(READY) browser tryton  ## Every test: units, contracts, scenarios, crash drills, pages, real ERP
	@$(BIN)/python -m pytest -n auto -q tests

proof: $(READY) browser tryton ## The whole step × fault matrix and the long drills
	@ACCORDANT_PROOF=1 $(BIN)/python -m pytest -n auto -q tests

connectors: $(READY) tryton ## Compute what each connector may do from the contract suites it passes
	@$(BIN)/python -m pytest -q -n auto -p accordant.testing.plugin \
		--permissions src/accordant/connectors/permissions.json tests/contract; status=$$?; \
	$(BIN)/accordant connectors; exit $$status

bench: $(READY)  ## Speed and memory, as ratios against the bare work
	@$(BIN)/accordant bench $(ARGS)

report: $(READY) ## Write docs/requirements.md: each requirement and what shows it
	@$(BIN)/python tools/report.py

fix: $(READY)    ## Format and mend what ruff can mend
	@$(BIN)/ruff format -q . && $(BIN)/ruff check -q --fix .

tryton: $(READY) ## Install a real Tryton 8.0 ERP beside the product (separate process, own environment)
	@sh tools/tryton.sh .tryton

browser: $(READY) ## Make sure a Chromium is installed, for the page tests
	@sh tools/browser.sh

lock:            ## Resolve requirements.lock and constraints.txt anew (needs uv)
	@sh tools/lock.sh

clean:           ## Remove what was built; keeps the databases under var/
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.PHONY: help setup demo check test proof connectors bench report fix tryton browser lock clean

# `make demo` and `make test` do all the set-up a fresh machine needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The demo needs the product only. The checks need their tools too, in the same environment.
PRODUCT := $(VENV)/.product
DEV := $(VENV)/.dev
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DELETE_ON_ERROR:
.PHONY: demo test lint bench examples clean

$(PRODUCT): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Autopilot needs Python 3.11 or newer; this is %d.%d. Try: make PYTHON=python3.12 ..." % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --editable .
	@touch $@

$(DEV): $(PRODUCT)
	$(PIP) install --editable '.[dev]'
	@touch $@

demo: $(PRODUCT)  ## the whole job on a simulated market, or on real candles: make demo DATA=folder
	@$(BIN)/autopilot demo $(if $(DATA),--data '$(DATA)')

test: $(DEV)  ## every check: tests, types, lint, layering
	$(BIN)/pytest -n auto --dist loadgroup
	$(MAKE) --no-print-directory lint

lint: $(DEV)
	$(BIN)/mypy
	$(BIN)/ruff check src tests benchmarks docs
	$(BIN)/ruff format --check src tests benchmarks docs
	$(BIN)/lint-imports

bench: $(DEV)
	$(BIN)/python -m benchmarks

examples: $(DEV)  ## the examples and pictures of README.md and docs/, made again
	$(BIN)/python docs/examples.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

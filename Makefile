# armwise: every target sets up what it needs. `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
PROTOCOL ?= demo
# `make bench-gpu` runs with any Python 3.11 to 3.13 that has torch, torchvision and numpy.
GPU_PYTHON ?= $(if $(wildcard $(BIN)/python),$(BIN)/python,python3)
GPU_ARGS ?=
export UV_LINK_MODE ?= copy
# Where bytecode is not kept, every process compiles all that it imports: half of a command's start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup retrain test serve ui bench bench-gpu lint types check lock reference

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

setup: $(VENV)/.installed  ## the environment in .venv, exactly as locked

$(VENV)/.installed: requirements.lock pyproject.toml
	@command -v $(PYTHON) > /dev/null || { echo "expected Python 3.11 as '$(PYTHON)'; name yours: make PYTHON=/path/to/python3.11"; exit 2; }
	@echo "Set-up: the locked environment in $(VENV)"
	@start=$$SECONDS; \
	  $(PYTHON) -m venv $(VENV) && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) && \
	  $(BIN)/uv pip install --python $(BIN)/python --requirement requirements.lock && \
	  $(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --editable . && \
	  touch $@ && echo "Set-up took $$((SECONDS - start)) s"

retrain: setup  ## the main job on the embedded default: from the cohort to the registry
	@$(BIN)/armwise retrain --protocol $(PROTOCOL)

test: setup  ## all tests but the long campaigns
	$(BIN)/python -m pytest -m "not campaign" -n 2
	@echo "All tests passed. Next: make retrain, or make bench for speed and truth of the demo."

serve: setup  ## the champion (or the newest recommender) over HTTP on this machine
	@$(BIN)/armwise serve

ui: setup  ## the MLflow UI on the embedded store
	@$(BIN)/armwise ui

bench: setup  ## speed against R and what users would pick instead, leakage, the demo's truth
	@$(BIN)/python -m benchmarks

bench-gpu:  ## training steps and trials at once on a GPU; torch, torchvision and numpy are enough
	@$(GPU_PYTHON) -m benchmarks.gpu $(GPU_ARGS)

reference: setup  ## R's numbers made again and held against (needs R)
	@command -v Rscript > /dev/null || { echo "expected Rscript; Debian: apt-get install r-base-core r-cran-survival r-cran-glmnet r-cran-rms r-cran-proc r-cran-riskregression r-cran-jsonlite"; exit 2; }
	@out=$$(mktemp -d); cp -r tests/reference/inputs $$out/; \
	  Rscript tests/reference/r/all.R tests/reference $$out && \
	  $(BIN)/python -m pytest tests/reference --reference $$out && \
	  echo "R's numbers, made again, lie in $$out/values; the statistics agree with them."

lint: setup  ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

types: setup  ## types, strictly
	$(BIN)/mypy

check: lint types test  ## all of lint, types, test

lock: setup  ## requirements.lock from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --extra dev --python-version 3.11 --no-header --no-annotate \
	  --no-emit-index-url --output-file requirements.lock

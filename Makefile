# make demo, make test: everything they need is installed into .venv first.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.installed-docs
PYTHON ?=
JOBS ?= 2
GPU_PYTHON = $(or $(PYTHON),$(wildcard $(BIN)/python),python3)

# constraints.txt pins versions for these.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))

# Sets $$found to the first supported Python that can make a venv.
FIND_PYTHON = \
	found=; \
	for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.14); do \
	  "$$python" -c '$(SUPPORTED)' 2>/dev/null || continue; \
	  found=$$python; \
	  "$$python" -c 'import ensurepip, venv' 2>/dev/null && break; \
	  found="$$python without venv"; \
	done; \
	case "$$found" in \
	  "") echo "error: $(if $(PYTHON),PYTHON=$(PYTHON) is not a Python 3.11 to 3.14,no Python 3.11 to 3.14 found: install one or name it: make PYTHON=/path/to/python3)" >&2; exit 1;; \
	  *" without venv") echo "error: $${found% without venv} has no venv module: install it (Debian, Ubuntu: apt install python3-venv) or name another: make PYTHON=/path/to/python3" >&2; exit 1;; \
	esac

SEARCH := $(BIN)/python -m spikewhen.examples.yamada_chao_2026.search

.PHONY: help env demo test test-fast verify mutants docs bench search gpu-host-check gpu-check gpu-bench gpu-expected gpu-all lint format clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

env: $(STAMP)  ## install into .venv, at the versions of constraints.txt

$(STAMP): pyproject.toml constraints.txt
	@$(BIN)/python -c 'import pip; $(SUPPORTED)' 2>/dev/null || { $(FIND_PYTHON); "$$found" -m venv --clear $(VENV); }
	@echo "Installing into $(VENV) (a minute or two, once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]" -c constraints.txt
	@touch $@

demo: $(STAMP)  ## simulate a small experiment and draw its figures into results/demo
	$(BIN)/spikewhen demo --out results/demo

# worksteal gives each process neighbouring tests, which share compiled functions and fixtures.
PYTEST := $(BIN)/pytest -n $(JOBS) --dist worksteal

test: $(STAMP)  ## run the tests
	$(PYTEST)

# The engine, the rules, the tasks' contract, and one run from the front door.
FAST := tests/reservoir/test_engine.py tests/reservoir/test_rules.py tests/paradigms/test_contract.py \
	tests/experiments/test_run.py tests/project/test_architecture.py

test-fast: $(STAMP)  ## the engine, the rules and one run: a minute on two cores once kernels are compiled
	$(PYTEST) $(FAST)

verify: $(STAMP)  ## the long tests of equality, and of kills, damage and hostile input (an hour)
	$(PYTEST) -m long

bench: $(STAMP)  ## measure against peers and the machine's limits, on one quiet machine (needs g++)
	$(BIN)/python -m benchmarks

search: $(STAMP)  ## search network and rules again, from where the journal in results/search ends (hours)
	$(SEARCH) regime --minutes 60
	$(SEARCH) regime-rls --minutes 60
	$(SEARCH) validate
	$(SEARCH) rules --minutes 120
	$(SEARCH) rivals --minutes 180
	$(SEARCH) causal --minutes 60
	$(SEARCH) memories
	$(SEARCH) what
	$(SEARCH) report > docs/search_trials.csv

gpu-host-check: $(STAMP)  ## the GPU kernel run on the host, 100,000 steps of every rule (minutes; needs g++)
	$(PYTEST) -m long tests/gpu/test_gpu_kernel.py

gpu-check:  ## on a GPU: the same bits as the CPU engine (PYTHON with NumPy, Numba, h5py, CuPy; else .venv)
	$(GPU_PYTHON) -m spikewhen.gpu.check

gpu-bench:  ## on a GPU: speed, with what the card can do (the same Python)
	$(GPU_PYTHON) -m benchmarks.gpu

gpu-expected: $(STAMP)  ## networks and hashes for gpu-all, made on the CPU into results/gpu-expected
	$(BIN)/python -m benchmarks.gpu_all.carried

gpu-all:  ## on a GPU: all of it in eight minutes, a line of JSON each (the same Python; GPU_ALL="--seconds 140")
	$(GPU_PYTHON) -m benchmarks.gpu_all $(GPU_ALL)

mutants: $(STAMP)  ## plant faults and see whether a test notices (hours; MUTANTS="--each 10" for a sample)
	$(BIN)/python tests/mutants/run_mutants.py $(MUTANTS)

$(DOCS_STAMP): $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[docs]" -c constraints.txt
	@touch $@

docs: $(DOCS_STAMP)  ## the pages and the API reference into build/docs/index.html; a warning is an error
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs

lint: $(STAMP)  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)  ## sort imports, fix what can be fixed, format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove caches, build leftovers and results/demo; .venv stays
	rm -rf results/demo build docs/api/generated docs/gallery dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

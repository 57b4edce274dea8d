# The two main commands: `make demo` and `make test`. They need Python 3.11 or newer and make, nothing else.
PYTHON ?= python3
BIN := .venv/bin
CODE := $(shell find common sources weights lungseg classify pipeline -name '*.py' -o -path '*/templates/*') __init__.py __main__.py
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable
STRICT := --config-settings editable_mode=strict
# No package index is named here: set one in pip's configuration, for example for CPU-only builds.

TESTS := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder --durations 5

# The CPU build, where pip's settings offer one: make test-torch TORCH='torch --index-url https://download.pytorch.org/whl/cpu'
TORCH := torch

.PHONY: demo test test-torch coverage lint bench clean help

help:
	@echo "make demo   install into .venv, run the pipeline on the slices and the series in examples/, write results/"
	@echo "make test   install everything, check style, spelling and types, run all tests"
	@echo "make test-torch  install PyTorch and MONAI as well, test the adapters with them"
	@echo "make coverage  run all tests and list the lines that they don't reach; slower"
	@echo "make bench  time lungct against what it replaces, write docs/performance.*; takes ten minutes on an otherwise idle machine"
	@echo "make clean  remove .venv, results and caches"

demo: .venv/demo
	$(BIN)/lungct predict examples --out results --html
	@echo "Open results/*.html: a sheet for each scan, showing the lungs that were found. The numbers are in results/predictions.csv."

test: .venv/test lint
	$(TESTS)

test-torch: .venv/test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check monai
	$(BIN)/python -m pytest tests/pipeline/adapters

coverage: .venv/test
	$(TESTS) --cov --cov-report term

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/typos
	$(BIN)/mypy -p lungct

bench: .venv/test
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/plot.py

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo: .venv/bin/python setup.cfg pyproject.toml $(CODE)
	$(INSTALL) . $(STRICT)
	@touch $@

.venv/test: .venv/bin/python setup.cfg pyproject.toml $(CODE)
	$(INSTALL) ".[train,test,dev]" $(STRICT)
	@touch $@ .venv/demo

clean:
	rm -rf .venv results build *.egg-info .pytest_cache .mypy_cache .ruff_cache

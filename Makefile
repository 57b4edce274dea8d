# Two commands for people: `make demo` and `make test`. Needs Python 3.11 or newer and make, nothing else.
PYTHON ?= python3
BIN := .venv/bin
CODE := $(shell find common sources weights lungseg classify pipeline -name '*.py') __init__.py __main__.py
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable
STRICT := --config-settings editable_mode=strict
# Where a machine has CPU builds of its own, pip's settings say so; nothing here names an index.

TESTS := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder --durations 5

.PHONY: demo test coverage lint bench clean help

help:
	@echo "make demo   install into .venv, judge the slices and the series in examples/, write results/"
	@echo "make test   install everything, check style and types, run all tests"
	@echo "make coverage  run all tests, and say which lines they don't reach; slower"
	@echo "make bench  time everything against what it replaces, write docs/performance.*; ten minutes, nothing else running"
	@echo "make clean  remove .venv, results and caches"

demo: .venv/demo
	$(BIN)/lungct predict examples --out results --html
	@echo "Open results/*.html: a sheet for each scan, with the lungs that were found; results/predictions.csv has the numbers."

test: .venv/test lint
	$(TESTS)

coverage: .venv/test
	$(TESTS) --cov --cov-report term

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
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

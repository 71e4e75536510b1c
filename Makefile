# Every target makes the virtual environment it needs (.venv), without root and without a compiler.
# Choose a Python by `make PYTHON=/path/to/python3.12 setup`; pass options on by ARGS, as in
# `make figures ARGS='--corpus real --data-root /data'`.

.PHONY: help setup figures smoke test lint record lab clean

VENV_PYTHON := .venv/bin/python
SUITABLE := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
CANDIDATES = $(if $(PYTHON),'$(PYTHON)',$(if $(wildcard .venv/whole),$(VENV_PYTHON)) python3 python3.13 python3.12 python3.11 python)

help: ## print this list
	@sed -n 's/^\([a-z]*\):.*## /make \1	/p' Makefile

setup: ## make or renew .venv; nothing to do where it is whole and up to date
	@for python in $(CANDIDATES); do \
	    if "$$python" -c '$(SUITABLE)' >/dev/null 2>&1; then exec "$$python" tools/setup.py; fi; \
	done; \
	echo "make: no Python 3.11 to 3.13 with its venv module among: $(subst ',,$(CANDIDATES))" >&2; \
	echo "make: install one (on Debian and Ubuntu python3-venv too), or name it: make PYTHON=/path/to/python3.12" >&2; \
	exit 1

figures: setup ## run all notebooks in the default profile: every figure and table, and compare with the record
	$(VENV_PYTHON) -m nblib run --profile quick $(ARGS)

smoke: setup ## run all notebooks at the least sizes (3 minutes)
	$(VENV_PYTHON) -m nblib run --profile smoke $(ARGS)

lint: setup ## style, format and types
	$(VENV_PYTHON) -m ruff check --no-cache
	$(VENV_PYTHON) -m ruff format --no-cache --check
	$(VENV_PYTHON) -m mypy nblib

# One thread per worker, since two workers share the cores; --nbval runs the notebooks against their saved outputs.
test: lint ## all checks: lint, tests, notebooks
	OMP_NUM_THREADS=1 $(VENV_PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --nbval --nbval-current-env \
	    --nbval-sanitize-with tests/nbval_sanitize.cfg tests $(wildcard notebooks/*.ipynb)

PROFILE ?= quick
record: setup ## for maintainers: own results of PROFILE become the record, its pictures and notebooks are made anew
	test -f data/results/$(PROFILE)/claims.csv  # a whole run of the suite must have ended
	rm -rf data/record/$(PROFILE) figures/$(PROFILE)
	mkdir -p data/record && cp -r data/results/$(PROFILE) data/record/$(PROFILE)
	rm -f data/record/$(PROFILE)/comparison.*
	NBLIB_RECORD=1 $(VENV_PYTHON) -m jupyter nbconvert --to notebook --execute --inplace \
	    --ExecutePreprocessor.record_timing=False notebooks/*.ipynb

lab: setup ## open the notebooks in JupyterLab
	cd notebooks && ../$(VENV_PYTHON) -m jupyterlab $(ARGS)

clean: ## remove the virtual environment and the tools' caches, never data
	rm -rf .venv build nblib.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache

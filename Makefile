# Two commands on a fresh machine: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.installed

.PHONY: setup demo test lint types contract wheel figures bench docs clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt 'pip>=25.1'
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all]' --group dev
	touch $@

demo: setup  ## train on digits, audit, leave everything in demo/
	$(RUN) -m gramax demo --out demo

test: setup  ## the test suite
	$(RUN) -m pytest -n 2 --dist loadfile

lint: setup
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m docs.build --check

types: setup  ## static types, then the shapes of internal functions at run time
	$(VENV)/bin/pyright
	$(RUN) -m pytest -q -n 2 --jaxtyping-packages=gramax,beartype.beartype -k 'not bad_sizes' tests/test_moments.py tests/test_seed.py

contract: setup
	$(VENV)/bin/lint-imports

wheel: setup  ## build the wheel, install it into an empty environment, audit there
	.ci/check-wheel $(VENV)

figures: setup
	$(RUN) -m gramax figures --out figures

bench: setup
	$(RUN) -m benchmarks.report

docs: setup  ## write docs/metrics.md and docs/reference.md from the code
	$(RUN) -m docs.build

clean:
	rm -rf $(VENV) demo figures dist build

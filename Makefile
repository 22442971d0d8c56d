# Two commands on a fresh machine: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.installed

# Programs that XLA compiled are kept for the next process, and the next run: most of the time of the
# tests is compilation.
export JAX_COMPILATION_CACHE_DIR ?= $(CURDIR)/.jax-cache
export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS ?= 0.1
export JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES ?= 0

.PHONY: setup demo test test-nightly test-lowest test-newest sbom vulnerabilities lint types contract wheel figures bench numerics fuzz mutants docs clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt 'pip>=25.1'
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all]' --group dev --group docs --group contract
	touch $@

demo: setup  ## train on digits, audit, leave everything in demo/
	$(RUN) -m gramax demo --out demo

# One thread of BLAS each: tests run beside each other, one on each core.
test test-nightly test-lowest test-newest types: export OPENBLAS_NUM_THREADS ?= 1

# Hundreds of processes that the tests start import gramax: where Python is told to keep no bytecode,
# each of them would compile it anew.
test test-nightly test-lowest test-newest: export PYTHONDONTWRITEBYTECODE :=

# Tests run many small programs once: what XLA does to make them fast does not pay, and is most of
# the time of compiling; test-lowest and test-newest do not,
# and pages with thousands of codes need LLVM.
test types: export XLA_FLAGS ?= --xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=0
docs: export XLA_FLAGS ?= --xla_cpu_use_fusion_emitters=false

test: setup  ## the test suite
	$(RUN) -m pytest -n 2 --dist loadfile
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || echo \
	  "The browser tests were left out: there is no chromium here (Debian: apt-get install chromium)."

test-nightly: NIGHTLY = .venv-nightly/bin/python
test-nightly:  ## the tests that need torch, Lightning, transformers, Keras and the trackers (3 GB)
	$(PYTHON) -m venv .venv-nightly
	$(NIGHTLY) -m pip install --quiet --disable-pip-version-check -c constraints.txt 'pip>=25.1'
	$(NIGHTLY) -m pip install --quiet --disable-pip-version-check -c constraints-nightly.txt -e '.[train,demo]' --group nightly
	KERAS_BACKEND=torch $(NIGHTLY) -m pytest -m nightly tests/training tests/sinks tests/inputs tests/test_reference.py
	KERAS_BACKEND=jax $(NIGHTLY) -m pytest -m nightly tests/training -k keras
	$(NIGHTLY) -m pytest -k "torch or gradients" tests/libraries tests/test_undefined.py tests/test_transform.py

test-lowest: LOWEST = .venv-lowest/bin/python
# jaxlib 0.10.0 writes a line to stderr for programs that come from the cache; tests read stderr.
test-lowest: export TF_CPP_MIN_LOG_LEVEL = 3
test-lowest:  ## the test suite with the lowest versions that pyproject.toml allows
	$(PYTHON) -m venv .venv-lowest
	$(PYTHON) .ci/lowest.py > .venv-lowest/constraints.txt
	$(LOWEST) -m pip install --quiet --disable-pip-version-check -c constraints.txt 'pip>=25.1'
	$(LOWEST) -m pip install --quiet --disable-pip-version-check -c .venv-lowest/constraints.txt -e '.[all]' --group dev
	$(LOWEST) -m pytest -n 2 --dist loadfile -W default --ignore tests/test_supply.py

test-newest: NEWEST = .venv-newest/bin/python
test-newest:  ## the test suite with the newest versions that there are today, without pins
	$(PYTHON) -m venv .venv-newest
	$(NEWEST) -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
	$(NEWEST) -m pip install --quiet --disable-pip-version-check -e '.[all]' --group dev
	$(NEWEST) -m pytest -n 2 --dist loadfile -W default --ignore tests/test_supply.py

sbom:  ## the bill of materials of all that is installed with gramax[all]: dist/gramax.cdx.json
	$(PYTHON) -m venv .venv-sbom/product
	$(PYTHON) -m venv .venv-sbom/tools
	.venv-sbom/tools/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt 'pip>=25.1'
	.venv-sbom/tools/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group supply
	.venv-sbom/product/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt '.[all]'
	.venv-sbom/product/bin/python -m pip check
	.venv-sbom/product/bin/python -m pip uninstall --quiet --yes setuptools pip
	mkdir -p dist
	.venv-sbom/tools/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible -o dist/gramax.cdx.json .venv-sbom/product

vulnerabilities: sbom  ## what is known against the pinned versions; asks the package index
	.venv-sbom/tools/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip

lint: setup
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m docs.build --check

types: setup  ## static types, then the shapes of internal functions at run time
	$(VENV)/bin/pyright
	$(RUN) -m pytest -q -n 2 --jaxtyping-packages=gramax,beartype.beartype -k 'not bad_sizes and not gradient and not run_many' tests/test_moments.py tests/test_seed.py

contract: setup
	$(VENV)/bin/lint-imports

wheel: setup  ## build the wheel, install it into an empty environment, audit there
	.ci/check-wheel $(VENV)

figures: setup
	$(RUN) -m gramax figures --out figures

bench: setup
	$(RUN) -m benchmarks.report

fuzz: setup  ## 20 000 hostile inputs for every reader, guided by coverage (Linux); half an hour to an hour
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt --group fuzz
	$(RUN) -m tests.fuzz --inputs 20000

numerics: setup  ## measure every metric on hard inputs, write docs/numerics.md
	$(RUN) -m benchmarks.numerics

mutants: SHARE ?= 1
mutants: setup  ## mutation testing of the numeric core (hours; SHARE=0.1 for a tenth of the mutants)
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt --group mutation
	$(RUN) -m tests.mutation --share $(SHARE)

docs: setup  ## write what comes from the code, execute the pages, build docs/_build/html
	$(RUN) -m docs.build
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(RUN) -m sphinx -q -W --keep-going -b html docs docs/_build/html

clean:
	rm -rf $(VENV) .venv-nightly .venv-lowest .venv-newest .venv-sbom .jax-cache docs/_build demo figures dist build

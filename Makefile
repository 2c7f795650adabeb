# Lockstep: `make run` shows it working, `make test` proves it, `make check` is what CI runs.
# Needs Python 3.11 or newer with venv, and make; the compiled build also needs gcc and Python.h.

PYTHON  ?= $(shell for p in python3 python3.11 python3.12 python3.13; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
WORKERS ?= 2
DEMO    ?=
DESK_DEMO ?= $(DEMO)
PROOFS  ?=
FAULTS  ?=
BEFORE  ?= HEAD
SECONDS ?= 60
FUZZ    ?=
SIM     ?= --seeds 2000 --need-all
MUTATION ?=

BIN     := .venv/bin
PY      := $(BIN)/python
PIP     := $(PY) -m pip install -qq --disable-pip-version-check
FOLDERS := engine journal replay validator runtime desk
SOURCES := $(shell find $(FOLDERS) -name '*.py' | LC_ALL=C sort) setup.py pyproject.toml
C       := $(CURDIR)/build/compiled-$(shell sha256sum $(SOURCES) | sha256sum | cut -c1-12)
LINTED  := $(FOLDERS) tests setup.py $(wildcard examples)
EMPTY   :=
PYPATH  := $(subst $(EMPTY) ,:,$(addprefix $(CURDIR)/,$(FOLDERS)))

.PHONY: help setup setup-test setup-dev no-so run test proofs faults fuzz sim mutation lint wheel check
.PHONY: compiled test-c
.PHONY: bench bench-durable record build clean
.DEFAULT_GOAL := help

help: ## Say what each target does
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

setup: .venv/.installed ## Create .venv and install Lockstep into it, editable
	@:

setup-test: .venv/.installed-test
	@:

setup-dev: .venv/.installed-dev
	@:

# The stamps depend on pyproject.toml: changed dependencies or programs are installed again.
.venv/.installed: pyproject.toml setup.py
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer is needed, none was found" >&2; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv .venv || { rm -rf .venv; echo "make: '$(PYTHON) -m venv' failed; on Debian install python3-venv" >&2; exit 1; }
	@LOCKSTEP_MYPYC= $(PIP) --editable .
	@touch $@

.venv/.installed-test: .venv/.installed
	@LOCKSTEP_MYPYC= $(PIP) --editable '.[test]'
	@touch $@

.venv/.installed-dev: .venv/.installed-test
	@LOCKSTEP_MYPYC= $(PIP) --editable '.[dev]'
	@touch $@

.venv/.installed-proofs: .venv/.installed-test
	@LOCKSTEP_MYPYC= $(PIP) --editable '.[proofs]'
	@touch $@

.venv/.installed-fuzz: .venv/.installed-test
	@LOCKSTEP_MYPYC= $(PIP) --editable '.[fuzz]'
	@touch $@

.venv/.installed-mutation: .venv/.installed-test
	@LOCKSTEP_MYPYC= $(PIP) --editable '.[mutation]'
	@touch $@

no-so:
	@found=$$(find $(FOLDERS) -name '*.so' -o -name '*.pyd'); test -z "$$found" || \
	  { echo "make: compiled files hide the sources beside them, delete:" $$found >&2; exit 1; }

run: setup ## Install and run the demos of exchange and desk: trade, kill, recover, validate
	@$(BIN)/lockstep demo $(DEMO)
	@$(BIN)/lockstep desk demo $(DESK_DEMO)

test: setup-test no-so ## Run the tests on the interpreted build
	@LOCKSTEP_EXPECT=interpreted $(PY) -m pytest -q -n $(WORKERS) --dist worksteal

proofs: .venv/.installed-proofs no-so ## Prove contracts on the arithmetic with CrossHair, in minutes
	@$(PY) -m tests.proofs --jobs $(WORKERS) $(PROOFS)

# Needs strace, faketime and the right to mount a tmpfs; .ci/run installs the first two.
faults: setup-test no-so ## Fill the scorecard of faults; half an hour; FAULTS=--short a sample
	@$(PY) -m tests.faults $(FAULTS)

fuzz: .venv/.installed-fuzz no-so ## Fuzz everything that reads bytes from outside, SECONDS=60 each
	@$(PY) -m tests.fuzz --seconds $(SECONDS) $(FUZZ)

sim: setup no-so ## Simulate the whole under drawn faults, 2,000 seeds
	@$(BIN)/lockstep simulate $(SIM)

mutation: .venv/.installed-mutation no-so ## Mutate matching, money, nonces and MMP; half an hour
	@$(PY) -m tests.mutation --jobs $(WORKERS) $(MUTATION)

lint: setup-dev ## Check style, types and the arrows between packages
	@$(BIN)/ruff check --quiet $(LINTED)
	@$(BIN)/ruff format --quiet --check $(LINTED)
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/basedpyright --warnings
	@PYTHONPATH=$(PYPATH) $(BIN)/lint-imports --no-logo --cache-dir build/import-linter

wheel: setup-dev no-so ## Build the wheel and test it with the sources out of the way
	@tests/wheel/run.sh $(PY)

check: ## Everything CI runs; what needs one core runs two at a time
	@$(MAKE) --no-print-directory --output-sync -j2 lint compiled
	@$(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory --output-sync -j2 wheel run faults DEMO=--quick FAULTS="--short $(FAULTS)"
	@$(MAKE) --no-print-directory test-c

# The name holds a hash of all sources, so an edited or deleted file can never be hidden by an old
# build; and it lies outside the source folders, so the interpreted tests never see it.
$(C)/.done: | setup-dev no-so
	@rm -rf build/compiled-* build/mypyc build/temp
	@LOCKSTEP_MYPYC=1 $(PY) setup.py -q build --build-lib $(C) --build-temp build/temp
	@touch $@

compiled: $(C)/.done

# Left out is what plants bugs in sources, looks at text, or asks the journal and the programs for what
# they do around the engine: kernel, engine and validator are compiled, and run all of their tests. The
# naive machine is not; it runs beside the engine in tests/property. Nor is the fund layer.
NOT_C   := faults planted proofs simulated_faults mutation unit/journal unit/runtime unit/bench unit/simulate unit/naive \
           planted_desk conformance desk_pnl desk_recon desk_demo_crashes unit/desk unit/test_tidy.py unit/test_determinism_lint.py unit/test_operations.py unit/test_durable.py unit/test_rules_cited.py

test-c: $(C)/.done ## Compile the hot modules and run their tests on them
	@PYTHONPATH=$(C):$(CURDIR) LOCKSTEP_EXPECT=compiled $(PY) -m pytest -q -n $(WORKERS) --dist worksteal \
	  -o pythonpath= $(addprefix --ignore=tests/,$(NOT_C)) -k "not naive or property"

bench: $(C)/.done ## Measure speed, interpreted and compiled, against a bare matcher
	@$(PIP) --editable '.[plot]'
	@LOCKSTEP_COMPILED=$(C) $(BIN)/lockstep bench

bench-durable: setup-test no-so ## Compare durable rate and commit latency with those of BEFORE, a commit
	@$(PY) -m tests.durable $(BEFORE)

record: setup-test no-so ## Write the golden files anew; commit them with the reason
	@LOCKSTEP_RECORD=1 LOCKSTEP_EXPECT=interpreted $(PY) -m pytest -q tests/golden tests/fuzz tests/unit/test_exported_names.py tests/unit/engine/test_vocabulary.py tests/unit/desk/core/test_vocabulary.py tests/unit/desk/recon/test_wire.py tests/evidence/test_walkthrough.py tests/conformance

build: setup-dev no-so ## Build the source archive and the wheel into dist
	@rm -rf build/lib build/bdist.* dist && mkdir -p build
	@$(PY) -m build --no-isolation --outdir dist . >build/build.log 2>&1 || { cat build/build.log >&2; exit 1; }
	@ls dist

clean: ## Delete everything built, but not .venv
	@rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find $(FOLDERS) tests -name __pycache__ -type d -prune -exec rm -rf {} +

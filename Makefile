# Every target makes .venv by itself when it is missing or stale.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BASE := $(VENV)/.base
READY := $(VENV)/.ready
UV := uv==0.13.9
# of pyproject.toml; make setup EXTRAS=soc brings what the commands of that one need besides
ALL_EXTRAS := dev,soc,rig
EXTRAS ?=
# what boards/*/board.py are checked against; the packages overwrite each other: a folder for each
STUBS := stm32=1.29.0.post1 mimxrt=1.26.1.post1
ARGS ?=
# what was compiled once is kept: the tests start hundreds of processes
export PYTHONDONTWRITEBYTECODE :=

comma := ,
empty :=
space := $(empty) $(empty)
.DEFAULT_GOAL := help
BOARD ?= unix
PORT ?=

.PHONY: help flash doctor setup extras run rig test all-tests covered test-32 test-fast lint format bench generate lock rig-mf4 soak clean coverage mutate soc-report soc-tables thermal-report

help: ## show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(if $(EXTRAS),extras,$(READY)) ## make .venv with the pinned packages, with all extras or those of EXTRAS=soc

# lines of a shell: the pinned versions of $(1), quickly by uv, else by pip
define install
$(BIN)/uv pip install --quiet --python $(BIN)/python -c requirements.lock -e '.$(1)' \
  || $(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.$(1)'
endef

# what the commands need
$(BASE): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "autarky needs Python 3.11 or later; set PYTHON=python3.x"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(UV) \
	  || echo "uv is not to be had: pip installs, which takes longer"
	$(call install)
	@touch $@

extras: $(BASE)
	@unknown="$(filter-out $(subst $(comma), ,$(ALL_EXTRAS)),$(subst $(comma), ,$(EXTRAS)))"; \
	  [ -z "$$unknown" ] || { echo "EXTRAS: there is no $$unknown; choose of $(ALL_EXTRAS)"; exit 1; }
	$(call install,[$(subst $(space),$(comma),$(strip $(EXTRAS)))])

# and what tests and lint need besides
$(READY): $(BASE)
	$(call install,[$(ALL_EXTRAS)])
	@for stubs in $(STUBS); do port=$${stubs%%=*}; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
	    --target $(VENV)/stubs/$$port micropython-$$port-stubs==$${stubs##*=} || exit 1; done
	@touch $@

run: $(BASE) ## two virtual cabinets shave the peaks of a GPU cluster (ARGS="trip --seed 2")
	@$(BIN)/autarky run $(ARGS)

# three workers on two cores: a third of the time a test waits for a process that it started
test: $(READY) ## all tests, on CPython and inside real MicroPython, and branch coverage
	@$(MAKE) --no-print-directory -j 2 all-tests covered
	@$(BIN)/coverage report --fail-under=100

# all but the core's, which `covered` runs
all-tests: $(READY)
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile --durations=10 \
	  --durations-min=0.5 $(addprefix --ignore=,$(CORE_TESTS)) $(ARGS)

# the safety core is covered by its own tests alone, branch by branch; the kit's contract by the
# one row of its example: the 58 of the tables walk the same branches, at three times the price
CORE_TESTS := host_tests/bess/protect host_tests/kit/test_example_busbar.py \
  $(wildcard host_tests/bess/control/test_contactors*.py) host_tests/bess/link/test_e2e.py

RIG ?= boards/rigs/virtual.yaml
rig: $(READY) ## every scenario and fault case on a rig (RIG=boards/rigs/pil_virtual.yaml)
	@$(BIN)/autarky rig run $(RIG) $(ARGS)

test-32: $(READY) ## replays on Debian's 32-bit MicroPython, i386 and ARM (ARGS="--fuzz 200 --seed 7")
	@$(BIN)/python -m autarky.arm $(ARGS)

coverage: covered ## branch coverage of the safety core, 100 % or failure
	@$(BIN)/coverage report --fail-under=100

covered: $(READY)
	@mkdir -p .build
	@$(BIN)/coverage run -m pytest -q -p no:cacheprovider -x $(CORE_TESTS) > .build/coverage.txt 2>&1 \
	  || { cat .build/coverage.txt; exit 1; }

mutate: $(READY) ## wrong versions of the safety core against its tests, score and survivors
	@$(BIN)/python -m autarky.mutate $(ARGS)

test-fast: $(READY) ## tests that start no virtual site, under a minute
	@$(BIN)/python -m pytest -q -n 2 -m "not slow" $(ARGS)

lint: $(READY) ## ruff (format and rules) and basedpyright
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/basedpyright

format: $(READY) ## let ruff format and fix
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

flash: $(BASE) ## program boards: make flash BOARD=PYBD_SF6 PORT=/dev/ttyACM0 (PORT="a b" for a rack)
	@$(BIN)/autarky flash --board $(BOARD) $(foreach port,$(PORT),--port $(port)) $(ARGS)

doctor: $(BASE) ## what is missing on this machine and on boards (ARGS="--port /dev/ttyACM0")
	@$(BIN)/autarky doctor $(ARGS)

bench: $(READY) ## speed, instructions per tick and memory, as ratios of this run
	@$(BIN)/autarky bench $(ARGS)

SEED ?= $(shell date +%Y%m%d)
soak: $(READY) ## a million steps of the state machines and of a cabinet among dishonest neighbours, a hundred killed runners of a bench, then an hour in the cold, every module swapped, a site that grows, and an hour of random faults (SEED=n)
	@echo "seed $(SEED): repeat with make soak SEED=$(SEED)"
	@HYPOTHESIS_PROFILE=soak $(BIN)/python -m pytest -q -n 2 --dist loadgroup \
	  --hypothesis-seed=$(SEED) host_tests/invariants host_tests/autarky_tools/soc/test_soc_tools.py \
	  host_tests/bess/estimate host_tests/canopen_node/test_hostile_bus.py \
	  host_tests/autarky_tools/rig/test_bench_safe.py host_tests/autarky_tools/rig/test_bench_cases.py $(ARGS)
	@$(BIN)/autarky run winter-hour
	@$(BIN)/autarky run hot-swap
	@$(BIN)/autarky run grow
	@$(BIN)/autarky run soak --hours 1 --seed $(SEED)

soc-report: $(READY) ## the estimators' goals measured on ../shared/data, into firmware/bess/estimate/README.md
	@$(BIN)/python -m autarky.soc.report

soc-tables: $(READY) ## fit the shipped chemistry tables anew from ../shared/data
	@$(BIN)/python -m autarky.soc.report --tables

thermal-report: $(READY) ## a year of thermal control beside foresight and two rivals, into firmware/bess/control/THERMAL.md
	@$(BIN)/python -m autarky.thermal.year_report $(ARGS)

generate: $(READY) ## write DBC files and FAULTS.md from the firmware's tables
	@$(BIN)/autarky generate

# asammdf has a place of its own: where it is installed, python-can imports it, which takes 2 s
MF4 := .build/mf4
rig-mf4: $(MF4)/.ready ## what rig reports need to write MF4 files, once

$(MF4)/.ready: tools/autarky/rig/mf4_requirements.txt $(BASE)
	$(PYTHON) -m venv --clear $(MF4)
	@$(BIN)/uv pip install --quiet --python $(MF4)/bin/python -r $< \
	  || $(MF4)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

lock: $(BASE) ## requirements.lock from pyproject.toml (ARGS=--upgrade: the newest of everything)
	@$(BIN)/uv pip compile --quiet --all-extras --no-header $(ARGS) -o requirements.lock pyproject.toml
	@cd tools/autarky/rig && $(abspath $(BIN))/uv pip compile --quiet --no-header --no-annotate $(ARGS) \
	  -c ../../../requirements.lock -o mf4_requirements.txt mf4_requirements.in

clean: ## remove everything that was made
	rm -rf $(VENV) .build .coverage runs .pytest_cache .hypothesis .ruff_cache *.egg-info tools/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

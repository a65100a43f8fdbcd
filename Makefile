# For a new user: `make demo` and `make test`. Everything else is below.
#
# All of it happens in this folder: packages in .venv, the demo's data in .metrics-platform.

# The first of these that is there and new enough; 3.11 is what everything is tested with.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
BENCH ?= all
PEERS ?= nuscenes av2 trackeval motmetrics sumo storage dagster_parquet
PEERS_DIR := build/peers
PORT := 3000

.PHONY: demo dev test soak lint format bench bench-peers docs lock clean

# Not for the tests, which have data directories of their own.
demo dev: export METRICS_PLATFORM_HOME ?= $(CURDIR)/.metrics-platform

demo: $(VENV)/.installed
	@$(BIN)/metrics-platform demo
	@echo "Before the commands above, in this folder:"
	@echo "  . $(BIN)/activate"
	@echo "  export METRICS_PLATFORM_HOME=$(METRICS_PLATFORM_HOME)"

dev: $(VENV)/.installed
	@$(BIN)/metrics-platform dev --port $(PORT)

test: lint
	$(BIN)/pytest --quiet -n 2 --dist loadgroup

# The store while 300 of its processes are killed, and other faults; `test` does it a few times.
soak: $(VENV)/.installed-dev
	METRICS_PLATFORM_TEST_SOAK=1 $(BIN)/pytest --quiet --capture=no \
		metrics_platform_tests/store/faults

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks $(BENCH)

# What the benchmarks are measured against. They need packages that contradict ours and one another,
# so each has an environment of its own; together they take some 10 GB.
bench-peers:
	@for peer in $(PEERS); do \
		echo "Installing $$peer into $(PEERS_DIR)/$$peer …"; \
		$(PYTHON) -m venv $(PEERS_DIR)/$$peer && \
		$(PEERS_DIR)/$$peer/bin/python -m pip --disable-pip-version-check --quiet install \
			--requirement benchmarks/peers/$$peer.txt || exit 1; \
	done

# The reference of all definitions, from the definitions.
docs: $(VENV)/.installed
	$(BIN)/metrics-platform metrics --markdown > docs/metrics.md

# The newest versions that pyproject.toml allows; commit them once the tests have passed.
lock:
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet '.[dev]'
	build/lock/bin/pip freeze --exclude metrics-platform > requirements.lock

$(VENV)/.installed: pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "error: expected Python 3.11 or newer on the PATH, found none;" \
		"name one with: make PYTHON=/path/to/python $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "error: $(PYTHON) has no module" \
		"venv; on Debian and Ubuntu: apt install $(notdir $(PYTHON))-venv" >&2; exit 1; }
	@echo "Installing into $(VENV), which takes a minute or two …"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --constraint requirements.lock --editable '.[demo]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing what the tests need …"
	@$(PIP) install --constraint requirements.lock --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

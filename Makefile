# Two commands for a new user: `make demo`, `make test`. Everything else is below.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
BENCH ?= all

.PHONY: demo dev test lint format bench lock clean

demo: $(VENV)/.installed
	$(BIN)/metrics-platform demo

dev: $(VENV)/.installed
	@$(BIN)/metrics-platform dev

test: $(VENV)/.installed-dev lint
	$(BIN)/pytest -n 2 --dist loadgroup

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

# The newest versions that the floors in pyproject.toml allow; commit what the tests passed with.
lock:
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet '.[dev]'
	build/lock/bin/pip freeze --exclude metrics-platform > requirements.lock

$(VENV)/.installed: pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint requirements.lock --editable '.[demo]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/pip install --quiet --constraint requirements.lock --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

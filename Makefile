# Two commands matter: `make demo` and `make test`. Both begin with `make setup`.
UV := $(shell command -v uv 2>/dev/null || echo .venv/uv/bin/uv)
BIN := .venv/bin

.PHONY: setup demo check test clean

setup: $(UV) ## install everything, locked; result: .venv/bin/headrace
	@$(UV) sync --quiet --locked
	@$(UV) sync --quiet --locked --project docker/bigquery-emulator

.venv/uv/bin/uv:
	@python3 -m venv .venv/uv
	@.venv/uv/bin/pip install --quiet uv

check: setup ## format, lint, types, imports, doctests, unit tests: under a minute
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pytest -q -m "not emulators"

test: check ## everything, on the real emulators
	@$(BIN)/pytest -q -m emulators

demo: setup ## the whole service on real flights, in one minute
	@$(BIN)/headrace demo

clean:
	@rm -rf .venv docker/bigquery-emulator/.venv .mypy_cache .ruff_cache .pytest_cache

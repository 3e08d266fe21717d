# Two commands matter: `make demo` and `make test`. Both begin with `make setup`.
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
BIN := .venv/bin
COMPILED := headrace._columns, headrace._json, headrace._encoder
TERRAFORM := $(firstword $(shell command -v terraform tofu 2>/dev/null))

.PHONY: setup demo sanitize fuzz mutation check moments test test-all production-check terraform-check faults torture chaos soak outage dags bench wheels clean

setup: $(UV) ## install everything, locked; result: .venv/bin/headrace
	@$(UV) sync --quiet --locked
	@$(BIN)/python -c "import $(COMPILED)" 2>/dev/null || $(UV) sync --quiet --locked --reinstall-package headrace-schemas
	@$(BIN)/python -c "import $(COMPILED)" 2>/dev/null || echo "notice: without a C compiler, the pure-Python fallback decodes:" \
		"the same results, several times slower. Install one (gcc and Python's headers) and run make setup again." >&2
	@$(BIN)/python -m headrace.dev.bigquery_environment

.uv/bin/uv:
	@python3 -m venv .uv
	@.uv/bin/pip install --quiet --disable-pip-version-check uv

check: setup ## format, lint, types, imports, dependencies, prose, doctests, unit tests: about a minute
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/deptry --no-ansi stream/headrace
	@for one in schemas producers; do $(BIN)/deptry --no-ansi --config $$one/pyproject.toml $$one/headrace || exit 1; done
	@$(BIN)/pytest -q -n 2 --dist worksteal -m "not emulators"

moments: setup ## unit tests that look at the clock, at twelve other moments; with libfaketime (Debian: faketime)
	@$(BIN)/python -m tests.moments --all

test: check ## everything, on the local broker; what speaks of Google's emulator on that, if it is there
	@$(BIN)/python -m tests.moments --draw
	@$(BIN)/pytest -q -n 2 --dist worksteal -m "emulators and not faults and not airflow and not registry and not languages"
	@FAULTS_SEED=20260314 $(BIN)/python -m tests.faults -m faults_quick

test-all: test ## and all that talks on Google's emulator, a real schema registry, and publishers in other languages: with Java, Maven, Go and Node
	@HEADRACE_PUBSUB_SERVICE=google-emulator $(BIN)/pytest -q -n 2 --dist worksteal \
		-m "emulators and not faults and not airflow and not registry and not languages" --ignore tests/conformance
	@$(BIN)/pytest -q -m registry
	@$(BIN)/pytest -q -m languages
	@HEADRACE_PUBSUB_SERVICE=google-emulator FAULTS_SEED=20260314 $(BIN)/python -m tests.faults -m faults_quick

fuzz: setup ## a million payloads that are no good, and the report; some minutes
	@$(BIN)/python -m tests.fuzz --report
	@$(BIN)/python -m tests.fuzz.json_texts --count 1000000
	@$(BIN)/python -m tests.fuzz.event_values --count 1000000
	@$(BIN)/python -m tests.fuzz.framed_payloads

sanitize: setup ## what is written in C, under the address and undefined-behaviour sanitizers of gcc; some minutes
	@$(BIN)/python -m tests.sanitize

mutation: setup ## a thousand small changes to the modules that must not be wrong, and whether a unit test notices; an hour
	@$(BIN)/python -m tests.mutation --report
	@$(BIN)/python -m tests.mutation.native

terraform-check: $(UV) ## Checkov on deploy/terraform, and `terraform fmt` where there is one
	@$(UV) sync --quiet --locked --project deploy/checkov
	@deploy/checkov/.venv/bin/checkov --config-file deploy/checkov/checkov.yaml
	@for tool in $(TERRAFORM); do $$tool -chdir=deploy/terraform fmt -check -diff || exit 1; done
	@echo ok

# The rest of it is in `make test` too: what a deployment rests on, together.
production-check: terraform-check dags ## images, template, graph, permissions, Terraform, DAGs, settings, documentation: ten minutes
	@$(BIN)/pytest -q tests/deploy tests/beam/test_pipeline.py tests/config/test_settings.py \
		tests/config/test_settings_docs.py tests/repository/test_docs.py tests/repository/test_dataflow_docs.py \
		tests/integration/test_permissions.py tests/integration/test_drills.py
	@echo ok

faults: setup ## every fault of the catalogue, each with two seeds; about seven minutes
	@$(BIN)/python -m tests.faults

torture: setup ## a million events, 300 kills, every failpoint twenty times, 60 tables replaced, the broker killed 300 times; two hours, and it can be interrupted
	@$(BIN)/python -m tests.faults.torture

chaos: setup ## clocks, journals, tables and topics that go wrong, twenty blows a run, five runs; half an hour
	@$(BIN)/python -m tests.faults.chaos --blows 20 --runs 5

soak: setup ## an hour of steady events with a fault each minute, and what the engine grows by meanwhile
	@$(BIN)/python -m tests.faults.soak

outage: setup ## BigQuery away for ten minutes while events keep coming: memory, and how soon it has caught up
	@$(BIN)/python -m tests.faults.outage

dags: setup ## the DAGs, run by Airflow on the emulators; installs 1.5 GB, then takes four minutes
	@$(UV) sync --quiet --locked --project dags
	@$(BIN)/pytest -q -m airflow

demo: setup ## the whole service on real flights, in one minute
	@$(BIN)/headrace demo

bench: setup ## headrace beside its peers, growth, latency: figures, plots and tables of docs/performance.md; 40 minutes
	@$(BIN)/python -m benchmarks

wheels: $(UV) ## wheels of headrace-schemas for Linux, compiled by Zig, checked and tried out, in dist/wheels; three minutes
	@UV=$(UV) $(UV) run --quiet --script schemas/build_wheels.py dist/wheels

clean:
	@rm -rf .venv .uv deploy/checkov/.venv dags/.venv
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis

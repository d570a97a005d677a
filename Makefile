# labform: labs as code. `make up` brings the example lab up, `make test` proves the toolkit; both do their own set-up.
SHELL := /bin/bash -o pipefail
.DEFAULT_GOAL := help
VENV := .venv
PY := $(VENV)/bin/python
# The environment holds absolute paths, so a copied clone makes its own.
READY := $(VENV)/.ready-$(shell pwd | cksum | cut -d' ' -f1)
INDEX := $(or $(UV_DEFAULT_INDEX),$(shell python3 -m pip config get global.index-url 2>/dev/null))
ifneq ($(INDEX),)
export UV_DEFAULT_INDEX := $(INDEX)
endif

# What mypy knows of a file holds for its content, in every clone.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/labform
# Without compiled files every command that a test runs would compile the toolkit anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help up preview down clean cluster check test lock schema docs

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1\t\2/' | expand -t 16

up: $(READY) ## Bring the example lab up and say how each project is
	@$(PY) -m sandbox.dev up

preview: $(READY) ## Show what `make up` would change
	@$(PY) -m sandbox.dev preview

down: $(READY) ## Remove containers; data stays, and where it is is said
	@$(PY) -m sandbox.dev down

clean: $(READY) ## Delete the example lab with its data, after asking
	@$(PY) -m sandbox.dev clean

cluster: $(READY) ## Start a Kubernetes cluster whose nodes run nothing, and say where its kubeconfig is
	@$(PY) -m sandbox.cluster up

check: $(READY) ## Format, lint, types, unit tests
	@$(VENV)/bin/ruff format --quiet --check .
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/mypy --cache-dir $(CACHE)/mypy & types=$$!; \
	  $(VENV)/bin/pytest -n 2 --dist worksteal -m "not engine and not sandbox and not needs_docker"; units=$$?; \
	  wait $$types && exit $$units

test: check ## All tests: unit, real engine, real daemon, real registry
	@$(PY) -m toolchain
	@$(PY) -m sandbox.cluster build
	@$(PY) -m sandbox.builder build
	@$(VENV)/bin/pytest -n 2 --dist loadfile -m "sandbox or needs_docker"
	@$(VENV)/bin/pytest -m engine -n 2 --dist loadfile --durations 10

lock: $(READY) ## Write requirements.lock anew
	@$(VENV)/bin/uv pip compile --quiet --upgrade pyproject.toml --extra dev --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-annotate --no-header --python-version 3.11 --output-file requirements.lock

schema: $(READY) ## Write stacks/schema.json from the declarations
	@$(VENV)/bin/labform schema --output stacks/schema.json

docs: $(READY) ## Write the reference pages from the code, and build the site
	@$(PY) docs/_generate.py
	@NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --quiet --strict --site-dir build/site && echo build/site/index.html

$(READY): requirements.lock pyproject.toml
	@python3 -c 'import sys; sys.version_info >= (3, 11) or sys.exit("error: labform needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	@echo "installing labform's own tools into $(VENV): a few seconds, once"
	@python3 -m venv --clear $(VENV) || { echo "error: python3 cannot make a virtual environment; on Debian: apt-get install python3-venv"; exit 1; }
	@awk '/^uv==/ {found = 1} found {print} found && !/\\$$/ {exit}' requirements.lock > $(VENV)/uv.txt
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(VENV)/bin/uv pip sync --quiet --require-hashes --compile-bytecode requirements.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(VENV)/bin/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

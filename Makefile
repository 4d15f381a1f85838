# The two commands that matter: `make demo` and `make test`. Each needs nothing but this clone, root, and package registries.
SHELL := /bin/bash
BIN := .build/venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help

.PHONY: help
help: ## what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## the tools' Python environment and the collection's link, in .build
	@command -v python3 >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends python3 python3-venv; }
	@python3 tests/tools/setup.py

.PHONY: demo
demo: setup ## bring up the sandbox fleet, run site.yml, drain, resume, show the status
	@python3 tests/sandbox/demo.py

.PHONY: demo-down
demo-down: ## remove every trace of the demo from the machine
	@python3 tests/sandbox/sandbox.py down

.PHONY: test
test: setup ## everything: lint, unit, sanity, docs, artifact, and what runs on the sandbox (root)
	@python3 tests/sandbox/sandbox.py build
	@python3 tests/sandbox/sandbox.py build minio
	@$(BIN)/python tests/tools/side_by_side.py

.PHONY: test-fast
test-fast: setup ## the part that needs no root and no sandbox
	@$(BIN)/python -m pytest -q -m "not sandbox and not apiserver and not rabbitmq and not slow" tests/unit tests/quality

.PHONY: bench
bench: setup ## measure what is promised of its speed, beside bare plays and a bare client (needs a quiet machine)
	@python3 tests/sandbox/sandbox.py build --quiet kubernetes
	@$(BIN)/python tests/benchmarks/bench.py

.PHONY: lint
lint: setup ## ruff, mypy, ansible-lint
	@$(BIN)/python -m pytest -q tests/quality/test_lint.py

.PHONY: sanity
sanity: setup ## ansible-test sanity on every supported ansible-core
	@$(BIN)/python -m pytest -q tests/quality/test_sanity.py

.PHONY: docs
docs: setup ## the docs site, in .build/docs
	@$(BIN)/python tests/tools/docs_site.py

.PHONY: docs-look
docs-look: docs ## look at the docs site in Chromium: light, dark, phone, accessibility
	@$(BIN)/python tests/tools/docs_look.py

.PHONY: changelog
changelog: setup ## the fragments into CHANGELOG.md, under the version of galaxy.yml
	@PATH=$(abspath $(BIN)):$$PATH antsibull-changelog release --update-existing

.PHONY: release
release: setup ## the artifact, the list of what is in it and their checksums, in .build/release
	@$(BIN)/python tests/tools/release.py

.PHONY: ee
ee: setup ## make and prove the execution environment on the sandbox's Docker (root)
	@$(BIN)/python tests/tools/execution_environment.py

.PHONY: awx
awx: setup ## write AWX's buttons and surveys from the playbooks, modules and roles
	@$(BIN)/python tests/tools/awx.py

.PHONY: build
build: setup ## the collection's artifact, in .build/artifact
	@$(BIN)/ansible-galaxy collection build --force --output-path .build/artifact

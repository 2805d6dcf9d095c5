# What can be done here; `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help run test lint fuzz k8s-check servers

# Arguments for `make run`, such as ARGS="--feed none --logs all".
ARGS ?=
# How long `make fuzz` searches each parser.
MINUTES ?= 1

help: ## List what can be done
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: servers ## Start a whole mesh on this machine, with a demo day (ARGS="--help" lists options)
	cargo build --locked --workspace --bins
	target/debug/federation-local up $(ARGS)

test: servers k8s-check ## Run every test, those with real servers and processes included
	.ci/packages python3
	cargo build --locked --workspace --all-targets
	cargo test --locked --workspace

lint: ## Check format, lints, documentation, and that the core is pure
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps
	.ci/pure

fuzz: ## Search every parser for inputs that break it, each for MINUTES (libFuzzer where there is a nightly compiler)
	tests/fuzz/run $(MINUTES)

k8s-check: ## Render the Kubernetes manifests and check them strictly
	deploy/k8s/check

servers:
	@.ci/packages nats-server redis-server

# What can be done here; `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help run replay test cluster torture planted planted-simulator mutants lint fuzz k8s-check servers

# Arguments for `make run`, such as ARGS="--feed none --logs all".
ARGS ?=
# What `make cluster` runs; there is nothing to test without.
NATS_SERVERS ?=
# How long `make fuzz` searches each parser.
MINUTES ?= 1
# The first seed of `make torture`, how many of its runs go on side by side, and the one seed, if it is to be one.
FROM ?= 1
LANES ?= 2
SEED ?=
# The bugs that `make planted` looks for.
BUGS ?= EmitWithoutAtomicScript,PositionKeptInMemory,NoFold,NoDerivedIds,AbsenceIsConsent
# What `make mutants` changes, and with what besides: PURE=cro MUTANTS="--shard 0/5" is a start.
PURE ?= court supervisor cro ceo cio cfo researcher
MUTANTS ?=

help: ## List what can be done
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: servers ## Start a whole mesh on this machine, with a demo day (ARGS="--help" lists options)
	cargo build --locked --workspace --bins
	target/debug/federation-local up $(ARGS)

replay: REPLAY = target/$(shell rustc -vV | sed -n 's/^host: //p')/replay/federation-replay
replay: BUILD = --locked --profile replay --package replay
replay: TRIAL = target/replay/trial.jsonl
replay: ## Build federation-replay at its fastest: twice, the second time by where a trial of the first spent its time
	command -v cargo-pgo >/dev/null || cargo install --locked cargo-pgo
	rustup component add llvm-tools
	cargo pgo build -- $(BUILD)
	mkdir -p $(dir $(TRIAL))
	$(REPLAY) run --synthetic 1000000 --json
	$(REPLAY) run --synthetic 2000 --portfolios 4 --rulings $(TRIAL) --json >/dev/null
	$(REPLAY) verify --rulings $(TRIAL) --json
	cargo pgo optimize build -- $(BUILD)
	mv $(REPLAY) target/replay/ && rm $(TRIAL)

test: servers k8s-check ## Run every test, those with real servers and processes included
	.ci/packages python3
	cargo build --locked --workspace --all-targets
	cargo test --locked --workspace

cluster: servers ## Lose each of three nats-servers in turn (NATS_SERVERS=/path/to/nats-server[:another], 2.10 or newer)
	cargo build --locked --workspace --bins
	NATS_SERVERS=$(NATS_SERVERS) cargo test --locked --package federation-tests --test mesh -- --nocapture cluster

torture: MINUTES = 10
torture: servers ## Torture a real mesh for MINUTES, from seed FROM on, LANES runs side by side; or one SEED
	cargo build --locked --workspace --bins
	cargo test --locked -p federation-tests --test torture -- --lanes $(LANES) $(if $(SEED),--seed $(SEED),--minutes $(MINUTES) --from $(FROM))

# Built where the others are, so that they share what is built already; what is left there in the end has no bugs.
planted: servers ## Does the torture test find planted bugs, each within twenty runs? (BUGS=NoFold,… names them)
	cargo build --locked --workspace --bins
	mkdir -p target/planted && cp target/debug/federation-* target/planted/ && rm -f target/planted/*.d
	cargo build --locked --package arbiter --package gateway --bins --features arbiter/planted,gateway/planted
	cp target/debug/federation-arbiter target/debug/federation-gateway target/planted/
	cargo build --locked --workspace --bins
	cargo test --locked -p federation-tests --test torture -- --lanes $(LANES) --bins $(CURDIR)/target/planted --find $(BUGS)

planted-simulator: ## Does the simulator find every planted bug, each within 2,000 seeds? (minutes; prints the seeds it took)
	cargo test --locked -p federation-tests --features planted --test simulator -- planted --nocapture

mutants: ## Change the pure core line by line: do its tests notice? (hours; results in target/mutants.out)
	command -v cargo-mutants >/dev/null || cargo install --locked cargo-mutants
	RUST_BACKTRACE=0 PROPTEST_CASES=16 PROPTEST_MAX_SHRINK_ITERS=0 PROPTEST_DISABLE_FAILURE_PERSISTENCE=true \
		cargo mutants --output target $(addprefix --package ,$(PURE)) $(MUTANTS)

lint: ## Check format, lints, documentation, and that the core is pure
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps
	.ci/pure

fuzz: ## Search every parser for inputs that break it, each for MINUTES (libFuzzer; what it finds is kept in target/fuzz)
	tests/fuzz/run $(MINUTES)

k8s-check: ## Render the Kubernetes manifests and check them strictly
	deploy/k8s/check

servers:
	@.ci/packages nats-server redis-server

# The front door. Targets are short; what they do in detail is cargo's or xtask's.
STORE ?= embedded
TRAFFIC ?= proxy
MINUTES ?= 3
PACE ?= 43200
SIZE ?= small
# Programs are run as built with the whole workspace: `cargo run -p` would choose features anew and build twice.
BUILT := $(or $(CARGO_TARGET_DIR),target)
# Simulated histories need flags of their own, so they are built beside the rest.
SIM := $(BUILT)/sim
SIM_CARGO := RUSTFLAGS="--cfg tokio_unstable" cargo
SIM_FLAGS := --profile sim --target-dir $(SIM) -p meridian-sim --features simulated,planted
SIM_RUN = $(if $(SEED),--seed $(SEED),$(if $(PLANTED),--planted $(if $(filter 1,$(PLANTED)),all,$(PLANTED)) $(if $(SEEDS),--tries $(SEEDS)),--seeds $(or $(SEEDS),500)))

.PHONY: help demo demo-playbook chaos-demo test model robustness verify fix bench sim

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## play a whole rollout on this machine: STORE=embedded|etcd TRAFFIC=proxy|envoy
	cargo xtask tools $(STORE) $(TRAFFIC) && cargo build --bins --workspace && $(BUILT)/debug/meridian-demo --store $(STORE) --traffic $(TRAFFIC)

demo-playbook: ## play a launch from its checklist to its signed evaluation, its days PACE=43200 times as short
	cargo xtask tools embedded proxy && cargo build --bins --workspace && $(BUILT)/debug/meridian-demo launch --pace $(PACE)

chaos-demo: ## kill the owner, cut a region off, ship a bad release; three servers, three etcd nodes (Linux, root)
	cargo xtask tools etcd faults && cargo build --bins --workspace && $(BUILT)/debug/meridian-robustness demo

test: ## everything that proves something; builds the programs first, because end-to-end tests start them
	cargo xtask tools && cargo build --workspace --bins && cargo test --workspace
	$(SIM_CARGO) test $(SIM_FLAGS) --test twin
	@$(MAKE) --no-print-directory sim
	@$(MAKE) --no-print-directory sim PLANTED=common SEEDS=

model: ## check the rules in every order of events, and that planted bugs are found: SIZE=small|medium|large
	cargo run --release --quiet -p meridian-model -- --size $(SIZE)

robustness: ## break everything for MINUTES=3 while rollouts go on, and check what was seen (Linux, root); APPEND=file adds up
	cargo xtask tools etcd faults && cargo build --bins --workspace && $(BUILT)/debug/meridian-robustness storm --minutes $(MINUTES) $(if $(APPEND),--append $(APPEND))

verify: ## what a change must pass besides its tests; never writes
	cargo fmt --all --check && cargo clippy --locked --workspace --all-targets -- -D warnings && cargo xtask tidy && cargo xtask tools deny && .tools/bin/cargo-deny --workspace check --hide-inclusion-graph bans licenses sources

fix: ## mend what a machine can: format, and clippy's own suggestions
	cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged && cargo fmt --all

sim: ## play simulated histories: SEEDS=n | SEED=s (replay, with its story) | PLANTED=1|common|name,…; SERVERS=k FROM=seed AGAIN=1 (each twice)
	$(SIM_CARGO) build $(SIM_FLAGS) --bin meridian-sim --example seed && $(SIM)/sim/meridian-sim $(SIM_RUN) $(if $(SERVERS),--servers $(SERVERS)) $(if $(FROM),--from $(FROM)) $(if $(AGAIN),--again $(AGAIN))

bench: ## measure against docs' targets, floor and ours in the same run; prints a table
	cargo xtask tools etcd envoy && cargo build --release --workspace --bins && $(BUILT)/release/meridian-bench
	@$(MAKE) --no-print-directory model
	@$(MAKE) --no-print-directory sim SEEDS=$(or $(SEEDS),100)

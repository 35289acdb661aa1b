# The front door. `make demo` and `make test` are all that a newcomer needs; both want root, for network namespaces.

CARGO ?= cargo
export CARGO_TERM_COLOR ?= auto
FUZZ_SECONDS ?= 20
# A part of `make ci`, which has an hour in all.
CI_FUZZ_SECONDS ?= 15

.DEFAULT_GOAL := help
.PHONY: help demo build test test-long test-kernel e2e bench bench-peers fuzz bench-scale lint deb deny manifest image docs ci

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: ## build a node and pods from network namespaces, enforce examples/, probe every pair, print the truth table
	@scripts/setup.sh build
	$(CARGO) build --quiet
	@target/debug/palisade demo

build: ## the release binary, target/release/palisade
	@scripts/setup.sh build
	$(CARGO) build --release

test: ## every test that CI runs; under 25 minutes on 2 cores
	@scripts/setup.sh test
	@scripts/test.sh

test-long: ## the same with the large counts, and deliberate faults in the compiler
	@scripts/setup.sh test
	scripts/test.sh
	PALISADE_LONG=1 $(CARGO) test --release --package policy-lang --test generated -- --nocapture
	PALISADE_LONG=1 $(CARGO) test --release --test it agree:: -- --nocapture
	PALISADE_LONG=1 $(CARGO) test --test it -- twin:: agent::restart --nocapture
	PALISADE_LONG=1 $(CARGO) test --workspace --test labels -- --nocapture
	PALISADE_FAULTS=1 $(CARGO) test --test it mutations:: -- --nocapture

test-kernel: ## conformance, text = netlink and a short swap test on Debian 12's 6.1 kernel, in an emulator
	@scripts/setup.sh test
	tests/kernel/it.sh

e2e: ## the agent against a real kube-apiserver and etcd; the first run builds those, in minutes
	@scripts/setup.sh e2e
	PALISADE_E2E_APISERVER=$$(scripts/e2e.sh) && export PALISADE_E2E_APISERVER && \
	PALISADE_E2E_TOOLS=$$(scripts/tools.sh) && export PALISADE_E2E_TOOLS && \
	$(CARGO) test --test e2e -- --ignored --test-threads=2 --show-output

fuzz: ## every fuzz target for FUZZ_SECONDS each (20); wants a nightly Rust, which rustup gets
	@scripts/setup.sh fuzz
	@scripts/fuzz.sh $(FUZZ_SECONDS)

bench: ## criterion: parse, compile, plan, encode at four sizes
	@scripts/setup.sh build
	$(CARGO) bench --bench stages
	$(CARGO) bench --bench shapes
	$(CARGO) bench --bench analysis

bench-peers: ## side by side with nft, ferm and iptables, as ratios of one run
	@scripts/setup.sh test
	$(CARGO) bench --bench peers

bench-scale: ## one agent at 100,000 pods, and 300 as the API server sees them; 15 minutes and 8 GB of memory
	@scripts/setup.sh e2e
	PALISADE_E2E_APISERVER=$$(scripts/e2e.sh) && export PALISADE_E2E_APISERVER && \
	$(CARGO) bench --bench scale

lint: ## formatting, clippy without warnings, the scripts
	$(CARGO) fmt --all --check
	RUSTFLAGS=-Dwarnings $(CARGO) clippy --workspace --all-targets
	RUSTFLAGS=-Dwarnings $(CARGO) clippy --workspace --no-default-features
	@if command -v shellcheck >/dev/null; then shellcheck scripts/*.sh tests/kernel/*.sh deploy/image/*.sh deploy/debian/post*; fi

manifest: ## render deploy/install.yaml from the chart
	@scripts/setup.sh e2e
	PALISADE_E2E_TOOLS=$$(scripts/tools.sh) && export PALISADE_E2E_TOOLS && \
	UPDATE_EXPECT=1 $(CARGO) test --quiet --test e2e -- --ignored chart::the_plain_manifest

ARCH ?= $(shell dpkg --print-architecture)
image: ## the agent's image as an archive, target/image/palisade-ARCH.tar; ARCH=arm64 for the other machine
	@scripts/setup.sh image $(ARCH)
	deploy/image/build.sh $(ARCH)

deb: ## the Debian package, target/debian/palisade_VERSION_ARCH.deb
	@scripts/setup.sh package
	$(CARGO) build --release
	@scripts/package.sh release target/debian

deny: ## licences, duplicates and sources of every crate; known vulnerabilities where their list can be had
	@scripts/setup.sh deny
	@scripts/deny.sh

docs: ## rewrite the generated pages of docs/reference
	UPDATE_EXPECT=1 $(CARGO) test --quiet --test it -- docs::

ci: lint test e2e ## what .ci/run runs
	@if scripts/tool.sh --no-build cargo-deny 0.20.2 >/dev/null; then scripts/deny.sh; \
	else echo "ci: cargo-deny could not be had without building it, so crates were NOT judged: make deny"; fi
	@scripts/fuzz.sh --if-quick $(CI_FUZZ_SECONDS)

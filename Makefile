# Doorward. `make demo` shows a login, `make test` runs everything; both install what they need.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

.PHONY: help demo test check bench soak bench-micro bench-instructions fuzz release

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

demo: ## a gateway with throwaway settings and a login before your eyes; ONCE=1 ends after it
	@cargo run --quiet --locked -- demo $(if $(ONCE),--once)

test: ## install the peers, then format, lint, and run every test
	@tests/peers.sh
	@$(MAKE) --no-print-directory check
	@if command -v cargo-nextest >/dev/null; then cargo nextest run --locked --no-fail-fast; \
	 else cargo test --locked --no-fail-fast; fi

check: ## format, lints and documentation, without running tests
	@cargo fmt --check
	@cargo clippy --quiet --locked --all-targets -- -D warnings
	@RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --no-deps --document-private-items

bench: ## the figures of docs/performance.md, measured on this machine; JSON=1 adds lines for programs, PEERS=1 other servers, LONG=1 a million users and a soak
	@tests/peers.sh
	@$(if $(PEERS),tests/peers.sh peers)
	@cargo bench --quiet --locked --bench policy
	@cargo bench --quiet --locked --bench gateway -- $(if $(JSON),--json) $(if $(PEERS),--peers) $(if $(LONG),--long)

soak: ## 700,000 people log in for MINUTES (default 30) at 70 % of what the program did in FULL minutes (default 10); needs 5 GB of disk
	@SOAK_MINUTES=$${MINUTES:-30} SOAK_FULL=$${FULL:-10} cargo bench --quiet --locked --bench gateway -- soak

bench-micro: ## how long the pieces of a login take, in one thread
	@cargo bench --quiet --locked --bench micro

bench-instructions: ## instructions of the pieces of a login, compared with benches/instructions.txt; BLESS=1 renews that
	@tests/peers.sh valgrind
	@cargo bench --quiet --locked --profile profiling --bench hot $(if $(BLESS),-- --bless)

fuzz: ## every fuzz target for SECONDS_EACH seconds (default 60); needs cargo-fuzz and a C++ compiler
	@command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
	@cd fuzz && RUSTC_BOOTSTRAP=1 cargo fuzz build
	@cd fuzz && for target in $$(ls fuzz_targets | sed 's/\.rs$$//'); do mkdir -p corpus/$$target; \
	  RUSTC_BOOTSTRAP=1 cargo fuzz run $$target corpus/$$target seeds/$$target -- \
	    $$(find dictionaries -name $$target.dict -printf '-dict=%p') -max_total_time=$${SECONDS_EACH:-60} -timeout=10 -rss_limit_mb=1024 -print_final_stats=1; done

release: ## the optimised binary, target/release/doorward
	@cargo build --locked --release

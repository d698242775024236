# `make demo` shows what this is, `make test` proves it, `make check` is all that CI runs.

# Where rustup puts cargo, also before the shell has been started anew.
export PATH := $(HOME)/.cargo/bin:$(PATH)

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

demo: deps ## run an order-processing system in this terminal
	cargo build --workspace --bins
	@$${CARGO_TARGET_DIR:-target}/debug/orders-demo

test: deps-test ## run every test, on a real Kafka
	cargo test --workspace

check: deps-test ## run all that CI runs
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	@$(MAKE) --no-print-directory test
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check bans licenses sources; \
	else echo "cargo-deny is not installed: dependencies were not checked"; fi
	@$(MAKE) --no-print-directory chart-check

chart-check: deps-chart ## test the Helm chart, the alerts, the dashboard and the Dockerfile
	@tools=$$(scripts/chart-tools.sh) && PATH=$$tools/bin:$$tools/python/bin:$$PATH CHART_TOOLS=$$tools \
		python -B -m pytest -q -rs -p no:cacheprovider tests/chart

chart-docs: deps-chart ## write the chart's README and schema from the comments of its values
	@$$(scripts/chart-tools.sh)/python/bin/python scripts/chart-docs.py

check-watch: deps-test deps-chart ## make every alert's cause, with a real Prometheus watching (slow)
	cargo build --workspace --bins
	@tools=$$(scripts/chart-tools.sh) && PATH=$$tools/python/bin:$$PATH python -B -m pytest -q -p no:cacheprovider tests/watch

check-image: deps-image ## build the container image for real and look into it (slow, needs root)
	@scripts/check-image.sh all

bench: deps-test ## measure CPU per record and throughput
	cargo bench -p kafka-eventhubs-bridge

deps: ## install what is missing to build
	@scripts/deps.sh

deps-test:
	@scripts/deps.sh test

deps-chart:
	@scripts/deps.sh chart

deps-image:
	@scripts/deps.sh image

.PHONY: help demo test check chart-check chart-docs check-watch check-image bench deps deps-test deps-chart deps-image

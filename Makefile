# `make demo` shows what this is, `make test` proves it, `make check` is all that CI runs.

# Where rustup puts cargo, also before the shell has been started anew.
export PATH := $(HOME)/.cargo/bin:$(PATH)
# A first build is quicker without, and what one target builds is there for the others.
export CARGO_INCREMENTAL ?= 0

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

# Without what only tests are made of.
demo: deps ## run an order-processing system in this terminal
	cargo build --workspace --exclude stage --bins
	@$${CARGO_TARGET_DIR:-target}/debug/orders-demo

# Most tests wait for a Kafka or a bridge and not for a core: a small machine runs four at a time.
test: export RUST_TEST_THREADS ?= $(shell cores=$$(nproc); echo $$((cores > 4 ? cores : 4)))
test: deps-test ## run every test, on a real Kafka
	cargo test --workspace --no-fail-fast

lint: deps ## check format and lints, which is the first that CI does
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

check: lint deps-test ## run all that CI runs
	@$(MAKE) --no-print-directory test
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items
	@$(MAKE) --no-print-directory crates-check
	@$(MAKE) --no-print-directory chart-check

# What the world knows of crates is in a Git repository. Where that cannot be reached the rest is checked, and the job `advisories` does it.
crates-check: deps-crates ## look at the crates: unused ones, licenses, doubles, sources, and what is known against them
	@PATH=$$(scripts/crate-tools.sh):$$PATH && cargo shear && cargo deny check --deny warnings bans licenses sources && \
		if cargo deny fetch db >/dev/null 2>&1; then cargo deny check advisories; \
		else echo "advisories are not checked: their database cannot be reached from here"; fi

advisories: deps-crates ## look at what is known against the crates, and fail where that cannot be reached
	@PATH=$$(scripts/crate-tools.sh):$$PATH && cargo deny check advisories

chart-check: deps-chart ## test the Helm chart, the alerts, the dashboard and the Dockerfile
	@tools=$$(scripts/chart-tools.sh) && PATH=$$tools/bin:$$tools/python/bin:$$PATH CHART_TOOLS=$$tools \
		python -B -m pytest -q -rs -p no:cacheprovider tests/chart

chart-docs: deps-chart ## write what is made of the chart: its README, its schema, the alerts and workbook of Azure, a map of the dashboard
	@python=$$(scripts/chart-tools.sh)/python/bin/python && $$python scripts/chart-docs.py && $$python scripts/azure-watch.py && $$python scripts/dashboard-picture.py

check-msk: deps-test ## tests of the cargo feature aws-msk-iam, on a real Kafka (builds the bridge with it)
	cargo clippy --all-targets --features aws-msk-iam -- -D warnings
	cargo test --workspace --features kafka-eventhubs-bridge/aws-msk-iam --lib --test listeners -- aws iam

check-cluster: deps-test deps-cluster ## install, upgrade and remove the chart on a real Kubernetes API, and run its Jobs (slow the first time)
	cargo build --workspace --bins
	@tools=$$(scripts/chart-tools.sh) && server=$$(scripts/kube-apiserver.sh) && before=$$(scripts/before.sh files) && \
		PATH=$$tools/bin:$$tools/python/bin:$$PATH CHART_TOOLS=$$tools KUBE_APISERVER=$$server VERSION_BEFORE=$$before \
		python -B -m pytest -q -p no:cacheprovider tests/cluster

check-upgrade: deps-test deps-cluster ## upgrade from the version before under load, and go back (builds that version the first time)
	cargo build --workspace --bins
	@tools=$$(scripts/chart-tools.sh) && server=$$(scripts/kube-apiserver.sh) && before=$$(scripts/before.sh program) && \
		PATH=$$tools/bin:$$tools/python/bin:$$PATH CHART_TOOLS=$$tools KUBE_APISERVER=$$server VERSION_BEFORE=$$before \
		python -B -m pytest -q -p no:cacheprovider tests/upgrade

check-watch: deps-test deps-chart ## make every alert's cause, with a real Prometheus watching (slow)
	cargo build --workspace --bins
	@tools=$$(scripts/chart-tools.sh) && PATH=$$tools/python/bin:$$PATH python -B -m pytest -q -p no:cacheprovider tests/watch

check-otlp: deps-test deps-chart ## export to a real collector of OpenTelemetry (builds it the first time)
	cargo build --workspace --bins
	@tools=$$(scripts/chart-tools.sh) && collector=$$(scripts/collector.sh) && \
		COLLECTOR=$$collector PATH=$$tools/python/bin:$$PATH python -B -m pytest -q -p no:cacheprovider tests/collector

check-downstream: deps-test deps-downstream ## read what the bridge writes with a real Spark (slow, fetches Spark the first time)
	cargo build --workspace --bins
	@tools=$$(scripts/spark-tools.sh) && $$tools/python/bin/python -B -m pytest -q -p no:cacheprovider tests/downstream

check-image: deps-image ## build the container image for real and look into it (slow, needs root)
	@scripts/check-image.sh bridge eventhubs-local sbom

screenshots: deps-test ## write pictures of the status page, in each state and both themes, to docs/pictures
	SCREENSHOTS=$(CURDIR)/docs/pictures cargo test --workspace --test page

soak: deps-test ## let everything fail at random, for SOAK_MINUTES (30) or with one SOAK_SEED
	SOAK_MINUTES=$${SOAK_MINUTES:-30} cargo test --workspace --test soak nothing_is_lost -- --nocapture

bench: deps-test ## measure CPU per record and throughput
	cargo bench -p kafka-eventhubs-bridge --bench bridge

scale: deps-test ## measure what an estate costs: up to 200 hubs with 6400 partitions (SCALE_RECORDS, SCALE_ONLY)
	cargo bench -p kafka-eventhubs-bridge --bench scale

steady: deps-test ## measure CPU and latency at 200, 2 000 and 20 000 records a second (STEADY_ONLY)
	cargo bench -p kafka-eventhubs-bridge --bench steady

verify: deps-test ## measure how fast `verify` compares, beside reading alone (VERIFY_RECORDS, 1 000 000)
	cargo bench -p kafka-eventhubs-bridge --bench verify

once: deps-test ## measure what a start after a crash costs with `effectively_once` (ONCE_RECORDS, 1 000 000)
	cargo bench -p kafka-eventhubs-bridge --bench once

instructions: deps-instructions ## count the instructions a record costs, step by step: the same on every run (INSTRUCTIONS_ONLY)
	cargo bench -p kafka-eventhubs-bridge --bench instructions

deps: ## install what is missing to build
	@scripts/deps.sh

deps-test:
	@scripts/deps.sh test

deps-crates:
	@scripts/deps.sh crates

deps-chart:
	@scripts/deps.sh chart

deps-cluster:
	@scripts/deps.sh cluster

deps-downstream:
	@scripts/deps.sh downstream

deps-instructions:
	@scripts/deps.sh instructions

deps-image:
	@scripts/deps.sh image

.PHONY: help demo test lint check crates-check advisories chart-check chart-docs check-msk check-cluster check-upgrade check-watch check-otlp check-downstream check-image screenshots soak bench scale steady verify once instructions deps deps-test deps-crates deps-chart deps-cluster deps-downstream deps-instructions deps-image

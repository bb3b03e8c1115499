# Everything a developer or a newcomer runs. `make help` lists it.
SHELL := /bin/bash
# Compilations are shared between build folders and checkouts.
export CCACHE_NOHASHDIR := 1
export CCACHE_BASEDIR := $(CURDIR)
.DEFAULT_GOAL := help
.PHONY: help setup build demo test test-cluster check fuzz lint format bench verify-features clean

help: ## this list
	@grep -E '^[a-z%-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

setup: ## install packages and pinned libraries that are missing
	@scripts/setup.sh

build: setup ## build/release/millrace
	@cmake --preset release > /dev/null
	@ninja -C build/release millrace

demo: build ## card fraud from raw rows to served scores; DATA=DIR takes other rows
	@scripts/demo.sh $(DATA)

test: setup ## everything that CI runs
	@scripts/test.sh

test-cluster: setup ## what talks to Kubernetes, against a real one on this machine
	@cmake --preset debug > /dev/null
	@ninja -C build/debug cluster_test millrace
	@scripts/test_cluster.sh --node build/debug || [ $$? -eq 77 ]

check: setup ## unit tests of the modules that changed, for the developer's loop
	@scripts/check.sh

fuzz: setup ## search for longer than `make test` does; SECONDS_EACH=60, SEED=0, TARGETS="push gate"
	@SECONDS_EACH=$(or $(SECONDS_EACH),60) SEED=$(or $(SEED),0) scripts/fuzz.sh $(TARGETS)

lint: setup ## layers, lengths, documents, format
	@tools/lint.py
	@scripts/format.sh --check

format: setup ## format the C++ files
	@scripts/format.sh

bench: build ## every benchmark
	@for script in bench/*.sh; do bash $$script || exit 1; done

bench-%: build ## one benchmark: bench-features, bench-online, bench-score, bench-tree, bench-start
	@bash bench/$*.sh

verify-features: build ## all features of all rows against an oracle that shares no code
	@scripts/verify-features.sh

clean: ## remove what was built, not what was installed
	@rm -rf build

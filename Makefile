# wiretale. The two commands to know: `make demo` and `make test`.
# Every target first runs script/setup, which takes a moment when nothing is to do and says what it installs if it must.

# What script/setup decided: cargo options and features. The commands are shown as they run.
RUN = @. ./.libpcap/env; set -x;
CARGO_HERE = cargo $$WIRETALE_CARGO
PROGRAM = "$${CARGO_TARGET_DIR:-target}/release/wiretale"

.PHONY: help setup setup-tests build demo test check doc fuzz interop bench bench-check clean

help: ## print this list (the default)
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

setup: ## find or fetch what the build needs; says so first
	@script/setup

setup-tests:
	@script/setup --tshark

build: setup ## build the program, optimised: target/release/wiretale
	$(RUN) $(CARGO_HERE) build --release $$WIRETALE_FEATURES

demo: build ## build, then run the lesson on the HTTP upgrade
	@set -x; $(PROGRAM) lesson 09-upgrade

# Without live capture the program is another one, and nearly all that dissects is the same: the unit tests run once.
test: setup-tests ## run all tests, and those of the program without live capture as well
	script/test-setup
	$(RUN) $(CARGO_HERE) test --no-default-features --test cli
	$(RUN) $(CARGO_HERE) test $$WIRETALE_FEATURES

check: setup ## formatting and lints, as CI wants them
	$(RUN) cargo fmt --check
	$(RUN) $(CARGO_HERE) clippy --all-targets $$WIRETALE_FEATURES -- -D warnings
	$(RUN) $(CARGO_HERE) clippy --all-targets --no-default-features -- -D warnings
	$(RUN) cargo fmt --check --manifest-path fuzz/Cargo.toml
	$(RUN) $(CARGO_HERE) clippy --manifest-path fuzz/Cargo.toml --target-dir "$${CARGO_TARGET_DIR:-target}" -- -D warnings

doc: setup ## build the documentation: target/doc/wiretale/index.html
	$(RUN) RUSTDOCFLAGS="-D warnings" $(CARGO_HERE) doc --no-deps $$WIRETALE_FEATURES

fuzz: ## run each fuzz target for a minute (FUZZ_SECONDS=60)
	script/fuzz

interop: setup ## record socket.io 4 and ws anew, and compare with what they logged (needs npm)
	script/interop

bench: setup-tests ## measure beside tshark and tcpdump on generated captures; prints tables
	$(RUN) $(CARGO_HERE) bench $$WIRETALE_FEATURES --bench ratios

# What checks it is built as tests are: only the program has to be optimised.
bench-check: build ## counts and memory on small generated captures; no time is judged
	$(RUN) $(CARGO_HERE) bench --profile dev $$WIRETALE_FEATURES --bench ratios -- --check --program $(PROGRAM)

clean: ## remove what was built, and what script/setup put beside it
	@[ ! -e .libpcap/env ] || . ./.libpcap/env; set -x; cargo clean
	@script/setup --undo

# What a person or a runner types. `make` alone tells what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Root installs and runs without sudo; others with it, where a command needs it.
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)

# Debian's names of what a build links and runs with, and of what the tests use besides.
BUILD_PACKAGES := gcc libc6-dev libseccomp-dev nftables iproute2 ca-certificates
TEST_PACKAGES := $(BUILD_PACKAGES) busybox-static util-linux curl docker-registry skopeo python3-venv containernetworking-plugins
MACHINE_PACKAGES := $(TEST_PACKAGES) qemu-system-x86 e2fsprogs cpio binutils

# Cargo puts a program of a named target into a directory of that name.
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
BINARY = $${CARGO_TARGET_DIR:-target}/$(HOST)/release/navarch
UP_FLAGS ?= --demo

.PHONY: help
help:
	@echo 'make up       build, start a cluster in the foreground, and deploy the demo (as root)'
	@echo 'make build    build the program: target/*/release/navarch'
	@echo 'make test     all that must hold before a change is taken (as root)'
	@echo 'make test-machine   what needs a kernel that this host may not have (control groups of version 2 alone, WireGuard, flow tables), in an emulated machine'
	@echo 'make lint     formatting, clippy and the house rules alone'
	@echo 'make deny     licenses, advisories and sources of the dependencies'

.PHONY: up
up: build
	@echo
	@echo 'Stop it with Ctrl-C: the containers go on; `navarch down` stops them too. In another terminal, as root, in this directory:'
	@echo '  export KUBECONFIG=/var/lib/navarch/admin.kubeconfig'
	@echo "  alias navarch=$$(realpath "$(BINARY)")"
	@echo '  alias kubectl="$$(.ci/kubectl)"   # the one of this host, or one that is fetched'
	@echo '  kubectl get pods -o wide'
	@echo
	@exec $(SUDO) $(BINARY) up $(UP_FLAGS)

.PHONY: build
build: build-packages
	cargo build --release --locked --package navarch

# kubectl has a command of its own: one that fails among the words of another does not stop the shell.
.PHONY: test
test: export RUSTC_WORKSPACE_WRAPPER = $(CURDIR)/.ci/linting-rustc
test: root test-packages style
	@if command -v cargo-deny >/dev/null; then cargo deny --log-level error --workspace check bans licenses sources; \
	else echo 'cargo-deny is not installed: `make deny` installs it and checks the dependencies'; fi
	ulimit -n "$$(ulimit -Hn)"; kubectl="$$(.ci/kubectl)"; NAVARCH_TEST_KUBECTL="$$kubectl" cargo test --workspace --locked

# Apart from `make test`: an emulated machine takes minutes for what the processor itself does in seconds, and where the host's kernel has
# all of it already `make test` shows the same.
.PHONY: test-machine
test-machine: machine-packages
	.ci/machine

.PHONY: lint
lint: style
	cargo clippy --workspace --all-targets --locked -- -D warnings

.PHONY: style
style: build-packages
	cargo fmt --all --check
	cargo xtask tidy

.PHONY: deny
deny:
	@command -v cargo-deny >/dev/null || cargo install cargo-deny --locked
	cargo deny --workspace check

# Containers, namespaces and packet rules are root's. A run without them would prove too little.
.PHONY: root
root:
	@[ "$$(id -u)" = 0 ] || { echo 'make test needs root: its tests make containers, network namespaces and packet rules.' >&2; \
	  echo 'Run it as root, or `cargo test -p CRATE` for a crate that needs none.' >&2; exit 1; }

.PHONY: build-packages test-packages machine-packages
build-packages: PACKAGES = $(BUILD_PACKAGES)
test-packages: PACKAGES = $(TEST_PACKAGES)
machine-packages: PACKAGES = $(MACHINE_PACKAGES)
build-packages test-packages machine-packages:
	@command -v cargo >/dev/null || { echo 'Rust is not installed: see https://rustup.rs' >&2; exit 1; }
	@command -v dpkg-query >/dev/null || { echo 'This is not Debian: install what stands for: $(PACKAGES)' >&2; exit 0; }; \
	missing=(); for package in $(PACKAGES); do \
	  dpkg-query --show --showformat='$${db:Status-Abbrev}' "$$package" 2>/dev/null | grep -q '^ii' || missing+=("$$package"); done; \
	if [ "$${#missing[@]}" -gt 0 ]; then \
	  echo "installing $${missing[*]}"; $(SUDO) apt-get update --quiet=2; \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends "$${missing[@]}"; fi

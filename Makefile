# AGIFORMER. Every target does the set-up that it needs: libtorch is fetched once into a per-user cache, our C++
# is compiled once and kept there too. `make help` lists the targets.
#
# Variables: LIBTORCH=DIR  an installed libtorch 2.11.0 instead of fetching one
#            FLAVOUR=cuda  fetch the CUDA libraries as well (kept for this clone until FLAVOUR=cpu)
#            DATA=PATH     train, ablation: your own text (file, folder or glob) instead of the quickstart corpus
#            ARGS="K=V .."  train, ablation: further overrides, such as training.max_steps=100
#            PREFIX=DIR    install: where to (default /usr/local)

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS   += --no-print-directory
.DEFAULT_GOAL := help

# Empty: what was chosen last in this clone, the cpu flavour at first.
FLAVOUR ?=
PREFIX  ?= /usr/local
DATA    ?=
ARGS    ?=
export ARGS
# What `go` needs to find our headers and trampolines; scripts/env.sh is the one place that says it.
ENV := eval "$$(scripts/env.sh)" &&

.PHONY: help train ablation test build bench lint gen gen-check libs libtorch gpu-check info-env install clean

help: ## print this help
	@echo "AGIFORMER: a Mixture-of-Experts Transformer with memory, in Go on libtorch."
	@echo
	@echo "Start here:  make train    (10 to 20 minutes on two cores: fetches libtorch and a small Turkish corpus, trains, writes a sample)"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@echo
	@sed -n '4,/^$$/s/^# \{0,1\}/  /p' Makefile

train: build ## train a small model on Turkish text and let it write; DATA=PATH takes your own text
	@scripts/quickstart.sh $(if $(DATA),"$(DATA)")

ablation: build ## train the configurations of experiment=ablation and print their table; run it again to go on
	@bin/agiformer train experiment=ablation -m --resume auto $(if $(DATA),"data.train='$(DATA)'") $(ARGS)

build: libs ## build bin/agiformer and bin/lib/*.so
	@mkdir -p bin/lib
	@$(ENV) go build -o bin/agiformer ./cmd/agiformer
	@for so in libcgotorch.so libagiformer_torch.so; do \
	  cmp -s build/lib/$$so bin/lib/$$so || { cp build/lib/$$so bin/lib/.$$so && mv -f bin/lib/.$$so bin/lib/$$so; }; \
	done
	@echo "built bin/agiformer"

test: build ## run every check: linters, generated code, Hydra cases, go test
	@scripts/test.sh

lint: libs ## gofmt, go vet, staticcheck, shellcheck, clang-format
	@scripts/lint.sh

gen: libtorch ## write the generated Go and C++ files again
	@scripts/gen.sh

gen-check: libtorch ## fail when a generated file is not what its generator writes
	@scripts/gen.sh --check

bench: build ## compare with PyTorch: training step, memory, generation, start
	@bench/run.sh

gpu-check: build ## make build/gpu-check.tar.gz: what a CUDA machine runs to check and measure this code
	@scripts/gpu_bundle.sh

libs: libtorch ## fetch libtorch and build our C++ (build/lib, build/link)
	@scripts/build_libs.sh

libtorch:
	@scripts/fetch_libtorch.sh $(FLAVOUR)

info-env: ## print what people who call go themselves must export, and what `agiformer doctor` finds
	@scripts/env.sh
	@if [ -x bin/agiformer ]; then bin/agiformer doctor || true; else echo "# bin/agiformer is not built yet: make build"; fi

install: build ## copy the program and its libraries to PREFIX
	@install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/lib/agiformer"
	@install -m 755 bin/agiformer "$(DESTDIR)$(PREFIX)/bin/agiformer"
	@install -m 755 bin/lib/*.so "$(DESTDIR)$(PREFIX)/lib/agiformer/"
	@echo "installed $(DESTDIR)$(PREFIX)/bin/agiformer"

clean: ## remove what was built here (the per-user cache and your runs stay)
	@rm -rf bin build third_party

# Every command a person needs. `make help` lists them.

JOBS ?= $(shell nproc)
BUILD = cmake --build --parallel $(JOBS) --preset

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | column -t -s '|'

build: deps ## build/weir, the release
	@cmake --preset release >/dev/null
	@$(BUILD) release

PREFIX ?= /usr/local
BUILD_FOLDER ?= build

install: ## build/weir with what belongs to it, under PREFIX=/usr/local (and DESTDIR); run `make build` first
	@test -x $(BUILD_FOLDER)/weir || { echo "make install: $(BUILD_FOLDER)/weir is missing; run make build first" >&2; exit 1; }
	@DESTDIR=$(DESTDIR) cmake --install $(BUILD_FOLDER) --prefix $(PREFIX)

deb: build ## build/deb/weir_VERSION_ARCH.deb
	@.ci/install.sh package
	@cpack -G DEB --config build/CPackConfig.cmake -B build/deb

demo: deps ## a throwaway PostgreSQL, an application, Weir between them, and the events as they come
	@.ci/install.sh demo
	@cmake --preset release >/dev/null
	@$(BUILD) release
	@examples/demo/run.sh build/weir

BUILD_TESTS = cmake --preset test >/dev/null && $(BUILD) test && cmake --preset fuzz >/dev/null && $(BUILD) fuzz
TESTS = build-test build-fuzz

test: deps ## all tests, with real PostgreSQL and Kafka; ends with one summary line
	@.ci/install.sh test
	@tests/support/fetch_servers.sh
	@$(BUILD_TESTS)
	@tests/run.py $(TESTS)

PACKAGE_TESTS = tests/packages/fetch_images.sh && cmake --preset packages >/dev/null && $(BUILD) packages

test-all: deps ## `make test`, the unit tests under sanitizers, and all that is packaged: .deb, image, Kubernetes, compose, monitoring; the page
	@.ci/install.sh test package images demo page
	@tests/support/fetch_servers.sh
	@cmake --preset test >/dev/null
	@$(BUILD_TESTS)
	@cmake --preset dev >/dev/null
	@$(BUILD) dev
	@$(PACKAGE_TESTS)
	@tests/page/page_test.py build-test/weir
	@tests/run.py $(TESTS) build-dev=unit build-packages

test-packages: deps ## only what `make test-all` has more; ONLY=image_test is one of them
	@.ci/install.sh test package images
	@$(PACKAGE_TESTS)
	@tests/run.py $(if $(ONLY),--names '^($(ONLY))$$') build-packages

test-image: ## the container image, built by buildah and run by podman
	@$(MAKE) test-packages ONLY=image_test

test-page: deps ## the live page in headless Chromium; SCREENSHOTS=FOLDER keeps the pictures
	@.ci/install.sh demo page
	@cmake --preset test >/dev/null
	@$(BUILD) test --target weir
	@tests/page/page_test.py build-test/weir $(if $(SCREENSHOTS),--screenshots $(SCREENSHOTS))

quick: deps ## the unit tests under sanitizers, in seconds
	@.ci/install.sh test
	@cmake --preset dev >/dev/null
	@$(BUILD) dev
	@tests/run.py --only 'unit|style' build-dev

fuzz: deps ## the fuzz targets with new seeds: SECONDS=60 each, ONLY=name
	@.ci/install.sh test
	@cmake --preset fuzz >/dev/null
	@$(BUILD) fuzz
	@tests/fuzz/run.sh build-fuzz $(or $(SECONDS),60) $(ONLY)

tsan: deps ## all tests under ThreadSanitizer
	@.ci/install.sh test
	@tests/support/fetch_servers.sh
	@cmake --preset tsan >/dev/null
	@$(BUILD) tsan
	@tests/run.py --only 'unit|integration' build-tsan

bench: deps ## Weir beside its peers; QUICK=1 is short, DEBEZIUM=1 measures Debezium Server too
	@.ci/install.sh demo bench test
	@tests/support/fetch_servers.sh kafka
	@cmake --preset bench >/dev/null
	@$(BUILD) bench
	@$(if $(DEBEZIUM),bench/fetch_debezium.sh)
	@bench/run.py --build build-bench $(if $(QUICK),--quick) $(if $(DEBEZIUM),--debezium)

SOURCES = $(shell git ls-files -co --exclude-standard '*.cpp' '*.h')

format: ## clang-format over all sources
	@.ci/install.sh lint
	@clang-format-14 -i $(SOURCES)

lint: deps ## clang-tidy's short list and the style test; warnings are errors
	@.ci/install.sh test lint
	@clang-format-14 --dry-run --Werror $(SOURCES)
	@tests/style/style.py
	@cmake --preset test >/dev/null
	@git ls-files '*.cpp' | grep -v '^tests/fuzz/\|^bench/' | xargs -P $(JOBS) -n 4 clang-tidy-14 --quiet -p build-test

deps: ## what the build needs from outside: Debian packages and libpg_query
	@.ci/install.sh build
	@capture/sql/libpg_query/fetch.sh

clean: ## all that was built; .deps stays
	rm -rf build build-*

.PHONY: help build install deb demo test test-all test-packages test-image test-page quick fuzz tsan bench format lint deps clean
.DEFAULT_GOAL := build

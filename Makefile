# The commands of this repository. `make help` lists them.

SWIFT ?= swift

# Everything a release build is made with; add compiler flags here and nowhere else.
# Dynamic exclusivity checks stay in debug and test builds (docs/decisions/0006-exclusivity-checking.md).
# The binary brings the Swift library along, and what a request runs through lies side by side
# (docs/decisions/0016-static-library-and-function-order.md). The linker optimises all modules as one, and then
# it is not told by the objects which parts of the Swift library they need (docs/decisions/0017-whole-program-optimisation.md).
RUNTIME_LIBRARIES := swiftCore swift_Concurrency swift_StringProcessing swift_RegexParser swiftSynchronization \
  swiftGlibc swiftDispatch dispatch BlocksRuntime Foundation FoundationEssentials FoundationInternationalization \
  CoreFoundation _FoundationCShims _FoundationCollections _FoundationICU ssl crypto
SWIFT_RELEASE_FLAGS := -c release -Xswiftc -enforce-exclusivity=unchecked --static-swift-stdlib \
  --experimental-lto-mode full --omit-frame-pointers -Xswiftc -use-ld=lld \
  $(foreach library,$(RUNTIME_LIBRARIES),-Xlinker -l$(library)) \
  -Xlinker --symbol-ordering-file=$(CURDIR)/scripts/hot-functions.txt -Xlinker --no-warn-symbol-ordering

# `make test SANITIZE=address` or `thread`; each has its own build directory.
SANITIZE ?=
# `make test FILTER=WireTests` runs the matching tests only.
FILTER ?=
# `make bench BENCH_ARGS=--quick` measures for a minute; --write puts the tables into the docs.
BENCH_ARGS ?= --write
# `make fuzz FUZZ_SECONDS=600`: how long each target runs.
FUZZ_SECONDS ?= 60
# `make soak SESSIONS=2000`: how many sessions at a time; a process needs two descriptors for each.
SESSIONS ?= 9000

TEST_FLAGS := $(if $(SANITIZE),--sanitize=$(SANITIZE) --scratch-path .build/$(SANITIZE))
# The leak detector does not follow Swift's tagged pointers and reports what is in use.
TEST_ENVIRONMENT := $(if $(filter address,$(SANITIZE)),ASAN_OPTIONS=detect_leaks=0:suppressions=$(CURDIR)/Tests/address-sanitizer.txt)
TEST_FILTER := $(if $(FILTER),--filter '$(FILTER)')

.DEFAULT_GOAL := help
.PHONY: help run build test test-browser soak bench fuzz lint format docs clean

help: ## Print this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## Build the gateway and start it in front of two sample services.
	.build/release/sluice demo

build: ## Build the release binary, .build/release/sluice.
	@scripts/check-toolchain.sh
	@scripts/install-dependencies.sh build
	$(SWIFT) build $(SWIFT_RELEASE_FLAGS) --product sluice

test: ## Build and run all tests. SANITIZE=address|thread, FILTER=name.
	@scripts/check-toolchain.sh
	@scripts/install-dependencies.sh build test
	@scripts/install-clients.sh
	@case "$(SANITIZE)" in ''|address|thread) ;; \
	  *) echo "SANITIZE is 'address' or 'thread', not '$(SANITIZE)'." >&2; exit 2 ;; esac
	$(SWIFT) build --build-tests $(TEST_FLAGS)
	$(TEST_ENVIRONMENT) $(SWIFT) test --skip-build $(TEST_FLAGS) $(TEST_FILTER)

test-browser: build ## A page in a headless Chromium, through `sluice demo`.
	@scripts/install-dependencies.sh test browser
	@scripts/install-clients.sh
	SLUICE=.build/release/sluice .clients/venv/bin/python Tests/Clients/browser.py

soak: ## Bad days with SESSIONS sessions at a time, 9000 unless given.
	@scripts/check-toolchain.sh
	@scripts/install-dependencies.sh build
	$(SWIFT) build --build-tests
	SLUICE_SESSIONS=$(SESSIONS) $(SWIFT) test --skip-build --filter BadDays

bench: build ## Measure against nginx, HAProxy, Envoy and Caddy. BENCH_ARGS=--quick.
	@scripts/install-dependencies.sh bench
	python3 Benchmarks/run.py $(BENCH_ARGS)
	python3 Benchmarks/websocket.py --case memory --case memory-tls --rounds 1
	Benchmarks/syscalls.sh --budget 4.6
	Benchmarks/allocations.sh --budget 0.01

fuzz: ## Fuzz every decoder and the configuration, FUZZ_SECONDS each.
	@scripts/check-toolchain.sh
	@scripts/install-dependencies.sh build
	Fuzz/run.sh all $(FUZZ_SECONDS)

lint: ## Check formatting, imports, file sizes and safety notes.
	@scripts/check-toolchain.sh
	@scripts/lint.sh

format: ## Format the Swift sources in place.
	@scripts/check-toolchain.sh
	$(SWIFT) format --in-place --recursive --parallel Package.swift Sources Tests

docs: build ## Write the reference pages that are generated from the code.
	scripts/generate-docs.sh

clean: ## Remove everything that was built or downloaded.
	rm -rf .build .bench .fuzz .clients

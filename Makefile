# make demo   the whole product on this machine, without any server
# make test   everything that must hold; installs the servers and drivers it needs (Debian, root)
# make help   the rest

GO      ?= go
TIMEOUT ?= 30m
FUZZTIME ?= 30s

.DEFAULT_GOAL := help
.PHONY: help build demo setup bench test lint fmt vet staticcheck noskip fips unit race suites differential leaks fuzz soak vuln docs clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/phiproxy and bin/kms-emulator, static and reproducible
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w" -o bin/ ./cmd/...

demo: build ## embedded database, proxy and admin port on this machine, with a tour
	@exec bin/phiproxy demo

setup: ## install the servers and drivers that the tests need
	e2e/setup.sh

bench: ## compare direct, HAProxy and phiproxy, and write docs/bench.md (about 15 minutes)
	e2e/setup.sh bench
	$(GO) run ./e2e/bench -out docs/bench.md

test: setup lint fips ## everything: setup, lint, all tests
	$(GO) test -timeout $(TIMEOUT) ./...

fips: ## the cryptography in Go's strict FIPS 140-3 mode
	GODEBUG=fips140=only $(GO) test ./crypto/...

unit: ## tests that need no server
	$(GO) test -short -timeout 5m $$($(GO) list ./... | grep -v /e2e)

lint: fmt vet staticcheck noskip ## gofmt, go vet, staticcheck, no skipped tests

fmt:
	@files=$$(gofmt -l .); if [ -n "$$files" ]; then echo "gofmt -w $$files"; exit 1; fi

vet:
	$(GO) vet ./...

staticcheck:
	$(GO) tool staticcheck ./...

noskip:
	@if grep -rnE '\bt\.Skip(Now|f)?\(' --include='*_test.go' .; then echo 'a test may not skip itself: what it needs is installed by make setup'; exit 1; fi

race: ## all tests under the race detector (needs a C compiler)
	$(GO) test -race -timeout $(TIMEOUT) ./...

suites: ## other drivers' own test suites whole, directly and through phiproxy
	e2e/setup.sh
	$(GO) test -count=1 -timeout $(TIMEOUT) ./e2e/suites -whole

differential: ## 20,000 random reads that compute and 2,000 writes, compared with a plaintext database of each kind
	$(GO) test -count=1 -v -timeout $(TIMEOUT) -run '^(TestDifferentialCompute.*|TestRandomComputes|TestRandomComputedWrites|TestPartitions)$$' ./e2e \
		-computes 10000 -computes-seed 3 -compute-writes 2000 -partitions 1000

leaks: ## what the proxy and its scratch server hold after 10,000 statements that compute
	$(GO) test -count=1 -v -timeout $(TIMEOUT) -run '^TestComputeLeaks$$' ./e2e -leaks 10000

fuzz: ## every fuzz target for FUZZTIME (30s), and 10,000 random reads on each server
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done
	$(GO) test -timeout $(TIMEOUT) -run '^TestRandomReads$$' ./e2e -reads 10000 -reads-seed 3

soak: ## 1,000,000 sessions whose bytes were damaged on the way (about 20 minutes), results of 5 GB for a slow reader, 5,000 idle connections of each kind
	$(GO) test -count=1 -timeout 60m -run '^TestMutatedSessions$$' ./proxy -sessions 1000000
	$(GO) test -count=1 -timeout $(TIMEOUT) -run '^TestSlowReader$$' ./e2e -slow-megabytes 5000
	$(GO) test -count=1 -timeout $(TIMEOUT) -run '^TestIdleConnections$$' ./e2e -v -idle 5000

vuln: ## known vulnerabilities in what the binaries call (needs the network)
	$(GO) tool govulncheck ./...

docs: ## write the generated documents
	$(GO) test ./config -run Reference -update

clean: ## remove what was built
	rm -rf bin

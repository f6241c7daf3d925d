# `make` prints the targets; the text after two hashes is the help of a target.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

UNIT := $$(go list ./... | grep -v /test/)
MEASURED := ^(TestHostile_CrowdsHarmNobodyElse|TestSlow_HurtsNobodyAndLosesNothing)$$
FUZZTIME ?= 20s
ARGS ?=
# The servers of all tests are the newest ones, see CONTRIBUTING.md. What depends on their versions also runs on the oldest
# ones, which are in this release of Debian, and sometimes on those between.
OLDEST := bookworm
BETWEEN := trixie
NEWEST := forky
# With RERUN=1 up to three tests that fail are run once more, as in CI. See test/rerun.
RERUN ?=
GOTEST := bin/rerun $(if $(RERUN),-again)
comma := ,

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## run a server on http://127.0.0.1:8080 (ARGS="--listen 127.0.0.1:9000" for other flags)
	@exec bin/restante serve $(ARGS)

.PHONY: run-cluster
run-cluster: build bin/nodes ## run a node on a private RabbitMQ and PostgreSQL, which end with it
	@exec bin/nodes -- bin/restante serve $(ARGS)

.PHONY: build
build: ## build bin/restante, one static binary
	CGO_ENABLED=0 go build -buildvcs=auto -trimpath -o bin/restante ./cmd/restante

.PHONY: test
test: deps lint advisories client-check test-unit test-whole oldest-check snapshot-check ## everything that must pass before a change lands; installs what it needs
	@scripts/summary.sh

.PHONY: test-unit
test-unit: deps vet fmt bin/rerun bin/nodes ## vet, formatting and the tests of the packages, with the race detector
	@mkdir -p .cache
	@rm -f .cache/test-unit.log.flaky && bin/nodes -versions | tee .cache/test-unit.log
	$(GOTEST) -append -log .cache/test-unit.log -- -race -timeout=15m $(UNIT)

.PHONY: bin/rerun bin/nodes
bin/rerun bin/nodes:
	@go build -o $@ ./test/$(@F)

.PHONY: client
client: deps ## build the web client into client/dist, which is committed and embedded
	node client/scripts/build.mjs

.PHONY: client-check
client-check: deps ## the app: types, style, tests, that client/dist is up to date, bundles for phones
	@scripts/client.sh

.PHONY: test-whole
test-whole: deps bin/rerun bin/nodes ## the tests of the whole: the real binary, the official client, a browser, faults
	@rm -rf .cache/measured.log .cache/test-whole.log.flaky .cache/record && mkdir -p .cache/record
	@bin/nodes -versions | tee .cache/test-whole.log
	RESTANTE_TEST_RECORD=$(CURDIR)/.cache/record RESTANTE_TEST_MEASURED=$(CURDIR)/.cache/measured.log \
		$(GOTEST) -append -log .cache/test-whole.log -- -count=1 -timeout=25m -p=1 '-skip=$(MEASURED)' $$(go list ./test/... | grep -v /privacy)
	@# How others are served beside an attack, or a slow reader, is not to be measured beside other tests.
	$(GOTEST) -append -log .cache/test-whole.log -- -count=1 -timeout=10m '-run=$(MEASURED)' ./test/faults
	RESTANTE_TEST_RECORD=$(CURDIR)/.cache/record $(GOTEST) -append -log .cache/test-whole.log -- -count=1 ./test/privacy
	@rm -rf .cache/record

.PHONY: test-oldest
test-oldest: deps bin/rerun bin/nodes ## what depends on RabbitMQ and PostgreSQL, on their oldest versions
	@mkdir -p .cache
	@RERUN=$(RERUN) scripts/suites.sh $(OLDEST) .cache/test-oldest.log

.PHONY: oldest-check
oldest-check: deps bin/rerun bin/nodes ## test-oldest if the drivers differ from test/oldest.sha256, which it writes; else its short form
	@mkdir -p .cache
	@RERUN=$(RERUN) scripts/oldest-check.sh $(OLDEST) .cache/test-oldest.log

.PHONY: test-versions
test-versions: deps bin/rerun bin/nodes ## the same on every version that can be had, with the long form of long tests
	@scripts/deps.sh versions
	@mkdir -p .cache
	@for suite in $(OLDEST) $(BETWEEN) $(NEWEST); do \
		RERUN=$(RERUN) RESTANTE_TEST_LONG=1 scripts/suites.sh $$suite .cache/test-$$suite.log; \
	done

.PHONY: deps
deps: ## install what the tests need besides Go and Node
	@scripts/deps.sh

.PHONY: vet
vet: ## go vet, and that the program compiles for Windows and macOS
	go vet ./...
	GOOS=windows CGO_ENABLED=0 go build -trimpath -o /dev/null ./cmd/restante
	GOOS=darwin CGO_ENABLED=0 go build -trimpath -o /dev/null ./cmd/restante

.PHONY: fmt
fmt: ## check the formatting (gofmt -w FILE repairs it)
	@unformatted=$$(git ls-files -co --exclude-standard '*.go' | xargs gofmt -l); \
	if [ -n "$$unformatted" ]; then printf 'not formatted as gofmt does:\n%s\n' "$$unformatted"; exit 1; fi

.PHONY: lint
lint: ## golangci-lint with .golangci.yml; the first time builds it, which takes about three minutes
	@scripts/lint.sh

.PHONY: advisories
advisories: ## ask the databases of advisories that can be reached; test/advisories compares with the committed list
	@scripts/advisories.sh

.PHONY: snapshot
snapshot: ## build into dist what a release has, from the current tree; publishes nothing
	@scripts/release.sh --snapshot

.PHONY: release
release: ## build into dist the release of the tag at this commit; publishes nothing
	@scripts/release.sh

.PHONY: packages-test
packages-test: ## install the packages in dist in a Debian root and serve under the unit's sandbox (as root on Debian)
	@scripts/packages-test.sh

.PHONY: snapshot-check
snapshot-check: ## snapshot and packages-test, if their inputs are not those of packaging/snapshot.sha256, which it writes
	@scripts/snapshot-check.sh

.PHONY: fuzz
fuzz: ## every fuzz test for FUZZTIME (20s) each
	@scripts/fuzz.sh $(FUZZTIME)

.PHONY: bench
bench: deps build bin/nodes ## measure both shapes: one machine, then RabbitMQ and PostgreSQL (ARGS="--scenario fanout" for less)
	bin/restante bench $(ARGS)
	@bin/nodes -- bin/restante bench --no-pinning $(or $(ARGS),--scenario publish$(comma)alone)

.PHONY: cover
cover: ## coverage of the packages by their tests; .cache/cover.html shows it line by line
	@mkdir -p .cache
	go test -coverprofile .cache/cover.out -coverpkg ./internal/... $(UNIT)
	go tool cover -html .cache/cover.out -o .cache/cover.html
	go tool cover -func .cache/cover.out | tail -n 1

.PHONY: licenses
licenses: ## write docs/licenses.md: what is in the binary, and under which licence
	go test -count=1 ./test/licenses -run OfTheBinary -update

.PHONY: vuln
vuln: ## known vulnerabilities in what is imported; asks vuln.go.dev
	go run golang.org/x/vuln/cmd/govulncheck@latest ./...

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist .cache test/{app,e2e,proxies,clients}/js/node_modules client/node_modules client/.expo

# `make help` explains every target. CI runs `make ci`, which calls the same targets.

# These are the modules in go.work. Each one is listed because a pattern like ./... does not include other modules. The
# go.mod of a library requires the oldest versions that its tests pass with. The go.mod of a program requires the newest
# ones, and the workspace builds everything with those.
LIBRARIES := . ./clusterfile ./telemetry/otelsdk
PROGRAMS  := ./examples/fxapp ./integration
WORKSPACE := $(LIBRARIES) $(PROGRAMS)
PACKAGES  := $(addsuffix /...,$(WORKSPACE))
# The example that pins kubo. It is outside the workspace, so that kubo's requirements do not affect other modules.
KUBO      := ./examples/kubo
# The tests of the packaging. They are outside the workspace, so that their requirements do not affect other modules.
PACKAGING := ./packaging
# The modules that pin the tools.
TOOLS     := $(patsubst %/go.mod,./%,$(wildcard tools/*/go.mod tools/*/*/go.mod integration/*/server/go.mod))

# For the command line: make demo ARGS="--kill 2", make test TESTFLAGS="-v -run Barrier", make fuzz FUZZTIME=5000000x
ARGS      ?=
TESTFLAGS ?=
# How many inputs each fuzz target gets. A duration works too, but sometimes Go's fuzzer reports its end as a failure.
FUZZTIME  ?= 200000x

# The Jaeger, Prometheus and promtool to use. By default they are built here.
JAEGER     ?= $(CURDIR)/.bin/jaeger
PROMETHEUS ?= $(CURDIR)/.bin/prometheus
PROMTOOL   ?= $(CURDIR)/.bin/promtool

# The browser for the tests of the status page.
CHROMIUM  ?= chromium

# This succeeds if cgo works, which the race detector needs.
HAVE_CC = [ "$$(go env CGO_ENABLED)" = 1 ] && set -- $$(go env CC) && command -v "$$1" >/dev/null

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "%-15s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: ## Run a ceremony of several nodes on this machine, with options such as ARGS="--kill 2"
	@go build -o .bin/fxapp ./examples/fxapp
	@.bin/fxapp demo $(ARGS)

.PHONY: demo-procs
demo-procs: ## Run a ceremony of fxapp processes on this machine, also through a relay: ARGS="--kill 1 --attempts 2"
	@go build -o .bin/fxapp ./examples/fxapp
	@go build -o .bin/procs ./integration/procs
	@.bin/procs $(ARGS)

.PHONY: release
release: ## Build fxapp for every platform from the current commit, with checksums, into .bin/release
	@packaging/release.sh .bin/release

.PHONY: release-check
release-check: ## Build the Windows release twice, in two directories, and compare the results
	@packaging/release.sh --check windows/amd64

# Sets $race to the flag of the race detector, or to nothing if the detector cannot work.
RACE = race=-race; $(HAVE_CC) || { race=; export CGO_ENABLED=0; echo 'no C compiler: testing without the race detector'; }

.PHONY: docs-demo
docs-demo: ## Run the demos in the docs, and write their output into the docs
	@tools/docs/demo.sh README.md docs/observability.md

.PHONY: test
test: ## Test every module, with the race detector if there is a C compiler: TESTFLAGS
	@$(RACE); go test $$race -timeout 30m $(TESTFLAGS) $(PACKAGES)

.PHONY: test-floor
test-floor: ## Test each library alone, with the oldest dependencies that it allows: TESTFLAGS
	@for module in $(LIBRARIES); do (cd $$module && GOWORK=off go test -timeout 30m $(TESTFLAGS) ./...) || exit 1; done

.PHONY: check
check: ## Explore every order of events in small clusters for some minutes: ARGS="--deep" for larger ones, "--seed 7"
	@go test -count=1 -timeout 0 -v -run '^Test(NamedConfigurations|SmallConfigurations|ReductionsHideNothing)$$' ./syncmod/internal/roster/check -args --named $(ARGS)

.PHONY: mutants
mutants: ## Break the rules one at a time, and check that the tests notice; takes long: ARGS="-all"
	@go run ./tools/mutants $(ARGS)

.PHONY: soak
soak: ## Run ceremonies through random faults for ten minutes: ARGS="--duration 1h --seed 7"
	@$(RACE); go test $$race -count=1 -timeout 0 -v ./integration/soak -args --duration 10m $(ARGS)

.PHONY: faults
faults: ## Break ceremonies in every way that operators meet; check the logs: ARGS="--logs DIR --answers FILE --seed 7"
	@go test -count=1 -timeout 0 -v ./integration/faults -args $(ARGS)

.PHONY: sim
sim: ## Run ceremonies of 50 and 100 members on a simulated network: ARGS="-members 200"
	@go test -count=1 -timeout 0 -v ./integration/sim -args -members 50,100 $(ARGS)

.PHONY: many
many: ## Run 1,000 ceremonies at the same time on four hosts: ARGS="-ceremonies 2000"
	@go test -count=1 -v -run '^TestManyCeremonies' ./integration/limits -args -ceremonies 1000 $(ARGS)

.PHONY: bench
bench: ## Measure the cost of a ceremony, next to the lowest possible cost; takes minutes: ARGS
	@go build -o .bin/bench ./integration/bench
	@.bin/bench $(ARGS)

.PHONY: jaeger
jaeger: $(JAEGER) ## Run Jaeger on this machine, and print queries for it: JAEGER
	@cat integration/jaeger/queries.txt
	@"$(JAEGER)" --config integration/jaeger/jaeger.yaml

.PHONY: test-jaeger
test-jaeger: $(JAEGER) ## Test what operators see of ceremonies in a real Jaeger: JAEGER, TESTFLAGS
	JAEGER_BIN="$(abspath $(JAEGER))" go test -count=1 $(TESTFLAGS) ./integration/jaeger

.PHONY: test-prometheus
test-prometheus: $(PROMETHEUS) ## Test alerts and dashboard in a real Prometheus: PROMETHEUS, PROMTOOL, TESTFLAGS
	PROMTOOL="$(abspath $(PROMTOOL))" go test -count=1 $(TESTFLAGS) ./telemetry/prometheus
	PROMETHEUS_BIN="$(abspath $(PROMETHEUS))" go test -count=1 $(TESTFLAGS) ./integration/prometheus

.PHONY: test-kubo
test-kubo: ## Test the plugin in examples/kubo with the real ipfs command: TESTFLAGS
	@mkdir -p .bin
	cd $(KUBO) && GOWORK=off go build -o '$(CURDIR)/.bin/ipfs' .
	KUBO_BIN='$(CURDIR)/.bin/ipfs' go test -count=1 $(TESTFLAGS) ./integration/kubo

.PHONY: test-packaging
test-packaging: ## Test the container file, the compose file and the systemd units with parsers and fxapp: TESTFLAGS
	@go build -o .bin/fxapp ./examples/fxapp
	cd $(PACKAGING) && FXAPP_BIN='$(CURDIR)/.bin/fxapp' GOWORK=off go test -count=1 $(TESTFLAGS) ./...

.PHONY: test-page
test-page: ## Test the status page in Chromium: CHROMIUM, TESTFLAGS, ARGS="-pictures DIR" for screenshots
	CHROMIUM='$(CHROMIUM)' go test -count=1 $(TESTFLAGS) ./integration/browser -args $(ARGS)

.PHONY: page-picture
page-picture: ## Update the picture in docs/statuspage.md: CHROMIUM
	@dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	$(MAKE) --no-print-directory test-page TESTFLAGS='-run FirstScreen/broken' ARGS="-pictures $$dir" && \
	cp "$$dir/03-broken-pair.png" docs/statuspage.png

.PHONY: view-documents
view-documents: ## Record situations for the tests of the terminal view; then run go test ./examples/fxapp/view -update
	go test -count=1 -run RecordDocuments ./integration/browser -args -documents '$(CURDIR)/examples/fxapp/view/testdata/situations'

.PHONY: view-picture
view-picture: ## Update docs/view.svg, the picture of the terminal view
	go test -count=1 -run PictureOfTheView ./examples/fxapp -args -picture '$(CURDIR)/docs/view.svg'

.PHONY: fuzz
fuzz: ## Run every fuzz target, one after the other, each with FUZZTIME inputs
	@listed=$$(go test -list '^Fuzz' $(PACKAGES)) || { echo "$$listed"; exit 1; }; \
	echo "$$listed" | awk '/^Fuzz/ { names[++n] = $$1 } /^ok/ { while (n) print $$2, names[n--] }' | \
	while read -r package name; do \
		echo "fuzzing $$name of $$package: $(FUZZTIME)"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzzminimizetime 2s -fuzztime $(FUZZTIME) "$$package" </dev/null || exit 1; \
	done

.PHONY: generate
generate: ## Generate the Go code of the protocol buffers
	@tools/generate/generate.sh

.PHONY: generate-check
generate-check: ## Fail if make generate would change the generated code
	@tools/generate/generate.sh --check

.PHONY: lint
lint: .bin/golangci-lint ## Lint every module; this also checks which package may import which
	.bin/golangci-lint run $(PACKAGES)
	cd $(KUBO) && GOWORK=off '$(CURDIR)/.bin/golangci-lint' run ./...
	cd $(PACKAGING) && GOWORK=off '$(CURDIR)/.bin/golangci-lint' run ./...

.PHONY: fmt
fmt: .bin/golangci-lint ## Format the Go code
	.bin/golangci-lint fmt

.PHONY: vuln
vuln: .bin/govulncheck ## Look for known vulnerabilities that the code can reach, if the database answers
	@errors=$$(mktemp); trap 'rm -f "$$errors"' EXIT; code=0; \
	.bin/govulncheck $(PACKAGES) 2>"$$errors" || code=$$?; \
	if [ $$code -eq 1 ] && grep -q 'fetching vulnerabilities' "$$errors"; then \
		echo 'the vulnerability database does not answer from here: nothing was checked'; exit 0; \
	fi; \
	cat "$$errors" >&2; exit $$code

# Makes a copy of the repository in $synced, in which go work sync has raised every module to the workspace's versions.
SYNC = synced=$$(mktemp -d); trap 'rm -rf "$$synced"' EXIT; \
	tar -cf - --exclude=./.git --exclude=./.bin . | tar -xf - -C "$$synced" && (cd "$$synced" && go work sync)

.PHONY: tidy
tidy: ## Tidy every module, and raise the programs (not the libraries) to the workspace's versions
	@$(SYNC) && for module in $(PROGRAMS); do cp "$$synced/$$module/go.mod" $$module/go.mod || exit 1; done
	@for module in $(WORKSPACE) $(KUBO) $(PACKAGING) $(TOOLS); do (cd $$module && GOWORK=off go mod tidy) || exit 1; done

.PHONY: tidy-check
tidy-check: ## Fail if make tidy would change a go.mod
	@for module in $(WORKSPACE) $(KUBO) $(PACKAGING) $(TOOLS); do (cd $$module && GOWORK=off go mod tidy -diff) || exit 1; done
	@$(SYNC) || exit 1; stale=; \
	for module in $(PROGRAMS); do \
		git --no-pager diff --no-index "$$module/go.mod" "$$synced/$$module/go.mod" || stale=yes; \
	done; \
	[ -z "$$stale" ] || { echo 'make tidy would change this' >&2; exit 1; }

.PHONY: standalone
standalone: ## Build every module without the workspace, as its users do
	@for module in $(WORKSPACE) $(KUBO); do \
		echo "building $$module by itself"; \
		(cd $$module && export GOWORK=off && go build -o /dev/null ./... && go vet ./...) || exit 1; \
	done

.PHONY: deps-check
deps-check: ## Fail if the library adds an OpenTelemetry SDK, or changes dependency versions of programs that use it
	@go test -count=1 $(TESTFLAGS) -run '^Test(TheRootModule|ANode)' ./integration/standalone

.PHONY: demo-check
demo-check: ## Run demos in one process, with and without faults, and a demo with several processes
	@$(MAKE) --no-print-directory demo ARGS=
	@$(MAKE) --no-print-directory demo ARGS='--restart 1 --attempts 3'
	@for fault in '--kill 2' '--differ 2'; do \
		code=0; .bin/fxapp demo $$fault || code=$$?; \
		if [ $$code -ne 1 ]; then echo "demo $$fault exited with code $$code instead of 1" >&2; exit 1; fi; \
	done
	@$(MAKE) --no-print-directory demo-procs ARGS='--late 1s --kill 1 --attempts 2'

.PHONY: soak-check
soak-check: ## Run ceremonies through random faults with a fixed seed, for two minutes
	@$(MAKE) --no-print-directory soak ARGS='--duration 2m --seed 3384160698'

# The tests come last, so that their output is at the end of the log.
CI_STEPS := generate-check lint tidy-check standalone deps-check vuln fuzz demo-check release-check test-packaging \
	test-jaeger test-prometheus test-kubo test-page soak-check check many test-floor test

.PHONY: ci
ci: ## Run all checks, as CI does; needs a C compiler
	@$(HAVE_CC) || { echo 'ci needs cgo with a C compiler, for the race detector' >&2; exit 1; }
	@for step in $(CI_STEPS); do \
		echo "==> make $$step"; \
		$(MAKE) --no-print-directory $$step TESTFLAGS='-count=1 $(TESTFLAGS)' || exit 1; \
	done

# Tools are built at the versions that their own modules pin, for the machine that they run on. The touch is needed
# because go build does not change a file that is up to date.
.bin/golangci-lint: tools/lint/go.mod
.bin/govulncheck: tools/vuln/go.mod
# These builds take minutes if Go's caches are empty. Here Prometheus finds its targets in its configuration. Without
# the tag remove_all_sd it would also contain the clients of two dozen clouds.
$(CURDIR)/.bin/jaeger: integration/jaeger/server/go.mod
$(CURDIR)/.bin/prometheus: integration/prometheus/server/go.mod
$(CURDIR)/.bin/prometheus: TAGS := -tags remove_all_sd
.bin/golangci-lint .bin/govulncheck $(CURDIR)/.bin/jaeger $(CURDIR)/.bin/prometheus:
	@echo 'building $(@F)'
	@mkdir -p .bin
	@cd $(<D) && GOWORK=off GOOS= GOARCH= go build $(TAGS) -o '$(CURDIR)/.bin/' tool
	@touch $@

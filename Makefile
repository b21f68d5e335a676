# `make help` explains every target; CI runs `make ci`, which calls the same ones.

# The modules that go.work ties together. A pattern like ./... ends at a module's border, so each is named. The go.mod of
# a library names the oldest versions that its tests pass with, the others name the newest: those are what the workspace
# builds with.
LIBRARIES := . ./clusterfile ./telemetry/otelsdk
PROGRAMS  := ./examples/fxapp ./integration
WORKSPACE := $(LIBRARIES) $(PROGRAMS)
PACKAGES  := $(addsuffix /...,$(WORKSPACE))
# The example that pins kubo. Outside the workspace, because nothing else shall be built with what kubo needs.
KUBO      := ./examples/kubo
# The tests of what an operator installs. Outside the workspace, because nothing else shall be built with their parsers.
PACKAGING := ./packaging
# The modules that pin what the tools are built from.
TOOLS     := $(patsubst %/go.mod,./%,$(wildcard tools/*/go.mod tools/*/*/go.mod integration/*/server/go.mod))

# For the command line: make demo ARGS="--kill 2", make test TESTFLAGS="-v -run Barrier", make fuzz FUZZTIME=5000000x
ARGS      ?=
TESTFLAGS ?=
# How many inputs each fuzz target gets. A duration works too, but Go's fuzzer now and then calls the end of one a failure.
FUZZTIME  ?= 200000x

# The Jaeger, Prometheus and promtool to use, where others than those that are built here are wanted.
JAEGER     ?= $(CURDIR)/.bin/jaeger
PROMETHEUS ?= $(CURDIR)/.bin/prometheus
PROMTOOL   ?= $(CURDIR)/.bin/promtool

# The browser in which the status page is tested.
CHROMIUM  ?= chromium

# Does cgo work? The race detector needs it.
HAVE_CC = [ "$$(go env CGO_ENABLED)" = 1 ] && set -- $$(go env CC) && command -v "$$1" >/dev/null

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "%-15s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: ## Run a ceremony of several nodes on this machine: ARGS="--kill 2" goes to the program
	@go build -o .bin/fxapp ./examples/fxapp
	@.bin/fxapp demo $(ARGS)

.PHONY: demo-procs
demo-procs: ## Run a ceremony of fxapp processes on this machine, through a relay too: ARGS="--kill 1 --attempts 2"
	@go build -o .bin/fxapp ./examples/fxapp
	@go build -o .bin/procs ./integration/procs
	@.bin/procs $(ARGS)

.PHONY: release
release: ## Build fxapp for every platform from the commit that is checked out, with sums, into .bin/release
	@packaging/release.sh .bin/release

.PHONY: release-check
release-check: ## Build a release twice, in two places, and compare: the one for Windows, which nothing else builds
	@packaging/release.sh --check windows/amd64

# Sets $race to the flag of the race detector, or to nothing where that cannot work.
RACE = race=-race; $(HAVE_CC) || { race=; export CGO_ENABLED=0; echo 'no C compiler: testing without the race detector'; }

.PHONY: docs-demo
docs-demo: ## Run the demos that the docs show, and write what they print into the docs
	@tools/docs/demo.sh README.md docs/observability.md

.PHONY: test
test: ## Test every module, with the race detector where there is a C compiler: TESTFLAGS
	@$(RACE); go test $$race $(TESTFLAGS) $(PACKAGES)

.PHONY: test-floor
test-floor: ## Test each library by itself, with the oldest versions that it allows: TESTFLAGS
	@for module in $(LIBRARIES); do (cd $$module && GOWORK=off go test $(TESTFLAGS) ./...) || exit 1; done

.PHONY: check
check: ## Explore every order of events in small clusters, some minutes long: ARGS="--deep" for larger ones, "--seed 7"
	@go test -count=1 -timeout 0 -v -run '^Test(NamedConfigurations|SmallConfigurations|ReductionsHideNothing)$$' ./syncmod/internal/roster/check -args --named $(ARGS)

.PHONY: mutants
mutants: ## Break the rules one at a time, and see whether the tests notice; takes long: ARGS="-all"
	@go run ./tools/mutants $(ARGS)

.PHONY: soak
soak: ## Run ceremonies through random faults, ten minutes long: ARGS="--duration 1h --seed 7" goes to the test
	@$(RACE); go test $$race -count=1 -timeout 0 -v ./integration/soak -args --duration 10m $(ARGS)

.PHONY: faults
faults: ## Break ceremonies in every way that operators meet, and check what logs say: ARGS="--logs DIR --answers FILE --seed 7"
	@go test -count=1 -timeout 0 -v ./integration/faults -args $(ARGS)

.PHONY: sim
sim: ## Run ceremonies of 50 and 100 members on a simulated network: ARGS="-members 200"
	@go test -count=1 -timeout 0 -v ./integration/sim -args -members 50,100 $(ARGS)

.PHONY: many
many: ## Run 1,000 ceremonies at once among four hosts: ARGS="-ceremonies 2000"
	@go test -count=1 -v -run '^TestManyCeremonies' ./integration/limits -args -ceremonies 1000 $(ARGS)

.PHONY: bench
bench: ## Measure what a ceremony costs, next to the least it can cost; takes minutes: ARGS goes to the program
	@go build -o .bin/bench ./integration/bench
	@.bin/bench $(ARGS)

.PHONY: jaeger
jaeger: $(JAEGER) ## Run Jaeger on this machine, and print what to ask it: JAEGER
	@cat integration/jaeger/queries.txt
	@"$(JAEGER)" --config integration/jaeger/jaeger.yaml

.PHONY: test-jaeger
test-jaeger: $(JAEGER) ## Test what an operator sees of ceremonies in a real Jaeger: JAEGER, TESTFLAGS
	JAEGER_BIN="$(abspath $(JAEGER))" go test -count=1 $(TESTFLAGS) ./integration/jaeger

.PHONY: test-prometheus
test-prometheus: $(PROMETHEUS) ## Test alerts and dashboard in a real Prometheus: PROMETHEUS and PROMTOOL, TESTFLAGS
	PROMTOOL="$(abspath $(PROMTOOL))" go test -count=1 $(TESTFLAGS) ./telemetry/prometheus
	PROMETHEUS_BIN="$(abspath $(PROMETHEUS))" go test -count=1 $(TESTFLAGS) ./integration/prometheus

.PHONY: test-kubo
test-kubo: ## Test the plugin of examples/kubo in the real ipfs command: TESTFLAGS
	@mkdir -p .bin
	cd $(KUBO) && GOWORK=off go build -o '$(CURDIR)/.bin/ipfs' .
	KUBO_BIN='$(CURDIR)/.bin/ipfs' go test -count=1 $(TESTFLAGS) ./integration/kubo

.PHONY: test-packaging
test-packaging: ## Test the container file, the compose file and the systemd units with parsers and fxapp itself: TESTFLAGS
	@go build -o .bin/fxapp ./examples/fxapp
	cd $(PACKAGING) && FXAPP_BIN='$(CURDIR)/.bin/fxapp' GOWORK=off go test -count=1 $(TESTFLAGS) ./...

.PHONY: test-page
test-page: ## Look at the status page in Chromium: CHROMIUM, TESTFLAGS, ARGS="-pictures DIR" writes what it sees
	CHROMIUM='$(CHROMIUM)' go test -count=1 $(TESTFLAGS) ./integration/browser -args $(ARGS)

.PHONY: page-picture
page-picture: ## Make the picture of docs/statuspage.md anew: CHROMIUM
	@dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	$(MAKE) --no-print-directory test-page TESTFLAGS='-run FirstScreen/broken' ARGS="-pictures $$dir" && \
	cp "$$dir/03-broken-pair.png" docs/statuspage.png

.PHONY: view-documents
view-documents: ## Record the situations that the terminal view is tested with; then go test ./examples/fxapp/view -update
	go test -count=1 -run RecordDocuments ./integration/browser -args -documents '$(CURDIR)/examples/fxapp/view/testdata/situations'

.PHONY: view-picture
view-picture: ## Make the picture docs/view.svg of the terminal view anew
	go test -count=1 -run PictureOfTheView ./examples/fxapp -args -picture '$(CURDIR)/docs/view.svg'

.PHONY: fuzz
fuzz: ## Fuzz every fuzz target, one after the other, each with FUZZTIME inputs
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
generate-check: ## Fail if the generated code is not what generate would write
	@tools/generate/generate.sh --check

.PHONY: lint
lint: .bin/golangci-lint ## Lint every module, which room may import what included
	.bin/golangci-lint run $(PACKAGES)
	cd $(KUBO) && GOWORK=off '$(CURDIR)/.bin/golangci-lint' run ./...
	cd $(PACKAGING) && GOWORK=off '$(CURDIR)/.bin/golangci-lint' run ./...

.PHONY: fmt
fmt: .bin/golangci-lint ## Format the Go code
	.bin/golangci-lint fmt

.PHONY: vuln
vuln: .bin/govulncheck ## Look for known vulnerabilities that the code can reach, where the database answers
	@errors=$$(mktemp); trap 'rm -f "$$errors"' EXIT; code=0; \
	.bin/govulncheck $(PACKAGES) 2>"$$errors" || code=$$?; \
	if [ $$code -eq 1 ] && grep -q 'fetching vulnerabilities' "$$errors"; then \
		echo 'the vulnerability database does not answer from here: nothing was checked'; exit 0; \
	fi; \
	cat "$$errors" >&2; exit $$code

# Makes a copy of the repository in $synced in which go work sync has raised every module to the workspace's versions.
SYNC = synced=$$(mktemp -d); trap 'rm -rf "$$synced"' EXIT; \
	tar -cf - --exclude=./.git --exclude=./.bin . | tar -xf - -C "$$synced" && (cd "$$synced" && go work sync)

.PHONY: tidy
tidy: ## Tidy every module, and raise the programs, not the libraries, to the workspace's versions
	@$(SYNC) && for module in $(PROGRAMS); do cp "$$synced/$$module/go.mod" $$module/go.mod || exit 1; done
	@for module in $(WORKSPACE) $(KUBO) $(PACKAGING) $(TOOLS); do (cd $$module && GOWORK=off go mod tidy) || exit 1; done

.PHONY: tidy-check
tidy-check: ## Fail if a go.mod is not tidy, or a program names other versions than the workspace builds it with
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
deps-check: ## Fail if the plugin brings an OpenTelemetry SDK, or moves dependencies of the programs that use it
	@go test -count=1 $(TESTFLAGS) -run '^Test(TheRootModule|ANode)' ./integration/standalone

.PHONY: demo-check
demo-check: ## Run the demos: of one process, in every variant, and of several
	@$(MAKE) --no-print-directory demo ARGS=
	@$(MAKE) --no-print-directory demo ARGS='--restart 1 --attempts 3'
	@for fault in '--kill 2' '--differ 2'; do \
		code=0; .bin/fxapp demo $$fault || code=$$?; \
		if [ $$code -ne 1 ]; then echo "demo $$fault exited with code $$code instead of 1" >&2; exit 1; fi; \
	done
	@$(MAKE) --no-print-directory demo-procs ARGS='--late 1s --kill 1 --attempts 2'

.PHONY: soak-check
soak-check: ## Run ceremonies through random faults that are always the same, for two minutes
	@$(MAKE) --no-print-directory soak ARGS='--duration 2m --seed 3384160698'

# The tests come last: what they say is the end of the log.
CI_STEPS := generate-check lint tidy-check standalone deps-check vuln fuzz demo-check release-check test-packaging \
	test-jaeger test-prometheus test-kubo test-page soak-check check many test-floor test

.PHONY: ci
ci: ## Run all checks, as CI does; needs a C compiler
	@$(HAVE_CC) || { echo 'ci needs cgo with a C compiler, for the race detector' >&2; exit 1; }
	@for step in $(CI_STEPS); do \
		echo "==> make $$step"; \
		$(MAKE) --no-print-directory $$step TESTFLAGS='-count=1 $(TESTFLAGS)' || exit 1; \
	done

# Tools are built at the versions that their own modules pin, for the machine they run on. go build leaves an
# up-to-date file alone, hence the touch.
.bin/golangci-lint: tools/lint/go.mod
.bin/govulncheck: tools/vuln/go.mod
# These builds take minutes when nothing of them is in Go's caches. Prometheus finds its targets in its configuration:
# without the tag it would also be built with the clients of two dozen clouds.
$(CURDIR)/.bin/jaeger: integration/jaeger/server/go.mod
$(CURDIR)/.bin/prometheus: integration/prometheus/server/go.mod
$(CURDIR)/.bin/prometheus: TAGS := -tags remove_all_sd
.bin/golangci-lint .bin/govulncheck $(CURDIR)/.bin/jaeger $(CURDIR)/.bin/prometheus:
	@echo 'building $(@F)'
	@mkdir -p .bin
	@cd $(<D) && GOWORK=off GOOS= GOARCH= go build $(TAGS) -o '$(CURDIR)/.bin/' tool
	@touch $@

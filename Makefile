# Everything a person or a machine does with this tree. `make help` lists it.

SHELL       := /bin/bash
export PATH := $(PATH):/usr/sbin:/sbin

.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
GOBUILD := CGO_ENABLED=0 go build -trimpath -ldflags "$(LDFLAGS)"

# The unit suite also runs on 32 bits; the end-to-end tests of cmd/ start 64-bit programs and are left out there.
UNIT = $$(go list ./... | grep -v -e ^clipd/cmd/ -e ^clipd/build/)
QEMU = $$(command -v qemu-arm-static || command -v qemu-arm)
# What the ARM emulator cannot do; all of it runs natively and as 386. It starts no second program of its own kind (nor
# strace), knows no TCP_INFO, does not tell what is in the page cache, and TestHalfOfTheNextRequestIsKept once got another answer in it alone, for a reason not found.
EMULATED = ^Test(FoundOnTheNetwork|Goodbye|Killed|Damages|Compaction|UncleanVerified|InCircles|FlipsNeverReadWrong|Locked|TokensOfTwoProcesses|SettledAcrossUsers|UnreadableFolderAsNobody|Exhausted|BytesGoBySendfile|Sendfile|Memory|SlowIsNotStalled|CachedStretch|HalfOfTheNextRequestIsKept)$$

# Tests with real programs, disks and clocks can be starved on a busy machine, so one that failed is run once more, alone,
# and both outcomes are printed. A data race, a panic, a package that does not build or more than three failures end it.
GOTEST = $(CURDIR)/bin/gotestsum --format pkgname-and-test-fails --format-icons text --format-hide-empty-pkg --rerun-fails=1 \
	--rerun-fails-max-failures=3 --rerun-fails-abort-on-data-race --rerun-fails-run-root-test --packages

# The private key of updates: of nobody else's business, and in no repository.
KEY ?= $(HOME)/.config/clipd/update.key

STATICCHECK := go tool -modfile=build/tools/go.mod staticcheck
CLIENTS     := linux-amd64 linux-arm64 linux-armv6 darwin-arm64 darwin-amd64 windows-amd64

.PHONY: vm-test vm-bench help build arm dist deb key bundle image image-test debtest run web deps test check fuzz soak bench clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/clipd and bin/clipctl for this machine
	$(GOBUILD) -o bin/clipd ./cmd/clipd
	$(GOBUILD) -o bin/clipctl ./cmd/clipctl

arm: ## both programs for Raspberry Pi boards: bin/linux-armv6, bin/linux-armv7, bin/linux-arm64
	GOOS=linux GOARCH=arm GOARM=6 $(GOBUILD) -o bin/linux-armv6/ ./cmd/clipd ./cmd/clipctl
	GOOS=linux GOARCH=arm GOARM=7 $(GOBUILD) -o bin/linux-armv7/ ./cmd/clipd ./cmd/clipctl
	GOOS=linux GOARCH=arm64 $(GOBUILD) -o bin/linux-arm64/ ./cmd/clipd ./cmd/clipctl

dist: $(CLIENTS:%=dist-%) ## clipctl for Linux, macOS and Windows: bin/dist

# dist-OS-CPU; armv6 is Go's GOARCH=arm GOARM=6.
dist-%:
	os=$(word 1,$(subst -, ,$*)) cpu=$(word 2,$(subst -, ,$*)); \
	export GOOS=$$os GOARCH=$${cpu/armv6/arm} GOARM=6; \
	$(GOBUILD) -o bin/dist/clipctl-$*$$([ $$os != windows ] || echo .exe) ./cmd/clipctl

deb: ## Debian packages of clipd and clipctl for armhf (ARMv6 too), arm64 and amd64: bin/deb
	build/deb/build.sh

key: ## the pair of keys that sign updates, beside KEY (~/.config/clipd/update.key): its .pub goes into the image
	mkdir -p -m 0700 "$$(dirname "$(KEY)")"
	go run ./build/bundle key "$(KEY)" "$(KEY:.key=.pub)"

bundle: deb ## signed bundles for clipctl update, of the packages in bin/deb: bin/update
	KEY="$(KEY)" build/bundle.sh

debtest: ## the packages: reproducible, lintian, install, upgrade, remove, purge (as root)
	build/deb/test.sh

image: ## the card image for Pi 3, 4 and Zero 2 W: bin/image (as root; QUICK=1: without compressing it)
	build/deps.sh image
	KEY="$(KEY)" build/image/build.sh

image-test: ## boot that image in emulated boards, through first boot, power cuts and pulled disks (an hour)
	build/deps.sh image
	IMAGE=1 go test -count=1 -timeout 150m -v ./build/image

run: build ## start a box in ./var with nothing configured, and record a sample into it
	exec build/run.sh

web: ## bundle what browsers load: device/httpd/web/src into dist, to be committed
	go -C build/tools run ./bundle ../../device/httpd/web

deps: ## install the programs that tests and checks need, where that is allowed
	build/deps.sh test check bench

test: bin/gotestsum ## all tests: with the race detector, in Chromium, the unit suite on 32-bit x86 and on ARMv6, in an emulated computer
	build/deps.sh test vm
	$(GOTEST) ./... -- -race -timeout 30m
	cd build/browser && $(GOTEST) . -- -count=1 -timeout 10m
	GOARCH=386 CGO_ENABLED=0 $(GOTEST) "$(UNIT)" -- -short -timeout 10m
	GOARCH=arm GOARM=6 CGO_ENABLED=0 $(GOTEST) "$(UNIT)" -- -short -timeout 15m -skip '$(EMULATED)' -exec "$(QEMU)"
	VM=1 $(GOTEST) ./build/vm -- -count=1 -timeout 15m

bin/gotestsum: build/tools/go.mod
	go build -modfile=build/tools/go.mod -o $@ gotest.tools/gotestsum

vm-test: ## tests under another kernel, in an emulated computer: HTTPS whose records the kernel makes
	build/deps.sh vm
	VM=1 go test -count=1 -timeout 15m ./build/vm

vm-bench: build ## what HTTPS costs with and without the kernel's help, in an emulated computer
	build/deps.sh vm
	go run ./build/vm/figure

check: ## formatting, vet on three processors, staticcheck, import direction, systemd units, modules
	build/deps.sh check
	@bad=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$bad" ] || { echo "run gofmt -w on:" $$bad; exit 1; }
	go vet ./...
	GOARCH=arm GOARM=6 go vet ./...
	GOARCH=arm64 go vet ./...
	$(STATICCHECK) ./...
	go test -count=1 -run '^TestImports' ./device
	go -C build/tools run ./bundle -check ../../device/httpd/web
	build/units.sh
	build/image/check.sh
	go mod verify
	go -C build/tools mod verify
	go -C build/browser vet ./...
	go -C build/browser mod verify

fuzz: ## each fuzz test for FUZZTIME (30s) beyond its committed seeds
	build/fuzz.sh $${FUZZTIME:-30s}

soak: build ## HOURS (1) of power cuts, kills, flaps, damages, full disks and clock jumps against a model; SEED repeats a failure
	build/deps.sh test
	CLIPD_SOAK=10m go test -count=1 -parallel 1 -run '^Test(FloorIsHeld|SmallMemory|HostileClients)$$' -v -timeout 1h ./cmd/clipd
	go test -count=1 -run '^TestDamages$$' -v -timeout 1h ./store -damages 45m
	CGO_ENABLED=0 go run ./build/soak -hours $${HOURS:-1} -seed $${SEED:-0}

bench: build arm ## the figures of the README, measured on this machine (QUICK=1: in a minute)
	build/deps.sh bench
	go run ./build/bench $${QUICK:+-quick}

clean: ## remove what was built (what was recorded into var stays)
	rm -rf bin

#!/bin/bash
# Builds the Debian packages clipd and clipctl for each architecture named (all of them, if none is) into bin/deb: the
# same bytes from the same commit, since every time in them is the commit's. Needs no network once the modules are there.
# VERSION names another version than the commit's.
set -eu
cd "$(dirname "$0")/../.."

out=${OUT:-bin/deb}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export TZ=UTC LC_ALL=C
umask 022

# deb_version orders commits between two tags by their time: 1.2.0, then 1.2.0+git20261123060501.80983ac.
deb_version() {
	local tag
	if tag=$(git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null); then
		echo "${tag#v}"
		return
	fi
	tag=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null) || tag=v0.0
	echo "${tag#v}+git$(date -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S).$(git rev-parse --short=7 HEAD)"
}

# programs ARCH builds what the packages of one architecture hold. armhf is ARMv6 here: the same package runs on a Zero,
# a Pi 1 and everything after them.
programs() {
	local goarch=${1/armhf/arm}
	GOOS=linux GOARCH=$goarch GOARM=6 CGO_ENABLED=0 go build -trimpath -buildvcs=false \
		-ldflags "-s -w -buildid= -X main.version=$VERSION" -o "$STAGE/$1/" ./cmd/clipd ./cmd/clipd-boot ./cmd/clipctl
	# The launcher knows how old the program beside it is (device/update).
	GOOS=linux GOARCH=$goarch GOARM=6 CGO_ENABLED=0 go build -trimpath -buildvcs=false \
		-ldflags "-s -w -buildid= -X main.version=$VERSION -X main.built=$SOURCE_DATE_EPOCH" -o "$STAGE/$1/" ./cmd/clipd-launch
}

# compress writes each file named as Debian wants documents: gzip without name and time.
compress() { gzip -9n -f "$@"; }

# documents builds the pages, completions and licences, which are the same for every architecture.
documents() {
	local ctl=$STAGE/native/clipctl shell
	mkdir -p "$STAGE/doc/man" "$STAGE/doc/completion"
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-X main.version=$VERSION" -o "$ctl" ./cmd/clipctl
	"$ctl" man "$STAGE/doc/man"
	cp build/deb/*.[58] "$STAGE/doc/man/"
	compress "$STAGE"/doc/man/*
	for shell in bash zsh fish; do "$ctl" completion "$shell" >"$STAGE/doc/completion/$shell"; done
	build/deb/copyright.sh ./cmd/clipd ./cmd/clipd-boot ./cmd/clipd-launch >"$STAGE/doc/copyright.clipd"
	build/deb/copyright.sh ./cmd/clipctl >"$STAGE/doc/copyright.clipctl"
	printf 'clipd (%s) unstable; urgency=medium\n\n  * Built from commit %s.\n\n -- %s  %s\n' "$VERSION" "$(git rev-parse HEAD)" \
		"$(sed -n 's/^maintainer: //p' build/deb/clipd.yaml)" "$(date -R -d "@$SOURCE_DATE_EPOCH")" >"$STAGE/doc/changelog"
	sed 's/^clipd /clipctl /' "$STAGE/doc/changelog" >"$STAGE/doc/changelog.clipctl"
	compress "$STAGE/doc/changelog" "$STAGE/doc/changelog.clipctl"
	build/deb/example.sh >"$STAGE/doc/clipd.toml"
}

VERSION=${VERSION:-$(deb_version)}
STAGE=$(mktemp -d)
export VERSION STAGE
trap 'rm -rf "$STAGE"' EXIT
mkdir -p "$out"
documents
for ARCH in ${*:-armhf arm64 amd64}; do
	export ARCH
	programs "$ARCH"
	for package in clipd clipctl; do
		go tool -modfile=build/tools/go.mod nfpm package -p deb -f "build/deb/$package.yaml" -t "$out/"
	done
done

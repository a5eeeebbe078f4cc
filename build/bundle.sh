#!/bin/bash
# Makes a signed bundle of each package of clipd in bin/deb, or of those named, into bin/update: the very program of the
# package, so that the same commit and key give the same bytes. KEY is the private key that `make key` made.
set -eu
cd "$(dirname "$0")/.."

out=${OUT:-bin/update}
[ -s "$KEY" ] || { echo "there is no key in $KEY: make key" >&2 && exit 1; }
built=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
go build -o "$work/bundle" ./build/bundle
for package in "${@:-bin/deb/clipd_*.deb}"; do
	for deb in $package; do
		version=$(dpkg-deb -f "$deb" Version) arch=$(dpkg-deb -f "$deb" Architecture)
		dpkg-deb --fsys-tarfile "$deb" | tar -xO ./usr/bin/clipd >"$work/clipd"
		"$work/bundle" sign -key "$KEY" -version "$version" -arch "$arch" -built "$built" "$work/clipd" "$out/clipd_${version}_$arch.update"
		echo "$out/clipd_${version}_$arch.update"
	done
done

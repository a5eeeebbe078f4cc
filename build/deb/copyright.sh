#!/bin/bash
# copyright.sh PACKAGE...: prints the copyright file of a Debian package with these Go programs: the licence of every
# module that is compiled in, as its authors ask.
set -eu
cd "$(dirname "$0")/../.."

# modules prints "path version folder" of every module the programs are made of.
modules() {
	GOOS=linux GOARCH=arm CGO_ENABLED=0 go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' "$@" |
		sort -u
}

# licence prints a licence; the one that every Debian system has is named instead, as its policy asks (§12.5).
licence() {
	if grep -q 'Apache License' "$1" && grep -q 'TERMS AND CONDITIONS' "$1"; then
		grep -i '^ *copyright [^ol]' "$1" | grep -v '\[yyyy\]' || true
		echo "Licensed under the Apache License, Version 2.0: /usr/share/common-licenses/Apache-2.0"
		return
	fi
	cat "$1"
}

echo "This package holds clipd, a box that keeps, announces and serves the clips of a camera."
echo "Copyright: the authors of clipd, as its version history names them."
echo
echo "Its programs are linked statically. They contain the Go standard library and these modules, under these licences:"
while read -r path version folder; do
	printf '\n---- %s %s ----\n\n' "$path" "$version"
	find "$folder" -maxdepth 1 -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' \) | sort | while read -r file; do
		licence "$file"
	done
done < <(modules "$@")
printf '\n---- Go %s ----\n\n' "$(go env GOVERSION)"
cat "$(go env GOROOT)/LICENSE"

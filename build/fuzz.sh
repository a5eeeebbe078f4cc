#!/bin/bash
# fuzz.sh TIME: runs every fuzz test for TIME, one after the other (go test -fuzz takes one target of one package).
set -eu
cd "$(dirname "$0")/.."

go list -f '{{$d := .Dir}}{{$p := .ImportPath}}{{range .TestGoFiles}}{{$p}} {{$d}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$p}} {{$d}}/{{.}}{{"\n"}}{{end}}' ./... |
	while read -r package file; do
		for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
			echo "== $package $target"
			go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" "$package" </dev/null
		done
	done

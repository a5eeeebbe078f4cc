#!/bin/bash
# fuzz.sh TIME: runs every fuzz test for TIME, one after the other (go test -fuzz takes one target of one package).
#
# A failure is an input that was found or that is among the seeds. Go itself says "context deadline exceeded" where the time
# is over while a worker is still at its last input (one of several races in its fuzzer); that alone is
# none.
set -eu
cd "$(dirname "$0")/.."
said=$(mktemp)
trap 'rm -f "$said"' EXIT

# targets prints "package target" of every fuzz test.
targets() {
	go list -f '{{$d := .Dir}}{{$p := .ImportPath}}{{range .TestGoFiles}}{{$p}} {{$d}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$p}} {{$d}}/{{.}}{{"\n"}}{{end}}' ./... |
		while read -r package file; do
			sed -n "s|^func \\(Fuzz[A-Za-z0-9_]*\\)(.*|$package \\1|p" "$file"
		done
}

count=0
while read -r package target; do
	echo "== $package $target"
	if ! go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" -fuzzminimizetime 5s "$package" </dev/null >"$said" 2>&1; then
		tail -40 "$said"
		if grep -qE 'Failing input written|failure while testing seed|panic:' "$said" || ! grep -q 'context deadline exceeded' "$said"; then
			exit 1
		fi
	fi
	tail -2 "$said" | head -1
	count=$((count + 1))
done < <(targets)
echo "$count fuzz tests, $1 each"

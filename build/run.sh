#!/bin/bash
# Starts a box with nothing configured (everything in ./var) and, where nothing was recorded yet, plays recorder once: the
# sample appears under a temporary name and is renamed when it is whole, after the box is ready.
set -eu
cd "$(dirname "$0")/.."

root=var/recordings state=var/state

# ready asks /readyz at the address that the box noted: it may have had to take another port than 8470.
ready() {
	local url address status=
	read -r url <"$state/url" || [ -n "$url" ] || return
	address=${url#http://}
	exec 3<>"/dev/tcp/${address%:*}/${address##*:}"
	printf 'GET /readyz HTTP/1.0\r\nHost: %s\r\n\r\n' "$address" >&3
	read -r status <&3
	[[ $status == *" 200 "* ]]
}

# record waits at most 15 s for the box with process id $1; a recording made before it is ready would be found by its scan.
record() {
	local file
	for _ in {1..75}; do
		kill -0 "$1" 2>/dev/null || return 0
		if (ready) 2>/dev/null; then break; fi
		sleep 0.2
	done
	file=$root/front/$(date +%Y-%m-%d_%H-%M-%S).mp4
	mkdir -p "$root/front"
	cp build/sample/sample.mp4 "$file.part"
	mv "$file.part" "$file"
}

if [ -z "$(find "$root" -type f ! -name '.*' -print -quit 2>/dev/null)" ]; then
	(record $$ &) # in a shell of its own, so that it is no child of the box
fi
exec bin/clipd "$@"

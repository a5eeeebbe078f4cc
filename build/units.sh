#!/bin/bash
# Checks the systemd units of this tree without installing them: copies name a program that exists, so that what
# systemd-analyze says is about the unit. Every service has a limit of exposure.
set -eu
cd "$(dirname "$0")/.."

copies=$(mktemp -d)
trap 'rm -rf "$copies"' EXIT
for unit in systemd/*.service systemd/*.path; do
	sed -E 's#=(/usr/bin/clipd|/usr/lib/clipd/[a-z-]+)#=/bin/true#' "$unit" >"$copies/${unit##*/}"
done
cp "$copies/clipd-recorder@.service" "$copies/clipd-recorder@front.service"
systemd-analyze verify --man=no --recursive-errors=no "$copies"/*[^@].service "$copies"/*.path

# exposed UNIT TENTHS: the exposure that systemd-analyze finds may be that at most.
exposed() {
	if ! systemd-analyze security --no-pager --offline=true --threshold="$2" "$copies/$1" >"$copies/security"; then
		grep -v ✓ "$copies/security"
		exit 1
	fi
	tail -n 1 "$copies/security"
}
exposed clipd.service 15
exposed clipd-recorder@front.service 21 # devices of cameras
exposed clipd-apply.service 23          # root, without most of what that means
exposed clipd-boot.service 55           # sets up the whole system, once a boot, before the network
exposed clipd-boot-log.service 50       # writes to a mounted FAT
for unit in "$copies"/*.service; do
	grep -q "^exposed ${unit##*/} " "$0" || [ "${unit##*@}" = .service ] || { echo "${unit##*/} has no limit in $0" >&2 && exit 1; }
done

#!/bin/bash
# foreign.sh COMMAND...: runs COMMAND as root in a user namespace of its own in which programs for arm64 run through
# qemu. The rest of the machine does not see it: binfmt_misc belongs to the user namespace since Linux 6.7.
set -eu

if [ "${1:-}" = --inside ]; then
	shift
	mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
	# ELF, 64 bits, little endian, AArch64; F opens the interpreter now, so that it is found in any root (kernel's
	# admin-guide/binfmt-misc).
	printf '%s' ':qemu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-aarch64-static:OCF' \
		>/proc/sys/fs/binfmt_misc/register
	exec "$@"
fi

gate=$(mktemp -u)
mkfifo "$gate"
# Until its ids are mapped, a process in a new namespace is nobody; what it starts after that is root again.
unshare --user --kill-child bash -c 'read -r <"$0"; exec unshare --mount --pid --fork --kill-child --mount-proc "$@"' \
	"$gate" "$(realpath "$0")" --inside "$@" &
child=$!
until [ "$(readlink "/proc/$child/ns/user")" != "$(readlink /proc/self/ns/user)" ]; do sleep 0.05; done
echo '0 0 65536' >"/proc/$child/uid_map"
echo '0 0 65536' >"/proc/$child/gid_map"
echo go >"$gate"
rm "$gate"
wait "$child"

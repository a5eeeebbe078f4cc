#!/bin/bash
# foreign.sh PROCESSOR COMMAND...: runs COMMAND as root in a user namespace of its own in which programs for PROCESSOR (arm:
# 32 bits, or aarch64) run through qemu. The rest of the machine does not see it: binfmt_misc belongs to the user namespace
# since Linux 6.7.
set -eu

# How their ELF headers begin, little endian; the kernel's admin-guide/binfmt-misc says the format.
declare -A magic=([arm]='\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00'
	[aarch64]='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00')
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'

if [ "${1:-}" = --inside ]; then
	processor=$2
	shift 2
	mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
	# F opens the interpreter now, so that it is found in any root.
	printf '%s' ":qemu-$processor:M::${magic[$processor]}:$mask:$(command -v "qemu-$processor-static"):OCF" \
		>/proc/sys/fs/binfmt_misc/register
	exec "$@"
fi
: "${magic[$1]?no such processor}"

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

#!/bin/bash
# armhf.sh PACKAGES ROOT: makes a Debian for armhf in ROOT, installs the packages for it from the folder PACKAGES there and
# uses them: a recording becomes a clip, the client fetches and verifies it. Runs inside build/foreign.sh.
set -eu
packages=$(realpath "$1") root=$2
cd "$(dirname "$0")/../.."

fail() {
	echo "FAILED on armhf: $*" >&2
	[ ! -s "$root/box.log" ] || cat "$root/box.log" >&2
	exit 1
}
inside() { chroot "$root" env PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }

# eventually tries for two minutes.
eventually() {
	local end=$((SECONDS + 120))
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || fail "this never came: $*"
		sleep 0.5
	done
}

site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sort -u | head -n 1)
mmdebstrap --quiet --mode=root --arch=armhf --variant=minbase --skip=check/qemu --aptopt='APT::Install-Recommends "false"' \
	--include=systemd trixie "$root" "deb $site trixie main"
mount --bind /proc "$root/proc"
for device in null urandom; do
	touch "$root/dev/$device"
	mount --bind "/dev/$device" "$root/dev/$device"
done
[ "$(inside uname -m)" = armv7l ] || fail "the emulator is $(inside uname -m)"

cp "$packages"/*_armhf.deb "$root/"
inside sh -c 'dpkg -i /*_armhf.deb'
inside clipd -version
inside clipd -config /etc/clipd/clipd.toml -check-config || fail "the configuration that was installed"
# Each of these becomes the next, so that the process that is stopped later is clipd.
chroot "$root" /usr/bin/env PATH=/usr/sbin:/usr/bin setpriv --reuid=clipd --regid=clipd --init-groups clipd -config /etc/clipd/clipd.toml -listen 127.0.0.1:18470 -broker none 2>"$root/box.log" &
box=$!
eventually grep -q msg=ready "$root/box.log"
mkdir -p "$root/var/lib/clipd/recordings/front"
install -m 0644 build/sample/sample.mp4 "$root/var/lib/clipd/recordings/front/a.mp4"
ctl() { inside clipctl --url http://127.0.0.1:18470 --token-file /var/lib/clipd/state/admin-token "$@"; }
listed() { ctl ls --json | grep -q front/a.mp4; }
eventually listed
ctl pull --layout '{name}' /pulled || fail "the clip was not pulled"
cmp build/sample/sample.mp4 "$root/pulled/a.mp4" || fail "the clip is not what was recorded"
ctl status || fail "the box states a problem"
kill -TERM $box
wait $box || fail "it did not stop in order"
inside dpkg -P clipd clipctl
echo "armhf: in order"

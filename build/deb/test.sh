#!/bin/bash
# Tests the packages: the same bytes twice; no error from lintian; installing, upgrading, removing and purging in a Debian
# of their own leave state and recordings as they promise; the one for armhf works in an emulator; the units work under
# systemd, and an upgrade while clips download loses nothing. Needs root.
set -eu
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'umount "$work/root/proc" 2>/dev/null || true; rm -rf "$work"' EXIT
root=$work/root

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

# same builds the packages of one processor twice and compares them; what was built stays in $work/one.
same() {
	OUT=$work/one build/deb/build.sh amd64 armhf
	OUT=$work/two build/deb/build.sh amd64
	OUT=$work/newer VERSION=$(dpkg-deb -f "$work"/one/clipd_*_amd64.deb Version)+newer build/deb/build.sh amd64
	for package in "$work"/two/*.deb; do
		cmp "$package" "$work/one/${package##*/}" || fail "${package##*/}: the same commit gave other bytes"
	done
}

lint() {
	for package in "$work"/one/*.deb; do
		lintian --allow-root --fail-on error "$package" >"$work/lint" 2>&1 || { cat "$work/lint" && fail "lintian on ${package##*/}"; }
	done
}

# debian makes a system to install into, with the systemd tools that the package uses; nothing is running in it.
debian() {
	local site
	site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sort -u | head -n 1)
	mmdebstrap --quiet --variant=minbase --include=systemd-sysv,curl trixie "$work/debian.tar" "deb $site trixie main"
	mkdir "$root"
	tar -C "$root" -xf "$work/debian.tar" --exclude=./dev/*
	mknod -m 666 "$root/dev/null" c 1 3
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod +x "$root/usr/sbin/policy-rc.d"
	mount -t proc proc "$root/proc"
}

# boots: the units under a real systemd, in an emulated computer with Debian's kernel for virtual ones.
boots() {
	local name
	name=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: //p' | head -n 1)
	mkdir "$work/kernel"
	(cd "$work/kernel" && apt-get download -q "$name" && dpkg-deb -x ./*.deb .)
	bundles
	timeout 30m build/deb/boot.sh "$work"/kernel/boot/vmlinuz-* "$work/debian.tar" "$work/one" "$work"/newer/clipd_*_amd64.deb "$work/bundles"
}

# bundles makes one that works and one that does not, and the key to them.
bundles() {
	mkdir "$work/bundles"
	go build -o "$work/bundle" ./build/bundle
	"$work/bundle" key "$work/update.key" "$work/bundles/update.pub"
	dpkg-deb -x "$work"/newer/clipd_*_amd64.deb "$work/newer/root"
	local sign=("$work/bundle" sign -key "$work/update.key" -arch amd64 -built "$(git log -1 --format=%ct)")
	"${sign[@]}" -version 2.0 "$work/newer/root/usr/bin/clipd" "$work/bundles/good.update"
	"${sign[@]}" -version 3.0 /bin/false "$work/bundles/broken.update"
}

# foreign: the package for armhf, installed and used in a Debian for 32-bit ARM that runs in an emulator.
foreign() {
	build/foreign.sh arm build/deb/armhf.sh "$work/one" "$work/armhf"
}

inside() { chroot "$root" env PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }

# archives are the packages there whose names match $1.
archives() { (cd "$root" && printf '/%s\n' $1_amd64.deb); }

expect() { # FILE "MODE OWNER:GROUP"
	[ "$(inside stat -c '%a %U:%G' "$1")" = "$2" ] || fail "$1 is $(inside stat -c '%a %U:%G' "$1"), not $2"
}

installs() {
	cp "$work"/one/*_amd64.deb "$root/"
	inside dpkg -i $(archives "*")
	expect /var/lib/clipd "750 clipd:clipd"
	expect /var/lib/clipd/recordings "2770 clipd:clipd"
	inside id clipd-recorder >/dev/null || fail "no user records"
	inside clipd -config /etc/clipd/clipd.toml -check-config >"$work/check" || fail "the configuration that was installed: $(cat "$work/check")"
	[ -L "$root/etc/systemd/system/multi-user.target.wants/clipd.service" ] || fail "clipd.service is not enabled"
	[ -s "$root/usr/share/man/man1/clipctl.1.gz" ] || fail "no manual"
	! grep -vE '^(#|\[|$)' "$root/etc/clipd/clipd.toml" || fail "a setting of the example is not commented out"
}

# lives records, so that there is something to lose.
lives() {
	mkdir -p "$root/var/lib/clipd/state" "$root/var/lib/clipd/recordings/front"
	echo precious >"$root/var/lib/clipd/recordings/front/a.mp4"
	echo secret >"$root/var/lib/clipd/state/tokens"
	sed -i 's|^# name = ""|name = "porch"|' "$root/etc/clipd/clipd.toml"
}

upgrades() {
	inside dpkg -i $(archives "clipd_*")
	grep -q porch "$root/etc/clipd/clipd.toml" || fail "an upgrade lost a setting"
	[ -s "$root/var/lib/clipd/state/tokens" ] || fail "an upgrade lost the state"
}

goes() {
	inside dpkg -r clipd clipctl
	[ -s "$root/var/lib/clipd/state/tokens" ] || fail "removing lost the state"
	[ ! -e "$root/usr/bin/clipd" ] || fail "removing left the program"
	inside dpkg -P clipd clipctl
	[ ! -e "$root/var/lib/clipd/state" ] || fail "purging left the state"
	[ ! -e "$root/etc/clipd" ] || fail "purging left $(find "$root/etc/clipd")"
	[ "$(cat "$root/var/lib/clipd/recordings/front/a.mp4")" = precious ] || fail "purging touched a recording"
	[ -z "$(find "$root/etc/systemd" -name '*clipd*')" ] || fail "purging left $(find "$root/etc/systemd" -name '*clipd*')"
}

# motion: another program records as a user of its own. One edited line, and what -check-config prints, is enough.
motion() {
	inside dpkg -i $(archives "clipd_*")
	inside useradd --system --user-group motion
	mkdir -p "$root/srv/motion/clips"
	echo x >"$root/srv/motion/clips/a.mp4"
	inside chown -R motion:motion /srv/motion
	chmod 0750 "$root/srv/motion" "$root/srv/motion/clips"
	sed -i 's|^# root = .*|root = "/srv/motion/clips"|' "$root/etc/clipd/clipd.toml"
	local try
	for try in 1 2 3 4; do
		inside clipd -config /etc/clipd/clipd.toml -check-config >"$work/check"
		grep -q 'this mends it' "$work/check" || break
		sed -n 's/^    //p' "$work/check" | grep -v '^systemctl' >"$root/mend"
		inside sh -e /mend
	done
	cat "$work/check"
	inside id -nG clipd | grep -qw motion || fail "the group was not asked for"
	grep -qx 'ReadWritePaths=-/srv/motion' "$root/etc/systemd/system/clipd.service.d/root.conf" || fail "the drop-in was not asked for"
	grep -q 'read: works' "$work/check" && grep -q 'write: works' "$work/check" || fail "after $try rounds the folder is still closed"
	inside dpkg -P clipd
	rm -r "$root/etc/systemd/system/clipd.service.d"
}

# refuses: a version that does not accept the configuration must not stop the one that runs. systemd is a stand-in here
# that notes what it is told; everything else is real.
refuses() {
	inside dpkg -i $(archives "clipd_*")
	mkdir -p "$root/run/systemd/system"
	mv "$root/usr/bin/systemctl" "$root/usr/bin/systemctl.real"
	printf '#!/bin/sh\necho "$*" >>/told\n' >"$root/usr/bin/systemctl"
	chmod +x "$root/usr/bin/systemctl"
	rm "$root/usr/sbin/policy-rc.d"
	inside dpkg -i $(archives "clipd_*")
	grep -q 'restart.*clipd.service' "$root/told" || fail "an accepted configuration: systemd was told $(cat "$root/told")"
	echo 'nmae = "x"' | cat - "$root/etc/clipd/clipd.toml" >"$work/toml" && cp "$work/toml" "$root/etc/clipd/clipd.toml"
	: >"$root/told"
	inside dpkg -i $(archives "clipd_*") 2>"$work/said"
	grep -q 'did you mean name' "$work/said" || fail "what is wrong was not said: $(cat "$work/said")"
	! grep -q 'restart.*clipd.service' "$root/told" || fail "the running version was restarted into a configuration it refuses"
}

build/deps.sh deb
same
lint
debian
installs
lives
upgrades
goes
motion
refuses
foreign
boots
echo "packages: in order"
